"""What the pages do, without a browser: ways in, plans, messages, switches, export, the JSON API."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import httpx
import pytest
from pydantic import SecretStr

from scim.access.entra_sign_in import EntraSignIn
from scim.administration.console_keys import make_code
from scim.audit.newest import search_newest
from scim.audit.trail import AuditTrail, search
from scim.audit.verify import verify
from scim.console.api import api_doors
from scim.console.desk import Desk
from scim.console.people import Cookies, Person, Role
from scim.errors import Forbidden, Unauthenticated
from scim.model import Policies
from scim.settings import Settings
from scim.store.console_keys import ConsoleKeys
from scim.store.memory import MemoryStore
from scim.store.redaction import shown_body, shown_query
from scim.triggers.console import serve
from scim.triggers.exchange import Incoming
from scim.triggers.requests import answer, answer_as
from tests.console.rig import BASE, KEY, Rig

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


async def send(rig: Rig, method: str, path: str, body: Any = None, token: str = "", query: str = "") -> Any:
    """A client's request, through the same way as from the trigger."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/scim+json", "user-agent": "a test"}
    raw = b"" if body is None else json.dumps(body).encode()
    return await answer(rig.connector, Incoming(method, f"/scim/v2{path}", query, headers, raw))


async def token_of(rig: Rig) -> str:
    async with rig.signed_in("admin") as browser:
        made = await browser.post(f"/console/api/connections/{rig.connection.id}/tokens", json={})
    return str(made.json()["token"])


# -- ways in ----------------------------------------------------------------------------------------------------------


async def test_a_code_lets_in_once(rig):
    keys, pepper = ConsoleKeys(rig.store.table("settings")), (await rig.connector.keys.keys()).pepper
    code = await make_code(keys, pepper, role="operator", name="Ada")
    async with rig.browser() as first, rig.browser() as second:
        assert (await first.post("/console/sign-in/code", data={"code": code.lower()})).status_code == 303
        assert (await second.post("/console/sign-in/code", data={"code": code})).status_code == 401
        page = (await first.get("/console/vaults")).text
    assert "Ada" in page
    assert "Operator" in page
    assert code not in str(rig.rows("settings")) + str(rig.rows("audit"))


async def test_a_code_expires(rig):
    keys, pepper = ConsoleKeys(rig.store.table("settings")), (await rig.connector.keys.keys()).pepper
    code = await make_code(keys, pepper, role="admin", name="Ada", minutes=-1)
    async with rig.browser() as browser:
        assert (await browser.post("/console/sign-in/code", data={"code": code})).status_code == 401


async def test_an_account_of_the_vault_needs_the_named_permission():
    rig = await Rig(console_vault_permission="Administer Users").furnish()
    other = await Rig(console_vault_permission="Administer Rocket Launchers").furnish()
    for one, status in ((rig, 303), (other, 403)):
        form = {"vault": one.vault.id, "name": "svc-scim", "password": "simulator-only"}
        async with one.browser() as browser:
            assert (await browser.post("/console/sign-in/vault", data=form)).status_code == status
            form["password"] = "wrong"
            assert (await browser.post("/console/sign-in/vault", data=form)).status_code == 401
        await one.connector.close()


async def test_guessing_at_a_vault_account_ends_soon():
    rig = await Rig(console_vault_permission="Administer Users").furnish()
    form = {"vault": rig.vault.id, "name": "svc-scim", "password": "guess"}
    async with rig.browser() as browser:
        statuses = [(await browser.post("/console/sign-in/vault", data=form)).status_code for _ in range(7)]
    assert statuses[-1] == 429
    await rig.connector.close()


class FakeMsal:
    """msal's two methods, with an Entra that says what it is told to."""

    def __init__(self, **claims: Any) -> None:
        self.claims, self.asked = claims, {}

    def initiate_auth_code_flow(self, scopes: Any, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"auth_uri": "https://login.example/authorize", "state": "s", "code_verifier": "v"}

    def acquire_token_by_auth_code_flow(self, flow: Any, answer: dict[str, str]) -> dict[str, Any]:
        if answer.get("state") != flow["state"]:
            raise ValueError("state mismatch")
        return {"id_token_claims": self.claims} if self.claims else {"error": "access_denied"}


ENTRA = {"console_tenant_id": "T", "console_client_id": "C", "public_url": BASE, "pepper": SecretStr(KEY)}


