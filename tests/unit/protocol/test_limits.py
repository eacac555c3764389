"""The door: what is too big, too deep or ambiguous never gets in, and finding that out is cheap."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest

from scim.errors import ConnectorError, InvalidFilter, InvalidPath, InvalidSyntax, TooLarge
from scim.protocol.dialects import normalise_query
from scim.protocol.limits import check_filter, check_patch, parse_json

BOMBS = {
    "2 kB of brackets": b"[" * 2_000,
    "closed brackets, 21 deep": b"[" * 21 + b"]" * 21,
    "objects and arrays mixed, 22 deep": b'{"a":[' * 11 + b"]}" * 11,
    "an integer of 5,000 digits": b'{"a":' + b"9" * 5_000 + b"}",
    "an integer past 64 bits": b"[9223372036854775808]",
    "a negative one": b"[-9223372036854775809]",
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "a number too big for a double": b"[1e400]",
    "a member named twice": b'{"active":true,"active":false}',
    "named twice by an escape": b'{"active":true,"\\u0061ctive":false}',
    "named twice further down": b'{"a":[{"b":1,"b":2}]}',
    "a lone surrogate": b'{"userName":"\\ud800"}',
    "a surrogate as bytes": b'"\xed\xa0\x80"',
    "bytes that are no UTF-8": b'{"userName":"\xff"}',
    "nothing": b"",
    "only a byte order mark": b"\xef\xbb\xbf",
    "only space": b" \r\n",
    "half an object": b'{"a":1',
    "a string without an end": b'{"a":"\\"}',
    "two documents": b"{}{}",
    "UTF-16": "{}".encode("utf-16"),
}


@pytest.mark.parametrize("body", BOMBS.values(), ids=BOMBS.keys())
def test_a_json_bomb_is_refused_as_invalid_syntax_with_words(body: bytes) -> None:
    with pytest.raises(InvalidSyntax) as refused:
        parse_json(body)
    assert len(refused.value.detail) > 20


def test_a_member_named_twice_is_named_in_the_refusal() -> None:
    with pytest.raises(InvalidSyntax, match="'active'"):
        parse_json(b'{"x":{"active":true,"active":false}}')


@pytest.mark.parametrize(
    "value",
    [
        {"a": "braces { [ and : in text", "b": 'a quote " and a backslash \\', "c": "\\\\"},
        [9223372036854775807, -9223372036854775808, 0.12345678901234567890123, 1e10, -0.5],
        {"names": {"differ": 1, "Differ": 2}},
        "just text",
        {"deep": json.loads("[" * 19 + "]" * 19)},
        {"ü": "日本\u0000"},
    ],
)
def test_what_is_valid_comes_through_as_it_was_sent(value: Any) -> None:
    assert value == parse_json(json.dumps(value).encode())
    assert value == parse_json(json.dumps(value, ensure_ascii=False).encode())


def test_a_byte_order_mark_is_tolerated() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_is_413() -> None:
    body = b'"' + b"a" * (1_048_576 - 2) + b'"'
    assert len(parse_json(body)) == 1_048_574
    with pytest.raises(TooLarge):
        parse_json(body + b" ")


@pytest.mark.parametrize(
    "body",
    [
        b"[]" * 500_000,
        b'"' + b'\\"' * 500_000,
        b"{" * 1_000_000,
        (b"[" * 20 + b"]" * 20 + b",") * 25_000,
        b'{"' + b"\\" * 1_000_000,
        b"[" + b"1234567890123456789," * 50_000 + b"1]",
    ],
)
def test_a_megabyte_of_malice_costs_less_than_a_second(body: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(InvalidSyntax):
        parse_json(body)
    assert time.process_time() - started < 1


HOSTILE_FILTERS = [
    "(" * 10_000,
    "(" * 33 + "a pr" + ")" * 33,
    "not(" * 3_000,
    " or ".join(["a eq 1"] * 51),
    'a eq "' + '\\"' * 5_000,
    "a eq '" + "'x" * 5_000,
    "a eq " + "'" * 10_000,
    "[" * 10_000,
    "a[" * 3_000,
    '"' * 9_999,
    "a" * 10_000,
    "+" * 10_000,
    " " * 10_000,
    "a eq " + "9" * 10_000,
    "\\" * 10_000,
    "and " * 2_500,
]


@pytest.mark.parametrize("text", HOSTILE_FILTERS, ids=range(len(HOSTILE_FILTERS)))
@pytest.mark.parametrize("length", [10_000, 4_096])
def test_a_hostile_filter_is_judged_in_under_50_ms(text: str, length: int) -> None:
    text = text[:length]
    started = time.process_time()
    for call in (lambda: check_filter(text), lambda: normalise_query("filter=" + text, resource_type="User")):
        with contextlib.suppress(ConnectorError):
            call()
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x" * 4_097, "4096"),
        ("é" * 2_049, "4096"),
        (" or ".join(["a pr"] * 51), "51 terms"),
        ("(" * 33, "32 levels"),
        ("emails[" * 20 + "(" * 13, "32 levels"),
    ],
)
def test_a_filter_over_a_limit_is_refused_with_the_limit_in_its_words(text: str, word: str) -> None:
    with pytest.raises(InvalidFilter, match=word):
        check_filter(text)


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(["a pr"] * 50),
        "(" * 32 + "a pr" + ")" * 32,
        'a eq "' + "and or (((( " * 50 + '"',
        "(a pr) and " * 33 + "(b pr)",
    ],
)
def test_a_filter_at_the_limits_passes(text: str) -> None:
    check_filter(text)


def _patch(*operations: Any) -> dict[str, Any]:
    return {"Operations": list(operations)}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (_patch(*[{"op": "add"}] * 1_001), TooLarge),
        ({"operations": [{"op": "add"}] * 1_001}, TooLarge),
        (_patch({"op": "add", "path": "members", "value": [{"value": "1"}] * 1_001}), TooLarge),
        (_patch(*[{"op": "add", "path": "members", "value": [{"value": "1"}] * 501}] * 2), TooLarge),
        (_patch({"OP": "add", "Value": {"members": ["1"] * 1_001}}), TooLarge),
        (_patch({"op": "replace", "path": "emails", "value": [{"value": "1"}] * 1_001}), TooLarge),
        (_patch({"op": "replace", "value": {f"a{n}": n for n in range(1_001)}}), TooLarge),
        (_patch({"op": "add", "path": "a" * 513}), InvalidPath),
        (_patch({"op": "add", "value": {"a" * 513: 1}}), InvalidPath),
        (_patch({"op": "add", "path": "a[" + "(" * 40}), InvalidFilter),
    ],
)
def test_a_patch_over_a_limit_is_refused(body: Any, error: type[ConnectorError]) -> None:
    with pytest.raises(error):
        check_patch(body)


@pytest.mark.parametrize(
    "body",
    [
        _patch(*[{"op": "add", "path": "a" * 512}] * 1_000),
        _patch({"op": "add", "path": "members", "value": [{"value": "1"}] * 1_000}),
        _patch({"op": "replace", "value": {f"a{n}": n for n in range(1_000)}}),
        _patch("not an operation", {"path": 7}),
        {"Operations": "not a list"},
        ["not an object"],
    ],
)
def test_a_patch_at_the_limits_or_without_shape_is_left_to_others(body: Any) -> None:
    check_patch(body)
