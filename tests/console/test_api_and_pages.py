"""The JSON API does all that the pages do: every address has its counterpart here, or a reason."""

from __future__ import annotations

import csv
import io
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from scim.console.desk import Desk
from scim.console.gate import Door
from scim.console.people import Role
from scim.console.routes import doors
from scim.triggers.requests import answer_as
from tests.console.rig import Rig
from tests.console.test_console_work import USER, send, token_of

API = "/console/api"

COUNTERPARTS = {
    "GET /console": "GET /overview",
    "GET /console/overview/live": "GET /overview",
    "GET /console/overview/vaults": "GET /overview/vaults",
    "GET /console/attention": "GET /attention",
    "POST /console/connections/{id}/release": "POST /connections/{id}/release",
    "GET /console/messages": "GET /messages",
    "GET /console/messages/rows": "GET /messages",
    "GET /console/messages/{key}": "GET /messages/{key}",
    "GET /console/audit": "GET /audit",
    "GET /console/audit/export": "GET /audit/export",
    "POST /console/audit/verify": "POST /audit/verify",
    "GET /console/vaults": "GET /vaults",
    "POST /console/vaults": "POST /vaults",
    "GET /console/vaults/{id}": "GET /vaults/{id}",
    "POST /console/vaults/{id}": "PATCH /vaults/{id}",
    "POST /console/vaults/{id}/test": "POST /vaults/{id}/test",
    "POST /console/vaults/{id}/credential": "PUT /vaults/{id}/credential",
    "POST /console/vaults/{id}/remove": "DELETE /vaults/{id}",
    "GET /console/connections": "GET /connections",
    "POST /console/connections": "POST /connections",
    "GET /console/connections/{id}": "GET /connections/{id}",
    "POST /console/connections/{id}": "PATCH /connections/{id}",
    "GET /console/connections/{id}/choices": "GET /connections/{id}/choices",
    "GET /console/connections/{id}/checks": "GET /connections/{id}/checks",
    "POST /console/connections/{id}/tokens": "POST /connections/{id}/tokens",
    "POST /console/connections/{id}/tokens/{key}/revoke": "DELETE /tokens/{key}",
    "POST /console/connections/{id}/enabled": "PATCH /connections/{id}",
    "POST /console/connections/{id}/remove": "DELETE /connections/{id}",
    "POST /console/try/plan": "POST /try/plan",
    "POST /console/try/run": "POST /try/run",
    "GET /console/settings": "GET /settings",
    "POST /console/settings": "PATCH /settings",
    "POST /console/settings/sessions": "DELETE /sessions",
    "POST /console/settings/keys": "POST /keys",
    "POST /console/settings/keys/{key}/remove": "DELETE /keys/{key}",
    "GET /console/settings/backup": "GET /backup",
    "POST /console/settings/restore": "POST /restore",
}

NO_COUNTERPART = {
    "GET /console/static/{name}": "style, script and icon of the pages",
    "GET /console/sign-in": "a program shows a key and has no session to begin or to end",
    "POST /console/sign-in/code": "likewise",
    "POST /console/sign-in/vault": "likewise",
    "POST /console/sign-in/development": "likewise",
    "GET /console/sign-in/entra": "likewise",
    "POST /console/callback": "likewise",
    "POST /console/sign-out": "likewise",
    "GET /console/": "leads to /console",
    "GET /console/vaults/new": "an empty form; the document describes NewVault",
    "GET /console/connections/new": "an empty form; the document describes NewConnection",
    "GET /console/try": "an empty form; the document describes Attempt",
}


def table(rig: Rig) -> dict[str, Door]:
    desk = Desk(SimpleNamespace(settings=rig.settings), answer_as)
    return {f"{method} {door.path}": door for door in doors(desk) for method in door.methods}


def test_every_page_and_action_has_a_counterpart_or_a_reason(rig: Rig) -> None:
    pages = {name for name in table(rig) if API not in name}
    assert pages == set(COUNTERPARTS) | set(NO_COUNTERPART)
    assert set() == set(COUNTERPARTS) & set(NO_COUNTERPART)