@pytest.mark.parametrize(
    ("claims", "state", "outcome"),
    [
        ({"tid": "t", "preferred_username": "ada@x", "roles": ["Admin"]}, "s", ("Admin",)),
        ({"tid": "t", "roles": []}, "s", ()),
        ({"tid": "other", "roles": ["Admin"]}, "s", Forbidden),
        ({"tid": "t", "roles": ["Admin"]}, "forged", Unauthenticated),
        ({}, "s", Unauthenticated),
    ],
)
async def test_entra_says_who_it_is(claims, state, outcome):
    fake = FakeMsal(**claims)
    entra = EntraSignIn(Settings(**ENTRA), client=fake)
    flow = await entra.begin()
    assert fake.asked["response_mode"] == "form_post"
    if isinstance(outcome, tuple):
        assert (await entra.finish(flow, {"state": state})).roles == outcome
    else:
        with pytest.raises(outcome):
            await entra.finish(flow, {"state": state})


async def test_entra_s_answer_needs_the_browser_that_began():
    rig = await Rig(console_tenant_id="T", console_client_id="C").furnish()
    async with rig.browser() as browser:
        page = (await browser.get("/console/sign-in")).text
        assert "/console/sign-in/entra" in page
        answered = await browser.post("/console/callback", data={"state": "s", "code": "c"})
    assert answered.status_code == 401
    await rig.connector.close()


@pytest.mark.parametrize(("roles", "status"), [(["Auditor"], 303), (["Auditor", "Operator"], 303), ([], 403)])
async def test_the_whole_way_through_entra(monkeypatch, roles, status):
    """Out with a link, back with a form that another site posts, in with the highest role."""
    fake = FakeMsal(tid="T", preferred_username="ada@example.com", roles=roles)
    monkeypatch.setattr(EntraSignIn, "from_settings", lambda settings: EntraSignIn(settings, client=fake))
    rig = await Rig(console_tenant_id="T", console_client_id="C", public_url="https://app.example").furnish()
    async with rig.browser("https://app.example") as browser:
        begun = await browser.get("/console/sign-in/entra?next=/console/audit")
        assert begun.headers["location"] == "https://login.example/authorize"
        flow = begun.headers["set-cookie"]
        assert flow.startswith("__Host-scim-console-flow=")
        assert all(part in flow for part in ("HttpOnly", "Secure", "SameSite=none"))
        assert "code_verifier" not in flow
        foreign = {"sec-fetch-site": "cross-site", "origin": "https://login.microsoftonline.com"}
        back = await browser.post("/console/callback", data={"state": "s", "code": "c"}, headers=foreign)
        assert back.status_code == status
        if status == 303:
            assert back.headers["location"] == "/console/audit"
            page = (await browser.get("/console/vaults")).text
            assert "ada@example.com" in page
            assert ("Operator" if "Operator" in roles else "Auditor") in page
            assert "Add a vault" not in page
    await rig.connector.close()


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "/elsewhere", ""])
async def test_nobody_is_sent_elsewhere_after_signing_in(rig, target):
    async with rig.browser() as browser:
        answered = await browser.post("/console/sign-in/development", data={"role": "admin", "next": target})
    assert answered.headers["location"] == "/console"


# -- sessions ---------------------------------------------------------------------------------------------------------


def test_a_cookie_ends_after_half_an_hour_or_eight_hours_and_cannot_be_made():
    cookies, now = Cookies([bytes(32)]), int(datetime.now(UTC).timestamp())
    ada = Person("Ada", Role.ADMIN, "entra", began=now, seen=now)
    text = cookies.remember(ada)
    assert cookies.recall(text) == ada
    assert cookies.recall(cookies.remember(replace(ada, seen=now - 1801))) is None
    assert cookies.recall(cookies.remember(replace(ada, began=now - 8 * 3600 - 1))) is None
    assert Cookies([bytes(31) + b"1"]).recall(text) is None
    assert cookies.recall(cookies.close("flow", {"name": "Ada", "role": 3})) is None
    for i in range(0, len(text), 7):
        assert cookies.recall(text[:i] + ("A" if text[i] != "A" else "B") + text[i + 1 :]) is None
    assert cookies.recall("") is None


