"""The console in a real browser against the running stack: set-up from nothing, every page at two widths, no mouse."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from scim.console.people import role_named
from tests.conftest import Stack
from tests.console.addresses import PAGES, PARTS, VARIANTS, filled, for_role

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("console")]

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = (
    "<script>window.hit=1</script>",
    '"><img src=x onerror=window.hit=1>',
    "'onmouseover='window.hit=1",
    "{{7*7}}${7*7}",
    '=HYPERLINK("https://evil.example")',
)
NUMBER = itertools.count(time.time_ns() % 10**9)
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
WHOLE = (*PAGES, *VARIANTS)
EVIL = "script:not([src]), [onerror], [onmouseover], img:not([alt])"


@pytest.fixture(scope="module")
def furnished(running_stack: Stack) -> dict[str, str]:
    """Rows for every list, named as badly as the tables allow; and the ids that the pages need."""
    stack = running_stack
    for name in HOSTILE:
        body = {"schemas": [USER], "userName": f"{next(NUMBER)}{name}"[:60], "displayName": name, "active": True}
        stack.client.post("/Users", json=body, headers={"User-Agent": name})
    stack.client.get("/Users", params={"filter": 'userName xx "<b>"'})
    httpx.get(f"{stack.scim}/Users", headers={"Authorization": "Bearer <script>window.hit=1</script>"})
    time.sleep(3)  # messages are written every two seconds
    browser = httpx.Client(base_url=stack.console, headers={"sec-fetch-site": "same-origin"}, trust_env=False)
    browser.post("/sign-in/development", data={"role": "admin"})
    vault = browser.get("/api/vaults").json()["vaults"][0]["id"]
    for name in HOSTILE:
        given = {"name": f"{name} {next(NUMBER)}", "vault": vault, "client": "okta"}
        made = browser.post("/api/connections", json=given)
        assert made.status_code == 201, made.text
        browser.post(f"/api/connections/{made.json()['id']}/tokens", json={})
    messages = browser.get("/api/messages").json()["messages"]
    key = next(m["key"] for m in messages if m["method"] == "POST")
    return {"vaults": vault, "connections": made.json()["id"], "messages": key}


def test_from_nothing_to_the_first_provisioned_user(visit: Any, stack: Stack):
    """What an administrator does on the first day, in one go, never leaving the browser but for the calls."""
    seat = visit()
    page = seat.sign_in()
    name = f"First {next(NUMBER)}"
    page.goto(f"{stack.console}/vaults/new")
    page.fill("#f-name", name)
    page.fill("#f-url", stack.secret_server)
    page.fill("#f-username", "svc-scim")
    page.fill("#f-password", "simulator-only")
    page.click("text=Add and test")
    page.wait_for_selector("text=Signed in as svc-scim")
    assert page.locator("li.ticked", has_text="create, change and disable users").count() == 1

    page.goto(f"{stack.console}/connections/new")
    page.check("input[value=entra]")
    page.fill("#f-name", name)
    page.select_option("#f-vault", label=name)
    page.click("text=Create it with a token")
    token = page.locator(".paste .hot code").inner_text().strip()
    assert re.fullmatch(r"ssc_[0-9a-f]{8}_\S{40,}", token)
    page.locator("text=waiting").nth(3).wait_for()  # the list of first calls loads by itself
    seat.shoot("first-day-connection")

    client = httpx.Client(base_url=stack.scim, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    login = f"first{next(NUMBER)}@example.com"
    assert client.get("/Users", params={"filter": f'userName eq "{login}"'}).json()["totalResults"] == 0
    made = client.post("/Users", json={"schemas": [USER], "userName": login, "displayName": "First", "active": True})
    assert made.status_code == 201
    assert stack.vault_user(made.json()["id"])["userName"] == login

    page.wait_for_selector("li.ticked:has-text('Created its first user')", timeout=12_000)
    assert page.locator("li.ticked", has_text="Test connection").count() == 1
    page.goto(f"{stack.console}/audit?text={login}")
    assert page.locator("tr", has_text="user.create").count() == 1
    page.goto(f"{stack.console}/messages")
    page.click("tr:has-text('POST') a.name >> nth=0")
    assert login in page.locator("pre").first.inner_text()
    assert token not in page.content()
    assert seat.complaints == []


@pytest.mark.parametrize(
    ("width", "scheme", "role"),
    [(360, "light", "admin"), (1280, "dark", "admin"), (360, "dark", "auditor"), (1024, "light", "operator")],
)
def test_every_page_fits_and_nobody_complains(
    visit: Any, furnished: dict[str, str], width: int, scheme: str, role: str
):
    """No page scrolls sideways, no script of a name runs, the browser's console stays empty."""
    seat = visit(width, scheme)
    page = seat.sign_in(role)
    for path in ("/console/sign-in", *for_role(role_named(role)), *VARIANTS):
        page = seat.go(filled(path, furnished))
        seat.complaints = [c for c in seat.complaints if "404" not in c]
        seat.shoot(f"{path.strip('/').replace('/', '-').partition('?')[0]}-{width}-{scheme}-{role}")
        assert (path, page.evaluate("document.documentElement.scrollWidth")) <= (path, width)
        assert (path, page.evaluate("window.hit === undefined")) == (path, True)
        assert (path, page.locator(EVIL).count()) == (path, 0)
        assert (path, seat.complaints) == (path, [])