@pytest.mark.parametrize("page", COUNTERPARTS)
def test_a_counterpart_exists_for_the_same_role(rig: Rig, page: str) -> None:
    everything = table(rig)
    method, _, path = COUNTERPARTS[page].partition(" ")
    assert everything[f"{method} {API}{path}"].role == everything[page].role


async def test_the_document_tells_queries_bodies_roles_and_what_comes_back(rig: Rig) -> None:
    async with rig.signed_in("auditor") as browser:
        document = (await browser.get(f"{API}/openapi.json")).json()
    paths = document["paths"]
    asked = {p["name"] for p in paths[f"{API}/audit/export"]["get"]["parameters"]}
    assert {"format", "since", "until", "connection", "outcome", "object", "text"} <= asked
    assert {"text/csv", "application/x-ndjson"} == set(
        paths[f"{API}/audit/export"]["get"]["responses"]["200"]["content"]
    )
    assert "201" in paths[f"{API}/keys"]["post"]["responses"]
    assert "204" in paths[f"{API}/sessions"]["delete"]["responses"]
    for name, door in table(rig).items():
        method, _, path = name.partition(" ")
        if not path.startswith(API):
            continue
        operation = paths[path][method.lower()]
        assert door.role.title in operation["description"]
        named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert ("requestBody" in operation) == (door.body is not None)
        problem = operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}


async def test_one_message_is_told_as_its_page_tells_it(rig: Rig) -> None:
    token = await token_of(rig)
    await send(rig, "POST", "/Users", {"schemas": [USER], "userName": "ada@example.com"}, token)
    await rig.connector.recorder.flush()
    async with rig.signed_in("auditor") as browser:
        row = (await browser.get(f"{API}/messages")).json()["messages"][0]
        one = (await browser.get(f"{API}/messages/{row['key']}")).json()
        gone = await browser.get(f"{API}/messages/0")
    assert one == row
    assert ("POST", 201, "ok") == (one["method"], one["status"], one["outcome"])
    assert "ada@example.com" in one["received"]
    assert one["upstream"]
    assert (404, True) == (gone.status_code, "few days" in gone.json()["detail"])


async def test_the_audit_trail_is_exported_as_its_page_exports_it(rig: Rig) -> None:
    token = await token_of(rig)
    await send(rig, "POST", "/Users", {"schemas": [USER], "userName": "ada@example.com"}, token)
    async with rig.signed_in("auditor") as browser:
        sheet = await browser.get(f"{API}/audit/export?format=csv&text=ada")
        lines = await browser.get(f"{API}/audit/export?format=jsonl&text=ada")
        wrong = await browser.get(f"{API}/audit/export?since=yesterday")
        other = await browser.get(f"{API}/audit/export?format=xml")
    assert sheet.headers["content-type"].startswith("text/csv")
    assert "user.create" in {row["action"] for row in csv.DictReader(io.StringIO(sheet.text))}
    assert "user.create" in {json.loads(line)["action"] for line in lines.text.splitlines()}
    assert [400, 400] == [wrong.status_code, other.status_code]
    assert "audit.export" in str(rig.rows("audit"))