async def test_over_tls_the_cookie_belongs_to_this_host_alone(rig):
    keys, pepper = ConsoleKeys(rig.store.table("settings")), (await rig.connector.keys.keys()).pepper
    code = await make_code(keys, pepper, role="admin", name="Ada")
    async with rig.browser("https://app.example") as browser:
        answered = await browser.post("/console/sign-in/code", data={"code": code})
        assert (await browser.get("/console/vaults")).status_code == 200
    cookie = answered.headers["set-cookie"]
    assert cookie.startswith("__Host-scim-console-session=")
    assert all(part in cookie for part in ("HttpOnly", "Path=/", "SameSite=lax", "Secure"))
    assert "Domain" not in cookie


async def test_everybody_can_be_signed_out(rig):
    async with rig.signed_in("admin") as one, rig.signed_in("auditor") as other:
        assert (await other.get("/console/vaults")).status_code == 200
        later = int(datetime.now(UTC).timestamp()) + 1
        await rig.connector.switches.change(sessions_from=later)
        assert (await one.get("/console/vaults")).status_code == 303
        assert (await other.get("/console/vaults")).status_code == 303


async def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(rig):
    async with rig.signed_in("admin") as browser:
        keys = (await rig.connector.keys.keys()).data_keys
        now = int(datetime.now(UTC).timestamp())
        old = Cookies(keys).remember(Person("Ada", Role.ADMIN, "code", began=now - 900, seen=now - 900))
        browser.cookies.set("scim-console-session", old, domain="127.0.0.1", path="/")
        assert "set-cookie" not in (await browser.get("/console/overview/live")).headers
        assert "set-cookie" in (await browser.get("/console/vaults")).headers


async def test_several_cookies_survive_the_way_through_the_host():
    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2; Path=/"), (b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    response: func.HttpResponse = await serve(application, Incoming("GET", "/console", "", {}, b""))
    assert response.headers.get_all("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
    assert response.get_body() == b"ok"


# -- messages ---------------------------------------------------------------------------------------------------------


async def test_no_secret_is_kept_of_a_message(rig):
    token, canary = await token_of(rig), "canary-Wh1stle!"
    user = {"schemas": [USER], "userName": "ada@example.com", "displayName": "Ada", "password": canary}
    made = await send(rig, "POST", "/Users", user, token)
    assert made.status == 201
    number = json.loads(made.body)["id"]
    change = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "password", "value": canary}]}
    await send(rig, "PATCH", f"/Users/{number}", change, token)
    await send(rig, "GET", "/Users", None, token, f"filter=password%20eq%20%22{canary}%22")
    await send(rig, "GET", "/Users", None, canary)
    await rig.connector.recorder.flush()
    kept = str(rig.rows("messages"))
    assert "ada@example.com" in kept
    assert canary not in kept
    assert token not in kept


def test_redaction_looks_into_patches_and_nested_values():
    body = {"a": {"clientSecret": "x1"}, "Operations": [{"path": "urn:x:Password", "value": {"deep": "x2"}}]}
    assert "x1" not in shown_body(json.dumps(body).encode())
    assert "x2" not in shown_body(json.dumps(body).encode())
    assert shown_query("filter=token eq 1") == "•••"
    assert "not JSON" in shown_body(b"\xff\xfe")
    assert "are not kept" in shown_body(b"[" * 100_000)


async def test_a_connection_s_errors_and_first_calls_are_told(rig):
    token = await token_of(rig)
    await send(rig, "GET", "/Users", None, token, "filter=userName%20eq%20%22x%22")
    for _ in range(3):
        await send(rig, "GET", "/Users", None, token, "filter=nonsense")
    await rig.connector.recorder.flush()
    async with rig.signed_in("auditor") as browser:
        seen = (await browser.get(f"/console/api/connections/{rig.connection.id}")).json()["seen"]
        overview = (await browser.get("/console/api/overview")).json()
        failed = (await browser.get("/console/api/messages?outcome=refused")).json()["messages"]
    assert (seen["streak"], "GET /Users filter" in seen["firsts"]) == (3, True)
    assert (overview["requests"], overview["refused"], len(failed)) == (4, 3, 3)


async def test_strangers_cannot_fill_the_table(rig):
    for _ in range(60):
        await send(rig, "GET", "/Users", None, "nonsense")
    await rig.connector.recorder.flush()
    kept = [key for key in rig.rows("messages") if key[0].startswith("m|")]
    assert len(kept) <= 20


async def test_old_messages_are_forgotten(rig):
    token = await token_of(rig)
    await send(rig, "GET", "/Users", None, token)
    await rig.connector.recorder.flush()
    assert await rig.connector.messages.purge(datetime.now(UTC)) == 0
    assert await rig.connector.messages.purge(datetime.now(UTC) + timedelta(days=3)) > 0
    assert {key[0] for key in rig.rows("messages")} == {"s"}


