"""The first day, as a new customer has it: an app over empty tables, a code, and nothing else that knows him."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import KEYS, Stack, start_stack, stop_stack
from tests.console.conftest import Visit

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("console")]
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """No vault, no connection, no token, no development identity."""
    stack, process = start_stack(tmp_path_factory.mktemp("empty"), "--empty", "--users", "20", **KEYS)
    yield stack
    stop_stack(process)


def test_from_a_code_to_the_first_provisioned_user(chromium: Any, empty: Stack) -> None:
    """In one go, never leaving the browser but for what Entra does; each step says what comes next."""
    seat = Visit(chromium, empty.console, 1280, "light")
    page = seat.page
    _sign_in_with_the_code(seat, empty)
    _see_what_is_to_be_done(seat)
    _add_the_vault(seat, empty)
    token = _add_the_connection(seat)
    login, number = _entra_arrives(empty, token)
    page.wait_for_selector("li.ticked:has-text('Created its first user')", timeout=15_000)
    steps = ("Showed its token", "Test connection", "Looked at groups", "Created its first user", "Changed a user")
    ticked = [text for text in steps if page.locator("li.ticked", has_text=text).count()]
    assert ["Showed its token", "Test connection", "Created its first user"] == ticked
    seat.shoot("first-day-5-ticked")
    _everything_tells_of_it(seat, login, number)
    assert token not in page.content()
    assert seat.complaints == []
    seat.context.close()


def _sign_in_with_the_code(seat: Visit, empty: Stack) -> None:
    page = seat.page
    page.goto(empty.console)
    page.wait_for_url("**/console/sign-in")
    assert 0 == page.locator("button[value=admin]").count(), "there is no development identity"
    seat.shoot("first-day-1-sign-in")
    page.fill("#f-code", empty.code.lower())
    page.keyboard.press("Enter")
    page.wait_for_url(empty.console)
    assert page.locator(".who", has_text="local administrator").count()
    other = Visit(seat.context.browser, empty.console, 1280, "light")
    other.page.goto(f"{empty.console}/sign-in")
    other.page.fill("#f-code", empty.code)
    other.page.keyboard.press("Enter")
    other.page.wait_for_selector("text=was used before")
    other.context.close()


def _see_what_is_to_be_done(seat: Visit) -> None:
    """Every page that there is says why it is empty, and leads on."""
    page = seat.page
    page.wait_for_selector("h1:has-text('Welcome')")
    seat.shoot("first-day-2-welcome")
    for path, words in (("connections", "Nobody may call yet"), ("vaults", "No vault yet"), ("messages", "Quiet")):
        page.goto(f"{seat.console}/{path}")
        page.wait_for_selector(f"text={words}")
    page.goto(f"{seat.console}/connections/new")
    page.click("main a.button >> text=Add a vault")
    page.wait_for_url("**/vaults/new")


def _add_the_vault(seat: Visit, empty: Stack) -> None:
    page = seat.page
    page.fill("#f-name", "production")
    page.fill("#f-url", empty.secret_server)
    page.fill("#f-username", "svc-scim")
    page.fill("#f-password", "wrong")
    page.click("text=Add and test")
    page.wait_for_selector("#test >> text=refused")  # told at once, and nothing has to be typed again
    page.fill("#f-password", "simulator-only")
    page.click("text=Replace and test")
    page.wait_for_selector("text=Signed in as svc-scim")
    assert page.locator("li.ticked", has_text="create, change and disable users").count() == 1
    seat.shoot("first-day-3-vault")


def _add_the_connection(seat: Visit) -> str:
    page = seat.page
    page.goto(seat.console)
    page.click("main a.button >> text=Add a connection")
    page.wait_for_url("**/connections/new")
    page.check("input[value=entra]")
    page.fill("#f-name", "Entra ID")
    page.click("text=Create it with a token")
    page.wait_for_selector("text=This token is shown now and never again")
    assert page.locator(".paste code").first.inner_text().endswith("?aadOptscim062020")
    token = page.locator(".paste .hot code").inner_text().strip()
    page.locator("text=waiting").nth(3).wait_for()  # the list of first calls loads by itself
    seat.shoot("first-day-4-connection")
    return str(token)


def _entra_arrives(empty: Stack, token: str) -> tuple[str, str]:
    """What Entra sends: the test of the connection, then one person on demand."""
    client = httpx.Client(base_url=empty.scim, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    nobody = 'userName eq "2ab2bbcf-5b3a-4ef2-8f5a-0d5f3b1c6c2f"'
    assert 0 == client.get("/Users", params={"filter": nobody}).json()["totalResults"]
    login = "ada.lovelace@example.com"
    assert 0 == client.get("/Users", params={"filter": f'userName eq "{login}"'}).json()["totalResults"]
    made = client.post("/Users", json={"schemas": [USER], "userName": login, "displayName": "Ada", "active": True})
    assert 201 == made.status_code, made.text
    assert login == empty.vault_user(made.json()["id"])["userName"]
    return login, str(made.json()["id"])


def _everything_tells_of_it(seat: Visit, login: str, number: str) -> None:
    page = seat.page
    page.goto(f"{seat.console}/audit?text={login}")
    row = page.locator("tr", has_text="user.create")
    assert 1 == row.count()
    assert "Entra ID" in row.inner_text()
    seat.shoot("first-day-6-audit")
    page.goto(f"{seat.console}/messages")
    page.click("tr:has-text('POST') a.name >> nth=0")
    assert login in page.locator("pre").first.inner_text()
    assert number in page.locator("pre").nth(1).inner_text()
    seat.shoot("first-day-7-message")
    page.goto(seat.console)
    page.wait_for_selector("h1:has-text('Everything is working')")
    assert "Entra ID" in page.locator("table.rows").first.inner_text()
    seat.shoot("first-day-8-overview")
    page.goto(f"{seat.console}/audit?text=console.sign-in")
    page.wait_for_selector("tr:has-text('local administrator')")
