"""Fixtures of the console's tests: the rig without a browser, and Debian's Chromium where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.rig import Rig

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts" / "console"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
async def rig() -> Any:
    rig = await Rig().furnish()
    yield rig
    await rig.connector.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A running browser. Without Chromium the test is skipped, and says so.

    Closed with its module: Playwright's event loop would be in the way of every asynchronous test after it.
    """
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or set CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page in a context of its own; what its console complains about is kept."""

    def __init__(self, browser: Any, console: str, width: int, scheme: str) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.console = console
        self.complaints: list[str] = []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def sign_in(self, role: str = "admin") -> Any:
        self.page.goto(f"{self.console}/sign-in")
        self.page.click(f"button[value={role}]")
        self.page.wait_for_url(self.console)
        return self.page

    def go(self, path: str) -> Any:
        self.page.goto(self.console.removesuffix("/console") + path)
        self.page.wait_for_timeout(500)  # the parts that load by themselves
        return self.page

    def shoot(self, name: str) -> None:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


@pytest.fixture
def visit(chromium: Any, stack: Any) -> Iterator[Any]:
    """A function that opens a new browser context on the running stack's console."""
    open_ones: list[Visit] = []

    def open_one(width: int = 1280, scheme: str = "light") -> Visit:
        open_ones.append(Visit(chromium, stack.console, width, scheme))
        return open_ones[-1]

    yield open_one
    for one in open_ones:
        one.context.close()