# -- plans ------------------------------------------------------------------------------------------------------------


async def test_a_plan_touches_neither_tables_nor_vault(rig):
    token = await token_of(rig)
    made = json.loads((await send(rig, "POST", "/Users", {"schemas": [USER], "userName": "bo"}, token)).body)
    group = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "G", "members": []}
    there = json.loads((await send(rig, "POST", "/Groups", group, token)).body)
    await rig.connector.recorder.flush()
    add = {"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [{"value": made["id"]}]}]}
    off = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}
    requests = [
        ("POST", "/Users", {"schemas": [USER], "userName": "new@example.com"}, ["create user"], 201),
        ("PATCH", f"/Users/{made['id']}", off, ["change user"], 200),
        ("DELETE", f"/Users/{made['id']}", None, ["leave all groups", "disable user"], 204),
        ("PATCH", f"/Groups/{there['id']}", add, ["change group"], 200),
        ("POST", "/Users", {"schemas": [USER], "userName": "bo"}, [], 409),
        ("PATCH", "/Users/1", off, [], 403),
        ("GET", "/Users", None, [], 200),
    ]
    tables = ("attributes", "externalids", "journal", "settings", "audit", "connections", "messages")
    before = {t: rig.rows(t) for t in tables}, await _vault(rig)
    async with rig.signed_in("operator") as browser:
        before[0]["audit"] = rig.rows("audit")  # the sign-in is a row of its own
        for method, target, body, steps, status in requests:
            given = {"connection": "idp", "method": method, "target": target, "body": body}
            answered = (await browser.post("/console/api/try/plan", json=given)).json()
            found = {step["action"] for step in answered["plan"]}
            assert (method, target, found, answered["status"]) in (
                (method, target, set(steps), status),
                (method, target, set(steps), 404 if status == 403 else status),
                (method, target, set(steps), 204 if status == 200 else status),
            )
    assert ({t: rig.rows(t) for t in tables}, await _vault(rig)) == before


async def _vault(rig: Rig, *names: str) -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=rig.simulator), base_url="http://v") as client:
        state = (await client.get("/_sim/state")).json()
    return {name: state[name] for name in names or ("users", "groups", "group_members")}


PAM = "urn:ietf:params:scim:schemas:pam:1.0"


async def test_folders_secrets_and_rights_are_planned_too(rig):
    before = await _vault(rig, "folders", "secrets", "folder_permissions", "secret_permissions")
    async with rig.signed_in("operator") as browser:

        async def plan(method: str, target: str, body: Any = None) -> Any:
            given = {"connection": "idp", "method": method, "target": target, "body": body}
            return (await browser.post("/console/api/try/plan", json=given)).json()

        folders = json.loads((await plan("GET", "/Containers?count=1&attributes=id"))["answer"])["Resources"]
        users = json.loads((await plan("GET", "/Users?count=20&attributes=id"))["answer"])["Resources"]
        new = {"schemas": [f"{PAM}:Container"], "name": "planned"}
        right = {"schemas": [f"{PAM}:ContainerPermission"], "container": {"value": folders[0]["id"]}}
        right |= {"user": {"value": users[-1]["id"]}, "rights": ["View"]}
        plans = [await plan("POST", "/Containers", new), await plan("POST", "/ContainerPermissions", right)]
    assert [[step["action"] for step in made["plan"]] for made in plans] == [["create folder"], ["grant"]]
    assert before == await _vault(rig, "folders", "secrets", "folder_permissions", "secret_permissions")


async def test_a_plan_shows_no_password(rig):
    body = {"schemas": [USER], "userName": "x", "password": "canary-Wh1stle!"}
    async with rig.signed_in("operator") as browser:
        given = {"connection": "idp", "method": "POST", "target": "/Users", "body": body}
        answered = (await browser.post("/console/api/try/plan", json=given)).text
    assert '"(given)"' in answered
    assert "canary" not in answered


# -- switches, breaker, set-up ----------------------------------------------------------------------------------------


