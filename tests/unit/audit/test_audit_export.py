from __future__ import annotations

import csv
import io

import orjson
import pytest

from scim.audit.events import Entry
from scim.audit.export import COLUMNS, as_csv, as_jsonl, harmless

PAYLOADS = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "＝1",
    '=HYPERLINK("http://x")',
    "'=1",
    '"=1',
    '";=1;"',
    "a\n=1",
]


async def entries(*events):
    for number, event in enumerate(events):
        yield Entry("20260101|i", number, "0" * 64, event)


async def joined(lines) -> str:
    return "".join([line async for line in lines])


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_no_cell_is_a_formula(event, payload):
    made = event(object_name=payload, connection_name=payload, detail=payload, steps=(payload, payload))
    text = await joined(as_csv(entries(made)))
    heading, row = csv.reader(io.StringIO(text, newline=""))
    assert len(heading) == len(row)
    for cell in row:
        assert not cell.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))


async def test_every_cell_is_quoted_and_every_event_is_one_record(event):
    text = await joined(as_csv(entries(event(1, object_name='a,"b"\nc'), event(2))))
    records = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [record["object_name"] for record in records] == ['a,"b"\nc', ""]
    assert text.startswith('"at","connection_name"')


async def test_the_csv_holds_every_field_of_an_event(event):
    from scim.audit.events import _FIELDS

    assert set(_FIELDS) == set(COLUMNS)


async def test_jsonl_is_faithful(event):
    made = event(object_name="=1", steps=("a", "b"))
    (line,) = (await joined(as_jsonl(entries(made)))).splitlines()
    read = orjson.loads(line)
    assert (read["object_name"], read["steps"], read["seq"], read["partition"]) == ("=1", ["a", "b"], 0, "20260101|i")


@pytest.mark.parametrize("text", ["", "Zoë", "a=b", "1-2", "user@example.com", "'quoted'"])
def test_harmless_text_stays_as_it_is(text):
    assert text == harmless(text)
