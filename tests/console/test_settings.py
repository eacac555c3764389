"""What administrators set: one list for page, API and command line, and it holds in every request."""

from __future__ import annotations

from typing import Any

import pytest

from scim.administration.settings import NUMBERS, change_settings, checked
from scim.errors import InvalidValue
from scim.store.switches import Switched
from tests.console.rig import Rig
from tests.door import Door, patch, user


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: n.name)
def test_a_number_has_bounds_and_says_them(number: Any) -> None:
    for good in (number.low, number.high, str(number.low)):
        assert {number.name: int(good)} == checked({number.name: good})
    for bad in (number.low - 1, number.high + 1, "x", "-1", True, 1.5, "9" * 400, "١"):
        with pytest.raises(InvalidValue, match=f"{number.low} to {number.high} {number.unit}"):
            checked({number.name: bad})
    assert hasattr(Switched(), number.name)


def test_an_unknown_setting_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidValue, match="bulk_operations"):
        checked({"error_treshold": 3})


async def test_the_page_changes_them_and_says_what_is_wrong() -> None:
    rig = await Rig().furnish()
    async with rig.signed_in("admin") as browser:
        page = (await browser.get("/console/settings")).text
        assert all(f'name="{number.name}"' in page for number in NUMBERS)
        form = {"messages": "outline", "note": "", "message_days": "5", "bulk_operations": "10", "bulk_bytes": "4096",
                "vault_failures": "3", "token_days": "90", "sweep_seconds": ""}  # fmt: skip
        assert 303 == (await browser.post("/console/settings", data=form)).status_code
        kept = await rig.connector.switches.read(fresh=True)
        assert (10, 4096, 3, 90, None) == (
            kept.bulk_operations, kept.bulk_bytes, kept.vault_failures, kept.token_days, kept.sweep_seconds
        )  # fmt: skip
        wrong = await browser.post("/console/settings", data={**form, "token_days": "9999"})
        assert 400 == wrong.status_code
        assert "1 to 730 days" in wrong.text
        assert kept == await rig.connector.switches.read(fresh=True)


async def test_the_api_changes_them_and_null_gives_the_sweep_back_to_the_environment() -> None:
    rig = await Rig().furnish()
    async with rig.signed_in("admin") as browser:
        changed = await browser.patch("/console/api/settings", json={"sweep_seconds": 60, "bulk_operations": 5})
        assert (200, 60, 5) == (
            changed.status_code, changed.json()["sweep_seconds"], changed.json()["bulk_operations"]
        )  # fmt: skip
        back = await browser.patch("/console/api/settings", json={"sweep_seconds": None})
        assert (200, None) == (back.status_code, back.json()["sweep_seconds"])
        assert 400 == (await browser.patch("/console/api/settings", json={"bulk_operations": None})).status_code
        assert 400 == (await browser.patch("/console/api/settings", json={"bulk_operations": 1001})).status_code


async def test_a_bulk_is_held_to_what_service_provider_config_says() -> None:
    door = Door()
    client = await door.open(await door.token(await door.connection()))
    assert {"maxOperations": 1000, "maxPayloadSize": 1_048_576}.items() <= (await bulk_of(client)).items()
    await change_settings(door.connector.switches, checked({"bulk_operations": 2, "bulk_bytes": 2000}))
    assert {"maxOperations": 2, "maxPayloadSize": 2000}.items() <= (await bulk_of(client)).items()
    for operations, said in ((three(), "2 are allowed"), (three("x" * 2000)[:1], "2000 are allowed")):
        answer = await client.post("/Bulk", json={"schemas": [BULK], "Operations": operations})
        assert (413, True) == (answer.status_code, said in answer.json()["detail"]), answer.text
    assert 200 == (await client.post("/Bulk", json={"schemas": [BULK], "Operations": three()[:2]})).status_code
    assert 201 == (await client.post("/Users", json=user("big", displayName="d" * 200, title="t" * 3000))).status_code


BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"


def three(name: str = "") -> list[dict[str, Any]]:
    return [{"method": "POST", "path": "/Users", "bulkId": f"b{n}", "data": user(f"bulk.{n}{name}")} for n in range(3)]


async def bulk_of(client: Any) -> dict[str, Any]:
    return dict((await client.get("/ServiceProviderConfig")).json()["bulk"])


async def test_the_circuit_opens_after_as_many_failures_as_were_set_and_mends_itself() -> None:
    door = Door()
    connection = await door.connection()
    client = await door.open(await door.token(connection))
    assert 200 == (await client.get("/Users?count=1")).status_code
    session = door.connector.sessions.opened[0]
    await change_settings(door.connector.switches, checked({"vault_failures": 2}))
    assert 200 == (await client.get("/Users?count=1")).status_code
    assert 2 == session.directory.client.breaker.limit
    for _ in range(2):
        session.directory.client.breaker.failed()
    assert session.directory.circuit_open
    assert 503 == (await client.get("/Users?count=1")).status_code
    session.directory.client.breaker._opens_at = 0.0
    assert 200 == (await client.get("/Users?count=1")).status_code
    assert not session.directory.circuit_open
    made = (await client.post("/Users", json=user("later"))).json()
    again = {"op": "replace", "path": "active", "value": False}
    assert 200 == (await client.patch(f"/Users/{made['id']}", json=patch(again))).status_code