def test_no_part_holds_what_a_name_brought(visit: Any, furnished: dict[str, str]):
    """Parts are put into pages by themselves, and some only while somebody waits for them."""
    seat = visit()
    seat.sign_in()
    for path in PARTS:
        page = seat.go(filled(path, furnished))
        assert (path, page.locator(EVIL).count()) == (path, 0)
        assert (path, page.evaluate("window.hit === undefined")) == (path, True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit: Any, furnished: dict[str, str], scheme: str):
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci")
    seat = visit(1280, scheme)
    seat.context.add_init_script(path=str(AXE))
    page = seat.sign_in()
    found = []
    for path in WHOLE:
        page = seat.go(filled(path, furnished))
        found += [(path, *violation) for violation in _violations(page)]
    assert found == []


ACTIONS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "a vault tested": ("/console/vaults/{id}", lambda page: _press(page, "Test now", "#test >> text=Signed in as")),
    "a vault moved without its password": ("/console/vaults/{id}", lambda page: _move(page)),
    "a token made": (
        "/console/connections/{id}",
        lambda page: _token(page),
    ),
    "a key made": ("/console/settings", lambda page: _key(page)),
    "a setting refused": ("/console/settings", lambda page: _restore(page)),
    "a plan": ("/console/try", lambda page: _plan(page)),
    "the trail verified": ("/console/audit", lambda page: _press(page, "Verify the chain", "#verified .notice")),
}


@pytest.mark.parametrize("width", [360, 1280])
def test_what_an_action_leaves_on_the_page_fits_too(visit: Any, furnished: dict[str, str], width: int):
    """Answers to what is posted are pages as well, and no address in the table leads to them."""
    seat = visit(width, "dark" if width == 360 else "light")
    if AXE.exists():
        seat.context.add_init_script(path=str(AXE))
    page, found = seat.sign_in(), []
    for name, (path, act) in ACTIONS.items():
        page = seat.go(filled(path, furnished))
        act(page)
        seat.shoot(f"after-{name.replace(' ', '-')}-{width}")
        assert (name, page.evaluate("document.documentElement.scrollWidth")) <= (name, width)
        assert (name, page.locator(EVIL).count()) == (name, 0)
        if AXE.exists():
            found += [(name, *violation) for violation in _violations(page)]
    assert found == []


def _press(page: Any, button: str, until: str) -> None:
    page.click(f"main button >> text={button}")
    page.wait_for_selector(until)