async def test_keys_are_made_listed_and_removed(rig: Rig) -> None:
    async with rig.signed_in("admin") as browser, rig.browser() as script:
        made = await browser.post(f"{API}/keys", json={"name": "terraform", "role": "operator", "days": 7})
        assert 201 == made.status_code
        text = made.json()["key"]
        listed = (await browser.get(f"{API}/keys")).json()["keys"]
        assert [("terraform", "operator", True)] == [(k["name"], k["role"], k["live"]) for k in listed]
        assert listed[0]["key_id"] == made.json()["key_id"] == text.split("_")[1]
        assert text not in str(listed)
        assert "digest" not in listed[0]
        script.headers["authorization"] = f"Bearer {text}"
        assert 200 == (await script.get(f"{API}/vaults")).status_code
        assert 403 == (await script.post(f"{API}/keys", json={"name": "x", "role": "admin"})).status_code
        assert 204 == (await browser.delete(f"{API}/keys/{made.json()['key_id']}")).status_code
        assert 401 == (await script.get(f"{API}/vaults")).status_code
        assert 404 == (await browser.delete(f"{API}/keys/{made.json()['key_id']}")).status_code
        for wrong in ({"name": ""}, {"role": "king"}, {"days": 400}, {"name": "a\nb"}):
            body = {"name": "x", "role": "admin", **wrong}
            assert (wrong, 400) == (wrong, (await browser.post(f"{API}/keys", json=body)).status_code)
    told = str(rig.rows("audit"))
    assert all(action in told for action in ("console.key.add", "console.key.remove"))
    assert text not in told


async def test_a_script_ends_every_session_but_not_itself(rig: Rig) -> None:
    async with rig.signed_in("auditor") as browser, rig.browser() as script:
        script.headers.update(await rig.script("admin"))
        assert 200 == (await browser.get(f"{API}/vaults")).status_code
        assert 204 == (await script.delete(f"{API}/sessions")).status_code
        assert 401 == (await browser.get(f"{API}/vaults")).status_code
        assert 200 == (await script.get(f"{API}/vaults")).status_code
    assert "console.end-sessions" in str(rig.rows("audit"))


async def test_first_calls_are_told_until_the_client_has_arrived(rig: Rig) -> None:
    token = await token_of(rig)
    async with rig.signed_in("admin") as browser:
        path = f"{API}/connections/{rig.connection.id}"
        await browser.patch(path, json={"client": "entra"})
        before = (await browser.get(f"{path}/checks")).json()
        assert ("entra", None) == (before["client"], before["let_in"])
        assert [None] * 5 == [check["at"] for check in before["checks"]]
        assert "Test connection" in before["checks"][0]["text"]
        assert "Tenant URL" in {paste["label"] for paste in before["values"]}
        assert "ssc_" not in str(before), "a token is told once, when it is made"
        await send(rig, "GET", "/Users", None, token, "filter=userName%20eq%20%22x%22")
        await send(rig, "POST", "/Users", {"schemas": [USER], "userName": "ada@example.com"}, token)
        await rig.connector.recorder.flush()
        after = (await browser.get(f"{path}/checks")).json()
    assert [True, False, True, False, False] == [check["at"] is not None for check in after["checks"]]
    assert after["let_in"]


async def test_vaults_are_told_as_they_answer_now_and_what_a_policy_may_name(rig: Rig) -> None:
    async with rig.signed_in("admin") as browser:
        told = (await browser.get(f"{API}/overview/vaults")).json()["vaults"]
        assert [("vault", "healthy")] == [(one["name"], one["status"]) for one in told]
        choices = (await browser.get(f"{API}/connections/{rig.connection.id}/choices")).json()
        assert "Active Directory Account" in choices["templates"]
        assert choices["folders"]
        assert "" == choices["problem"]
        assert (await browser.get(f"{API}/vaults/{rig.vault.id}")).json()["credential_set"]
        environment = (await browser.get(f"{API}/settings")).json()["environment"]
    assert {"name": "SCIM_PEPPER", "value": "(set)"}.items() <= {e["name"]: e for e in environment}[
        "SCIM_PEPPER"
    ].items()


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
async def test_what_changes_something_belongs_to_administrators(rig: Rig, role: Role) -> None:
    """Whoever may not on a page may not by script."""
    asked: list[Any] = []
    async with rig.browser() as script:
        script.headers.update(await rig.script(role.name.casefold()))
        for name, door in table(rig).items():
            method, _, path = name.partition(" ")
            if path.startswith(API) and door.role > role:
                address = path.replace("{id}", rig.vault.id).replace("{key}", "00000000")
                asked.append((name, (await script.request(method, address, json={})).status_code))
    assert asked
    assert [403] * len(asked) == [status for _, status in asked], asked
