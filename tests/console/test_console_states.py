"""Empty, broken and crowded: what every list looks like on the first day, in an outage, and after years."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from scim.administration.deeds import Deed
from scim.errors import VaultUnreachable
from scim.store.messages import Message, Messages, Minute
from scim.store.recorder import MOST_KEPT, Recorder
from tests.console.rig import Rig

LISTS = {
    "/console/overview/live": "Two steps to the first account",
    "/console/overview/vaults": "No vault yet",
    "/console/attention": "Nothing waits",
    "/console/connections": "Nobody may call yet",
    "/console/connections/new": "A vault first",
    "/console/vaults": "No vault yet",
    "/console/try": "No connection to speak for",
    "/console/messages/rows": "Quiet",
    "/console/audit?text=nobody": "Nothing found",
    "/console/settings": "No key",
}


@pytest.mark.parametrize(("path", "words"), LISTS.items())
async def test_on_the_first_day_every_list_says_what_comes_next(path, words):
    rig = Rig()
    async with rig.signed_in("admin") as browser:
        answered = await browser.get(path)
    assert answered.status_code == 200
    assert words in answered.text


@pytest.mark.parametrize("path", ["/console/connections", "/console/vaults", "/console/audit", "/console/attention"])
async def test_an_outage_is_an_outage_and_never_an_empty_list(rig, path):
    async with rig.signed_in("admin") as browser:
        await browser.get(path)
        rig.store.fail_next(1_000)
        page = await browser.get(path)
        part = await browser.get(path, headers={"hx-request": "true"})
        api = await browser.get("/console/api/connections")
        rig.store.fail_next(0)
    assert page.status_code == 503
    assert "Not now" in page.text
    assert part.status_code == 200  # put in the place of the part that asked
    assert 'role="alert"' in part.text
    assert (api.status_code, api.json()["title"]) == (503, "StoreUnavailable")


async def test_our_own_mistakes_tell_nothing_but_a_number(rig, monkeypatch):
    async def fail(*_):
        raise RuntimeError("canary-Wh1stle!")

    async with rig.signed_in("admin") as browser:
        monkeypatch.setattr(rig.connector.connections, "list", fail)
        for path in ("/console/connections", "/console/api/connections"):
            answered = await browser.get(path)
            assert answered.status_code == 500
            assert "request-of-a-test" in answered.text
            assert "canary" not in answered.text
            assert "default-src 'none'" in answered.headers["content-security-policy"]


async def test_a_vault_that_does_not_answer_hides_nothing_else(rig, monkeypatch):
    async def gone(_):
        raise VaultUnreachable("Secret Server cannot be reached")

    monkeypatch.setattr(rig.connector, "session", gone)
    async with rig.signed_in("auditor") as browser:
        for path in ("/console/overview/live", "/console/attention", "/console/connections"):
            assert "idp" in (await browser.get(path)).text or path == "/console/attention"
        assert "cannot be reached" in (await browser.get("/console/overview/vaults")).text


async def test_messages_are_paged_each_once(rig):
    now = datetime.now(UTC)
    written = [Message(now - timedelta(minutes=i), f"request{i:04d}", "c", "idp", method="GET") for i in range(200)]
    await rig.connector.messages.write(written)
    seen: list[str] = []
    async with rig.signed_in("auditor") as browser:
        before = ""
        while True:
            answered = await browser.get(f"/console/api/messages?before={before}")
            page = answered.json()["messages"]
            if not page:
                break
            seen += [m["request_id"] for m in page]
            before = page[-1]["key"]
        assert "Older ones" in (await browser.get("/console/messages/rows")).text
    assert seen == [m.request_id for m in written]


async def test_under_load_what_went_wrong_is_kept_first_and_all_is_counted(rig):
    recorder = Recorder(Messages(rig.store.table("messages")))
    now = datetime.now(UTC)
    for i in range(500):
        status = 503 if i > 480 else 200
        recorder.note(
            Message(now, f"request{i:04d}", "c", "idp", method="GET", route="/Users", status=status), b'{"a":1}'
        )
    await recorder.flush()
    kept = await rig.connector.messages.newest(1_000)
    whole = Minute()
    for minute in (await rig.connector.messages.minutes(now - timedelta(hours=1), now + timedelta(hours=1))).values():
        whole.requests += minute.requests
        whole.failed += minute.failed
        whole.dropped += minute.dropped
    assert (len(kept), len([m for m in kept if m.status == 503])) == (MOST_KEPT, 19)
    assert (whole.requests, whole.failed, whole.dropped) == (500, 19, 500 - MOST_KEPT)
    assert all(m.received for m in kept)
    await recorder.close()


async def test_two_instances_add_up(rig):
    now = datetime.now(UTC)
    for _ in range(2):
        recorder = Recorder(Messages(rig.store.table("messages")))
        for i in range(3):
            recorder.note(Message(now, f"{recorder.instance}{i}", "c", "idp", method="GET", route="/Users", status=400))
            await recorder.flush()  # the same minute is written again as it grows
        await recorder.close()
    minutes = await rig.connector.messages.minutes(now - timedelta(hours=1), now + timedelta(hours=1))
    assert sum(m.requests for m in minutes.values()) == 6
    assert (await rig.connector.messages.seen())["c"].streak == 6


async def test_an_audit_page_that_was_cut_for_its_time_looks_further_by_itself(rig, monkeypatch):
    """From where it came, no further back than it was asked, until all of that time was looked at."""
    monkeypatch.setattr("scim.console.pages.audit.FIRST_PATIENCE", 0.0)
    monkeypatch.setattr("scim.console.pages.audit.PATIENCE", 0.0)
    for number in range(120):
        await rig.connector.trail.record(Deed(f"thing.{number}", "Ada", "test").event("done"))
    asked = "/console/audit?span=1h&text=thing.3"
    rows: list[str] = []
    async with rig.signed_in("auditor") as browser:
        page = (await browser.get(asked)).text
        assert "Looking further" not in page
        for _ in range(20):
            rows += re.findall(r"<b>(thing\.\d+)</b>", page)
            further = re.search(r'hx-get="(/console/audit\?[^"]*)" hx-trigger="load"', page)
            if further is None:
                break
            assert "looking further back" in page
            assert "looked back to" in page
            link = html.unescape(further.group(1))
            since = datetime.fromisoformat(parse_qs(urlsplit(link).query)["since"][0])
            assert timedelta(minutes=58) < datetime.now(UTC) - since < timedelta(hours=1)
            page = (await browser.get(link, headers={"hx-request": "true"})).text
    assert [f"thing.{n}" for n in range(119, -1, -1) if f"thing.{n}".startswith("thing.3")] == rows
    assert "all of that time was looked at" in page


async def test_connections_come_in_pages_and_are_found_by_name() -> None:
    rig = await Rig().furnish()
    for n in range(120):
        await rig.connector.connections.add(f"platform {n:03d}", rig.vault.id)
    async with rig.signed_in("auditor") as browser:
        first = (await browser.get("/console/connections")).text
        assert 50 == first.count('class="name"')
        assert "121 connections, page 1 of 3" in first
        last = (await browser.get("/console/connections?page=99")).text
        assert 21 == last.count('class="name"')
        found = (await browser.get("/console/connections?q=PLATFORM 11")).text
        assert 10 == found.count('class="name"')
        assert "No connection of that name" in (await browser.get("/console/connections?q=%3Cb%3E")).text