async def test_in_maintenance_clients_are_told_to_wait(rig):
    token = await token_of(rig)
    async with rig.signed_in("admin") as browser:
        await browser.patch("/console/api/settings", json={"maintenance": True, "note": "back at noon"})
        told = await send(rig, "GET", "/Users", None, token)
        assert (told.status, "Retry-After" in told.headers, b"back at noon" in told.body) == (503, True, True)
        assert (await send(rig, "GET", "/Users", None, "nonsense")).status == 401
        await browser.patch("/console/api/settings", json={"maintenance": False})
    assert (await send(rig, "GET", "/Users", None, token)).status == 200


async def test_a_held_mass_change_is_shown_and_an_operator_releases_it(rig):
    policies = Policies(breaker_floor=1, breaker_percent=0, adoption="shared")
    await rig.connector.connections.update(rig.connection.id, policies=policies.model_dump())
    rig.connector.access.known._kept.clear()
    token = await token_of(rig)
    users = json.loads((await send(rig, "GET", "/Users", None, token, "count=20")).body)["Resources"]
    off = {"schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}
    active = [user["id"] for user in users if user.get("active")][:4]
    statuses = [(await send(rig, "PATCH", f"/Users/{i}", off, token)).status for i in active]
    assert 503 in statuses
    held = active[statuses.index(503)]
    await rig.connector.recorder.flush()
    async with rig.signed_in("operator") as browser:
        page = (await browser.get("/console/attention")).text
        assert "Mass change held: idp" in page
        assert (await browser.post(f"/console/connections/{rig.connection.id}/release")).status_code == 303
        assert "Mass change held" not in (await browser.get("/console/attention")).text
    assert (await send(rig, "PATCH", f"/Users/{held}", off, token)).status != 503


async def test_a_set_up_document_brings_back_what_is_missing(rig):
    token = await token_of(rig)
    async with rig.signed_in("admin") as browser:
        document = (await browser.get("/console/api/backup")).json()
        assert "simulator-only" not in json.dumps(document)
        await browser.delete(f"/console/api/connections/{rig.connection.id}")
        added = (await browser.post("/console/api/restore", json=document)).json()
        assert (added["vaults"], added["connections"]) == (0, 2)
        assert (await browser.post("/console/api/restore", json={"what": "else"})).status_code == 400
        assert (await browser.post("/console/api/restore", content=b"[")).status_code == 400
    rig.connector.access.known._kept.clear()
    assert (await send(rig, "GET", "/Users", None, token)).status == 401  # it was revoked, and stays so


async def test_every_change_is_in_the_audit_trail_before_and_after(rig):
    async with rig.signed_in("admin") as browser:
        await browser.post("/console/connections", data={"name": "new", "vault": rig.vault.id, "client": "okta"})
        await browser.post("/console/connections", data={"name": "NEW", "vault": rig.vault.id, "client": "okta"})
        rows = (await browser.get("/console/api/audit?reads=1")).json()["rows"]
    told = [(row["event"]["action"], row["event"]["outcome"]) for row in reversed(rows)]
    assert told[1:] == [
        ("connection.add", "unknown"),
        ("connection.add", "done"),
        ("token.add", "unknown"),
        ("token.add", "done"),
        ("connection.add", "unknown"),
        ("connection.add", "refused"),
    ]


async def test_when_nothing_can_be_told_nothing_is_done(rig):
    async with rig.signed_in("admin") as browser:
        before = rig.rows("connections")
        rig.connector.trail.record = _cannot
        answered = await browser.post(f"/console/connections/{rig.connection.id}/enabled", data={"enabled": ""})
    assert answered.status_code == 503
    assert before == rig.rows("connections")


async def _cannot(_: object) -> None:
    from scim.errors import StoreUnavailable

    raise StoreUnavailable("The audit trail cannot be written in time")


# -- audit ------------------------------------------------------------------------------------------------------------


async def test_newest_first_is_the_same_rows_backwards():
    table = MemoryStore().table("audit")
    trails = [AuditTrail(table, f"writer{i}") for i in range(3)]
    from scim.administration.deeds import Deed

    for i in range(700):
        await trails[i % 3].record(Deed(f"thing.{i}", "Ada", "test", connection="a" if i % 50 else "b").event("done"))
    since, until = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(minutes=1)
    for where in ({}, {"connection": "b"}):
        forwards = [entry async for entry in search(table, since, until, **where)]
        backwards = [entry async for entry in search_newest(table, since, until, **where)]
        assert sorted(forwards, key=_place) == sorted(backwards, key=_place)
        times = [entry.event.at for entry in backwards]
        assert times == sorted(times, reverse=True)
    table.calls = 0
    rows = search_newest(table, since, until)
    assert (await anext(rows)).event.action == "thing.699"
    assert table.calls <= 20
    assert (await verify(table)).fine
    for trail in trails:
        await trail.close()


def _place(entry: Any) -> Any:
    return entry.partition, entry.seq


async def test_no_cell_of_an_export_is_a_formula(rig):
    names = ("=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1")
    async with rig.signed_in("admin") as browser:
        for name in names:
            await browser.post("/console/vaults", data={"name": name, "url": "http://x", "username": name})
        text = (await browser.get("/console/audit/export?format=csv&span=1h&reads=1")).text
        lines = (await browser.get("/console/audit/export?format=jsonl&span=1h&reads=1")).text.splitlines()
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert [cell for cell in cells if cell[:1] in "=+-@\t\r\n＝" and cell] == []
    assert {"=cmd|'/c calc'!A1", "@SUM(A1)"} <= {json.loads(line)["object_name"] for line in lines}


# -- the API ----------------------------------------------------------------------------------------------------------


async def test_the_document_names_every_address_of_the_api(rig):
    async with rig.signed_in("auditor") as browser:
        document = (await browser.get("/console/api/openapi.json")).json()
    desk = Desk(SimpleNamespace(settings=rig.settings), answer_as)
    wanted = {(door.path, door.methods[0].lower()) for door in api_doors(desk)}
    assert wanted == {(path, method) for path, methods in document["paths"].items() for method in methods}
    ids = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/connections", {"name": "x", "vault": "vault", "scope": ["Nonsense"]}, 400),
        ("/connections", {"name": "x", "vault": "nowhere"}, 404),
        ("/connections", {"name": "IDP", "vault": "vault"}, 409),
        ("/connections", {"name": "x", "vault": "vault", "policies": {"nonsense": 1}}, 400),
        ("/connections", {"name": "x", "vault": "vault", "surprise": 1}, 400),
        ("/connections", {"name": "x", "vault": "vault", "sources": ["10.0.0.1/8"]}, 400),
        ("/vaults", {"name": "x", "url": "ftp://x", "username": "u", "password": "canary"}, 400),
        ("/try/run", {"connection": "idp", "method": "TRACE", "target": "/Users"}, 400),
        ("/try/run", {"connection": "idp", "method": "GET", "target": "https://evil.example/x"}, 400),
    ],
)
async def test_bad_input_gets_a_clear_answer_and_changes_nothing(rig, path, body, status):
    async with rig.signed_in("admin") as browser:
        before = {t: rig.rows(t) for t in ("vaults", "connections")}
        answered = await browser.post(f"/console/api{path}", json=body)
    assert answered.status_code == status
    assert answered.headers["content-type"] == "application/problem+json"
    assert "canary" not in answered.text
    assert before == {t: rig.rows(t) for t in ("vaults", "connections")}


