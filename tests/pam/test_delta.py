"""`meta.lastModified gt`: true at once for what we changed, after a sweep for what others did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from scim.directory.sweep import sweep
from tests.pam.test_privileged_data import body
from tests.pam.world import World

Make = Callable[..., World]
TYPES = ("Users", "Groups", "Containers", "ContainerPermissions", "PrivilegedData", "PrivilegedDataPermissions")


async def swept(w: World) -> dict[str, int]:
    """One sweep, whatever was swept before, from readings that are not older than this."""
    if w.connection is None:
        await w.send("GET", "/Roles")
    session = await w.connector.session(w.connection.vault)  # type: ignore[union-attr]
    for index in session.directory.indexes.values():
        index.forget()
    session.directory._folders.forget()
    return await sweep(session.directory, w.connector.attributes, session.vault.id, every=timedelta(0))


async def delta(w: World, endpoint: str, since: datetime) -> set[str]:
    when = since.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    answer = await w.send("GET", f'/{endpoint}?filter=meta.lastModified gt "{when}"&count=500')
    assert 200 == answer.status, answer.body
    return {r["id"] for r in answer.body["Resources"]}


async def test_our_own_changes_are_in_the_next_delta_and_nothing_else(world: Make) -> None:
    w = world({"break_inheritance": "break"})
    await swept(w)
    start = datetime.now(UTC)
    await asyncio.sleep(0.01)
    folder = (await w.made("/Containers", {"name": "Fresh"}))["id"]
    secret = (await w.made("/PrivilegedData", body(folder=folder)))["id"]
    holder = {"user": {"value": str(w.person().id)}}
    grant = (await w.made("/ContainerPermissions", {"container": {"value": folder}, **holder, "rights": ["View"]}))[
        "id"
    ]
    more = (
        await w.made("/PrivilegedDataPermissions", {"privilegedData": {"value": secret}, **holder, "rights": ["View"]})
    )["id"]
    wanted = {"Containers": folder, "ContainerPermissions": grant, "PrivilegedData": secret}
    for endpoint, number in {**wanted, "PrivilegedDataPermissions": more}.items():
        assert {number} == await delta(w, endpoint, start), endpoint
        assert set() == await delta(w, endpoint, datetime.now(UTC) + timedelta(hours=1))
    await w.patch(f"/ContainerPermissions/{grant}", {"op": "replace", "path": "rights", "value": ["Edit"]})
    read = (await w.send("GET", f"/ContainerPermissions/{grant}")).body["meta"]
    assert read["lastModified"] > read["created"]
    before = read["lastModified"]
    await swept(w)
    again = (await w.send("GET", f"/ContainerPermissions/{grant}")).body["meta"]["lastModified"]
    assert before == again, "a sweep knows our own writes"


async def test_changes_in_the_vault_itself_are_in_the_delta_after_a_sweep(world: Make) -> None:
    w = world(secrets=20, secret_permissions=8)
    assert all(count == 0 for count in (await swept(w)).values())
    start = datetime.now(UTC)
    await asyncio.sleep(0.01)
    person = w.person()
    w.tree.folders[2].name = "Renamed there"
    next(s for s in w.tree.secrets.values() if s.id == 3).name = "Renamed too"
    w.tree.grant_folder(w.tree.folders[1], person.personal_group_id, "View", "View")
    person.display_name = "Somebody Else"
    w.vault.changed()
    assert set() == await delta(w, "Containers", start)
    found = await swept(w)
    assert (1, 1, 1, 1) == (found["folder"], found["secret"], found["folder-grant"], found["user"])
    assert {"2"} == await delta(w, "Containers", start)
    assert {"3"} == await delta(w, "PrivilegedData", start)
    assert {f"1-u{person.id}"} == await delta(w, "ContainerPermissions", start)
    assert {str(person.id)} == await delta(w, "Users", start)
    read = (await w.send("GET", "/Containers/2")).body
    assert read["meta"]["lastModified"] > start.isoformat()


async def test_every_resource_takes_the_filter(world: Make) -> None:
    w = world()
    for endpoint in (*TYPES, "Roles", "Entitlements"):
        assert isinstance(await delta(w, endpoint, datetime(2020, 1, 1, tzinfo=UTC)), set)


async def test_a_delta_does_not_look_at_every_row(world: Make) -> None:
    w = world(folders=60, folder_permissions=100)
    await swept(w)
    start = datetime.now(UTC)
    await asyncio.sleep(0.01)
    made: Any = await w.made(
        "/ContainerPermissions",
        {"container": {"value": "1"}, "user": {"value": str(w.person().id)}, "rights": ["View"]},
    )
    when = start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    answer = await w.send("GET", f'/ContainerPermissions?filter=meta.lastModified gt "{when}"')
    assert [made["id"]] == [r["id"] for r in answer.body["Resources"]]
    assert len(answer.calls) <= 2
