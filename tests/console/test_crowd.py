"""After years: 100,000 audit rows, hundreds of connections, thousands of rows in every other list.

What a page sends is held here. How long it takes depends on the machine: it is printed, and held where SCIM_HOLD_MS
says so. `SCIM_EXHAUSTIVE=1 SCIM_HOLD_MS=300 pytest -s tests/console/test_crowd.py` holds the console to its promise.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from scim.console.desk import Desk
from scim.console.routes import doors
from scim.settings import Settings
from scim.triggers.requests import answer_as
from tests.conftest import KEYS, Stack, start_stack, stop_stack
from tests.console.crowd import AUDIT, crowd

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.xdist_group("crowd")]
HOLD_MS = float(os.environ.get("SCIM_HOLD_MS", "inf"))
MOST_BYTES = 350_000
TIMES = 3
SINCE = "2020-01-01T00:00:00+00:00"
NO_PAGES = {
    "/console/": "leads to /console",
    "/console/static/{name}": "files of the browser",
    "/console/sign-in/entra": "leads to Microsoft Entra",
}
FILES = {
    "/console/audit/export": "all rows of a day, as a file",
    "/console/settings/backup": "all vaults, connections and tokens, as a file",
    "/console/api/audit/export": "the same for scripts",
    "/console/api/backup": "the same for scripts",
}
"""What is saved and not looked at: asked for, but its size and time are not held."""

ALSO = (
    "/console/overview/live?range=6h",
    "/console/overview/live?range=24h",
    "/console/connections?page=6",
    "/console/messages?outcome=refused",
    "/console/messages/rows?outcome=refused",
    "/console/audit?reads=1&span=30d",
    "/console/audit?span=30d&outcome=refused",
    "/console/audit?span=365d&outcome=failed",
    "/console/audit?span=365d&kind=user&object=4711",
    "/console/audit?span=30d&connection={connection}",
    "/console/audit?span=30d&text=person4711@",
    "/console/audit?span=30d&until={ten_days_ago}",
    "/console/api/audit?span=30d",
    "/console/api/overview?range=24h",
)
"""The same pages with other questions."""


def pages() -> list[str]:
    """Whatever the console answers to GET, from its own route table: a new page cannot be forgotten."""
    desk = Desk(SimpleNamespace(settings=Settings()), answer_as)
    paths = [door.path for door in doors(desk) if "GET" in door.methods and door.path not in NO_PAGES]
    words = {"vaults/{id}": "vaults/{vault}", "connections/{id}": "connections/{connection}",
             "messages/{key}": "messages/{message}"}  # fmt: skip
    for old, new in words.items():
        paths = [path.replace(old, new) for path in paths]
    return [*dict.fromkeys(paths), *ALSO]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, dict[str, str]]]:
    stack, process = start_stack(tmp_path_factory.mktemp("crowd"), "--users", "20", **KEYS)
    try:
        with closing(_browser(stack)) as browser:
            vault = browser.get("/console/api/vaults").json()["vaults"][0]["id"]
            connection = browser.get("/console/api/connections").json()["connections"][0]["id"]
        asyncio.run(crowd(stack.tables, vault, connection))
        with closing(_browser(stack)) as browser:
            message = browser.get("/console/api/messages").json()["messages"][0]["key"]
        ago = f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%dT%H:%M}"
        yield stack, {"vault": vault, "connection": connection, "message": message, "ten_days_ago": ago}
    finally:
        stop_stack(process)


def _browser(stack: Stack) -> httpx.Client:
    browser = httpx.Client(
        base_url=stack.console.removesuffix("/console"),
        headers={"sec-fetch-site": "same-origin"},
        timeout=60,
        trust_env=False,
    )
    browser.post("/console/sign-in/development", data={"role": "admin"})
    return browser


def test_every_page_is_a_page_with_100_000_audit_rows(crowded: tuple[Stack, dict[str, str]]) -> None:
    stack, ids = crowded
    assert AUDIT == 100_000
    slow: dict[str, float] = {}
    with closing(_browser(stack)) as browser:
        for page in pages():
            path = page.format(**ids)
            took: list[float] = []
            for _ in range(TIMES):
                started = time.perf_counter()
                answer = browser.get(path)
                took.append((time.perf_counter() - started) * 1000)
                assert 200 == answer.status_code, (path, answer.text[:300])
            print(f"{statistics.median(took):7.0f} ms  {len(answer.content):9,} bytes  {page}")
            if page in FILES:
                continue
            if not page.startswith("/console/api"):
                assert len(answer.content) < MOST_BYTES, f"{page} sends all that there is"
            if statistics.median(took) >= HOLD_MS:
                slow[page] = round(statistics.median(took))
    assert {} == slow


def test_a_search_by_text_ends_in_time_and_goes_on_from_where_it_came(crowded: tuple[Stack, dict[str, str]]) -> None:
    stack, _ = crowded
    with closing(_browser(stack)) as browser:
        until, looked, found = "", 0, 0
        for _ in range(200):
            started = time.perf_counter()
            answer = browser.get("/console/api/audit", params={"span": "30d", "text": "person4711@", "until": until})
            assert time.perf_counter() - started < 20, "a search walks for two seconds, whatever the table takes"
            page = answer.json()
            looked, found = looked + page["looked_at"], found + len(page["rows"])
            if page["until"] is None:
                break
            until = page["until"]
        else:
            pytest.fail(f"the search has not ended after 200 pages; {looked:,} rows were looked at")
        assert looked > AUDIT * 0.9
        assert found


def test_a_browser_looks_further_by_itself_until_all_was_looked_at(
    crowded: tuple[Stack, dict[str, str]], chromium: Any
) -> None:
    """The page is there at once; its rows come as they are found, in order and once each."""
    stack, _ = crowded
    page = chromium.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{stack.console}/sign-in")
    page.click("button[value=auditor]")
    page.wait_for_url(stack.console)
    page.goto(f"{stack.console}/audit?span=365d&text=person4711@")
    page.wait_for_selector("#found .spinner", state="detached", timeout=240_000)
    assert "Newest first; all of that time was looked at" == page.locator("#looked").inner_text()
    shown = [row for row in page.locator("#rows tr").all_inner_texts() if "person4711@" in row]
    with closing(_browser(stack)) as browser:
        one = browser.get("/console/audit?span=365d&kind=user&object=4711").text
        assert one.count("person4711@") <= len(shown), "reads are not shown"
    assert len(shown) == len({row.split("\n")[0] for row in shown}) >= 5
    page.goto(f"{stack.console}/audit?span=365d&text=nobody-of-that-name")
    page.wait_for_selector("text=Nothing found", timeout=240_000)
    assert [] == complaints
    page.close()