def _move(page: Any) -> None:
    page.fill("#f-url", "https://other.example")
    _press(page, "Save", "text=give the password again")
    assert page.evaluate("document.activeElement.id") == "f-moved", "the field that is missing has the focus"


def _token(page: Any) -> None:
    page.check("input[name=force]")  # two may live, and another test has made some
    _press(page, "Make a token", "text=shown now and never")


def _key(page: Any) -> None:
    page.fill("#f-kname", f"{HOSTILE[0]} {next(NUMBER)}")
    _press(page, "Make a key", "#newkey")


def _restore(page: Any) -> None:
    page.fill("#f-document", "[")
    _press(page, "Restore what is missing", "text=This is not JSON")


def _plan(page: Any) -> None:
    page.click("text=Create a user")
    _press(page, "Plan it, change nothing", ".plan >> text=create user")


def _violations(page: Any) -> list[tuple[str, ...]]:
    """What axe calls serious or critical."""
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        (v["id"], v["impact"], v["nodes"][0]["html"][:120], v["nodes"][0].get("failureSummary", "")[:200])
        for v in result["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def test_everything_can_be_done_without_a_mouse(visit: Any, stack: Stack):
    """Sign in, go somewhere and make a connection with Tab, arrows, blank and Return; what has the focus is seen."""
    seat = visit()
    page = seat.page
    page.goto(f"{stack.console}/sign-in")
    _tab_to(page, "button[value=admin]")
    page.keyboard.press("Enter")
    page.wait_for_url(stack.console)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    _tab_to(page, ".frame nav a[href='/console/connections']")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    page.wait_for_url("**/connections")
    _tab_to(page, "main a.button.main")
    page.keyboard.press("Enter")
    page.wait_for_url("**/connections/new")
    _tab_to(page, "input[name=client]")
    page.keyboard.press("ArrowRight")
    _tab_to(page, "#f-name")
    page.keyboard.type(f"By keyboard {next(NUMBER)}")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=This token is shown now and never again")
    assert seat.complaints == []


def test_the_session_ends_with_the_sign_out(visit: Any, stack: Stack):
    seat = visit()
    page = seat.sign_in()
    cookies = seat.context.cookies()
    assert [(c["name"], c["httpOnly"], c["sameSite"], c["path"]) for c in cookies] == [
        ("scim-console-session", True, "Lax", "/")
    ]
    page.click(".frame >> text=Sign out")
    page.wait_for_url("**/sign-in?done=out")
    page.goto(f"{stack.console}/vaults")
    assert "/sign-in" in page.url


def test_a_plan_changes_nothing_and_says_what_it_would_do(visit: Any, stack: Stack):
    before = stack.state()["users"]
    seat = visit()
    page = seat.sign_in("operator")
    page.goto(f"{stack.console}/try")
    assert page.locator("text=Carry it out").count() == 0
    page.click("text=Create a user")
    page.click("text=Plan it, change nothing")
    page.wait_for_selector(".plan >> text=create user")
    assert before == stack.state()["users"]
    page.goto(f"{stack.console}/audit?reads=1&text=ada@example.com")
    assert page.locator("text=Nothing found").count() == 1


def test_pages_answer_within_300_ms(stack: Stack, furnished: dict[str, str]):
    """Median of five, on the local stack."""
    browser = httpx.Client(base_url=stack.console, headers={"sec-fetch-site": "same-origin"}, trust_env=False)
    browser.post("/sign-in/development", data={"role": "admin"})
    slow = {}
    for path in (*PAGES, "/console/overview/live", "/console/messages/rows"):
        url = stack.console + filled(path, furnished).removeprefix("/console")
        times = []
        for _ in range(5):
            started = time.perf_counter()
            browser.get(url)
            times.append(time.perf_counter() - started)
        if sorted(times)[2] > 0.3:
            slow[path] = sorted(times)[2]
    assert slow == {}


def _tab_to(page: Any, selector: str) -> None:
    for _ in range(80):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never comes to {selector}")