async def test_the_way_of_a_script(rig):
    """Vault, connection, token, a request, and away with all of it."""
    key = await rig.script("admin")
    async with rig.browser() as api:
        for name in ("sec-fetch-site", "origin"):
            api.headers.pop(name)
        api.headers.update(key)
        given = {"name": "v2", "url": "http://vault.invalid", "username": "svc-scim", "password": "simulator-only"}
        vault = (await api.post("/console/api/vaults", json=given)).json()
        assert (await api.post(f"/console/api/vaults/{vault['id']}/test")).json()["status"] == "healthy"
        made = (
            await api.post("/console/api/connections", json={"name": "c2", "vault": "v2", "client": "entra"})
        ).json()
        changed = await api.patch(f"/console/api/connections/{made['id']}", json={"policies": {"rename": "refuse"}})
        assert changed.json()["policies"]["rename"] == "refuse"
        assert changed.json()["policies"]["breaker"] is True
        token = (await api.post(f"/console/api/connections/{made['id']}/tokens", json={"days": 7})).json()
        assert (await send(rig, "GET", "/Users", None, token["token"])).status == 200
        assert (await api.delete(f"/console/api/tokens/{token['key_id']}")).json()["state"] == "revoked"
        assert (await send(rig, "GET", "/Users", None, token["token"])).status == 401
        assert (await api.delete(f"/console/api/vaults/{vault['id']}")).status_code == 409
        assert (await api.delete(f"/console/api/connections/{made['id']}")).status_code == 204
        assert (await api.delete(f"/console/api/vaults/{vault['id']}")).status_code == 204
