"""What people and alerts hear of: the log lines, their form, and when they come."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from scim.app import connector
from scim.context import request_context, tell
from scim.errors import Unavailable
from scim.model import Policies
from tests.door import Door, user

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"


def events(caplog, name: str) -> list[dict]:
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.getMessage().startswith("{")]
    return [line for line in lines if line.get("event") == name]


def test_an_event_is_one_line_of_json_whatever_is_in_it(caplog):
    tell(logging.getLogger("scim.test"), "vault.unreachable", vault='a "b"\n{c}', detail="100 % of %s", count=3)
    assert "\n" not in caplog.records[0].getMessage()
    assert events(caplog, "vault.unreachable")[0]["vault"] == 'a "b"\n{c}'


async def test_each_request_is_one_line_of_json_without_names_and_secrets(caplog):
    door = Door()
    client = await door.client()
    with caplog.at_level(logging.INFO, logger="scim"):
        await client.post("/Users", json=user("canary-name", password="Canary-pass-1!", externalId="canary-ext"))
        await client.get('/Users?filter=userName eq "canary-name"')
    lines = [json.loads(r.getMessage()) for r in caplog.records if r.name == "scim.requests"]
    assert [("POST", "/Users", 201), ("GET", "/Users", 200)] == [(x["method"], x["route"], x["status"]) for x in lines]
    assert all(x.keys() == {"connection", "method", "route", "status", "ms", "upstream", "requestId"} for x in lines)
    assert "canary" not in caplog.text.lower()


async def test_a_held_change_is_told(caplog):
    door = Door(users=20)
    client = await door.client(policies=Policies(breaker_floor=0, breaker_percent=0))
    made = (await client.get("/Users?filter=active eq true&count=3")).json()["Resources"]
    refused = [await client.delete(f"/Users/{found['id']}") for found in made]
    assert 503 in {answer.status_code for answer in refused}
    told = events(caplog, "breaker.open")
    assert told
    assert ("entra", 0) == (told[0]["connection"], told[0]["limit"])


async def test_a_vault_that_is_away_is_told_by_each_run_of_the_timer(caplog):
    door = Door()
    await (await door.client()).get("/Users?count=1")
    await door.upkeep()
    assert not events(caplog, "vault.unreachable")
    door.fail({"match": ".*", "times": 1000, "do": "drop-before"})
    await door.upkeep()
    assert events(caplog, "vault.unreachable")[0]["vault"] == "vault"


async def test_an_edited_audit_trail_is_told_by_the_timer(caplog):
    door = Door()
    client = await door.client()
    await client.post("/Users", json=user("ann"))
    await door.upkeep()
    assert not events(caplog, "audit.chain_broken")
    table = door.store.table("audit")
    place, row = next((place, row) for place, row in table.rows.items() if place[0] != "anchors")
    table.rows[place] = replace(row, values={**row.values, "event": row.values["event"].replace("ann", "bob")})
    await door.upkeep()
    assert not events(caplog, "audit.chain_broken"), "it is looked at a few times a day, not at every run"
    await door.store.table("settings").delete("settings", "audit-verified")
    await door.upkeep()
    assert events(caplog, "audit.chain_broken")[0]["kind"] == "edited"


@pytest.mark.parametrize("level", ["warning", "DEBUG"])
def test_the_level_of_the_log_is_a_setting(monkeypatch, level):
    monkeypatch.setenv("SCIM_LOG_LEVEL", level)
    monkeypatch.setenv("SCIM_PUBLIC_URL", "https://x.example")
    monkeypatch.setenv("SCIM_TABLES_ENDPOINT", "https://x.table.core.windows.net")
    before = logging.getLogger("scim").level
    connector.cache_clear()
    try:
        connector()
        assert logging.getLogger("scim").level == getattr(logging, level.upper())
    finally:
        logging.getLogger("scim").setLevel(before)
        connector.cache_clear()


def test_a_level_that_does_not_exist_is_refused_in_words(monkeypatch):
    monkeypatch.setenv("SCIM_LOG_LEVEL", "LOUD")
    connector.cache_clear()
    with pytest.raises(Unavailable, match="SCIM_LOG_LEVEL"):
        connector()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", True),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", False),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", False),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", False),
        ("anything else", False),
        ("", False),
    ],
)
def test_only_a_true_traceparent_goes_on_to_the_vault(sent, kept):
    with request_context("r", 1, sent) as context:
        assert context.traceparent == (sent if kept else "")
