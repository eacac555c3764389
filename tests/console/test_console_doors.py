"""Who may open what, and that a request of another site opens nothing. No browser: straight into the application."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from scim.console.people import Role
from scim.store.messages import Message
from tests.console.addresses import NO_PAGE, PAGES, PARTS, TABLE
from tests.console.rig import BASE, KEY, Rig

ROLES = {"visitor": Role.PUBLIC, "auditor": Role.AUDITOR, "operator": Role.OPERATOR, "admin": Role.ADMIN}
PUBLIC = {
    "/console/static/{name}",
    "/console/sign-in",
    "/console/sign-in/code",
    "/console/sign-in/vault",
    "/console/sign-in/development",
    "/console/sign-in/entra",
    "/console/callback",
    "/console/sign-out",
}


CASES = [
    pytest.param(door, method, role, id=f"{role} {method} {door.path}")
    for door, role in itertools.product(TABLE, ROLES)
    for method in door.methods
    if ROLES[role] < door.role
]


def test_only_these_addresses_are_open_to_strangers():
    assert {door.path for door in TABLE if door.role == Role.PUBLIC} == PUBLIC


def test_no_address_changes_anything_for_an_auditor():
    """What an auditor may POST is named here one by one."""
    unsafe = {(door.path, m) for door in TABLE for m in door.methods if m != "GET" and door.role == Role.AUDITOR}
    assert unsafe == {("/console/audit/verify", "POST"), ("/console/api/audit/verify", "POST")}


def test_every_address_is_a_page_a_part_or_stands_with_a_reason():
    opened = {door.path for door in TABLE if "GET" in door.methods and not door.path.startswith("/console/api")}
    assert opened == set(PAGES) | set(PARTS) | set(NO_PAGE)


def test_only_one_address_takes_posts_of_other_sites():
    assert [door.path for door in TABLE if door.foreign] == ["/console/callback"]


@pytest.mark.parametrize(("door", "method", "role"), CASES)
async def test_a_lower_role_is_refused_and_nothing_changes(rig, door, method, role):
    path = door.path.format(id=rig.connection.id, key="00000000", name="x")
    async with rig.signed_in(role) as browser:
        before = {table: rig.rows(table) for table in ("vaults", "connections", "tokens", "settings", "audit")}
        answer = await browser.request(method, path)
        after = {table: rig.rows(table) for table in ("vaults", "connections", "tokens", "settings", "audit")}
    if role == "visitor":
        assert answer.status_code == (401 if path.startswith("/console/api") else 303)
        assert answer.headers.get("location", "/console/sign-in").startswith("/console/sign-in")
    else:
        assert answer.status_code == 403
    assert before == after


@pytest.mark.parametrize("role", ["auditor", "operator", "admin"])
async def test_each_role_opens_the_pages_that_are_its_own(rig, role):
    """Every GET there is: pages, parts, files and the API; those of higher roles are refused."""
    message = Message(
        datetime.now(UTC), "a-request", rig.connection.id, "idp", method="GET", route="/Users", status=200
    )
    await rig.connector.messages.write([message])
    ids = {"vaults": rig.vault.id, "messages": message.key, "connections": rig.connection.id}
    paths = {
        door.path.format(id=ids.get(noun, ""), key=ids.get(noun, ""), name="console.css")
        for door in TABLE
        if door.role <= ROLES[role] and "GET" in door.methods
        for noun in [door.path.removeprefix("/console/").removeprefix("api/").partition("/")[0]]
    } - {"/console/sign-in/entra", "/console/"}
    async with rig.signed_in(role) as browser:
        answers = {path: await browser.get(path) for path in sorted(paths)}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(sorted(paths), 200)
    for path, answer in answers.items():
        for secret in ("simulator-only", KEY):
            assert (path, secret in answer.text) == (path, False)


# -- other sites ------------------------------------------------------------------------------------------------------

FOREIGN = [
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"sec-fetch-site": "cross-site", "origin": BASE},
    {"sec-fetch-site": "same-site", "origin": "https://other.example"},
    {"sec-fetch-site": "none"},
    {"origin": "null"},
    {"origin": "https://evil.example"},
    {"origin": "http://127.0.0.1.evil.example"},
    {"origin": "http://127.0.0.1:9999"},
    {},
]
POSTS = sorted({(d.path, m) for d in TABLE for m in d.methods if m != "GET" and not d.foreign})


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_no_unsafe_address_believes_another_site(rig, headers):
    async with rig.signed_in("admin") as browser:
        for name in ("sec-fetch-site", "origin"):
            browser.headers.pop(name, None)
        before = {table: rig.rows(table) for table in ("vaults", "connections", "tokens", "settings", "audit")}
        for path, method in POSTS:
            full = path.format(id=rig.connection.id, key="00000000")
            answer = await browser.request(method, full, headers=headers)
            assert (path, answer.status_code) == (path, 403)
        assert before == {table: rig.rows(table) for table in before}


async def test_a_browser_without_fetch_metadata_is_believed_by_its_origin(rig):
    async with rig.signed_in("admin") as browser:
        browser.headers.pop("sec-fetch-site")
        answer = await browser.post(f"/console/connections/{rig.connection.id}/enabled", data={"enabled": ""})
    assert answer.status_code == 303


async def test_a_key_beside_a_cookie_is_no_way_around(rig):
    """A browser that was tricked into sending a header brings its cookie along, too."""
    key = await rig.script("admin")
    async with rig.signed_in("admin") as browser:
        for name in ("sec-fetch-site", "origin"):
            browser.headers.pop(name, None)
        answer = await browser.patch("/console/api/settings", json={"maintenance": True}, headers=key)
        assert answer.status_code == 403
        browser.cookies.clear()
        answer = await browser.patch("/console/api/settings", json={"maintenance": True}, headers=key)
        assert answer.status_code == 200


async def test_a_key_opens_the_api_only(rig):
    async with rig.browser() as browser:
        key = await rig.script("admin")
        assert (await browser.get("/console/vaults", headers=key)).status_code == 303
        assert (await browser.get("/console/api/vaults", headers=key)).status_code == 200
        assert (
            await browser.get("/console/api/vaults", headers={"authorization": "Bearer ssk_x_y"})
        ).status_code == 401


# -- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/console", "/console/sign-in", "/console/nowhere", "/console/api/vaults", "/console/static/console.css"],
)
async def test_every_answer_carries_the_headers(rig, path):
    async with rig.signed_in("admin") as browser:
        headers = (await browser.get(path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-store" if "static" not in path else "no-cache")


async def test_no_template_holds_a_script_or_a_style(rig):
    """The policy would block them; this says so before a browser does."""
    from scim.console.drawing import STATIC

    for path in (STATIC.parent / "templates").iterdir():
        text = path.read_text()
        assert "style=" not in text, path.name
        assert " onclick" not in text, path.name
        assert text.count("<script") == text.count("<script src="), path.name
        assert "|safe" not in text, path.name


async def test_the_development_identity_does_not_exist_elsewhere(monkeypatch):
    async def tries(rig: Rig, base: str = BASE) -> int:
        async with rig.browser(base) as browser:
            return (await browser.post("/console/sign-in/development", headers={"origin": base})).status_code

    assert await tries(Rig()) == 303
    assert await tries(Rig(console_development=False)) == 403
    assert await tries(Rig(public_url="https://app.azurewebsites.net")) == 403
    assert await tries(Rig(), "http://rebound.example") == 403
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "abc")
    assert await tries(Rig()) == 403


async def test_a_session_made_in_development_dies_with_it(rig, monkeypatch):
    async with rig.signed_in("admin") as browser:
        assert (await browser.get("/console/vaults")).status_code == 200
        monkeypatch.setenv("IDENTITY_ENDPOINT", "http://169.254.0.1")
        assert (await browser.get("/console/vaults")).status_code == 303
