"""Empty, broken and crowded: what every list looks like on the first day, in an outage, and after years."""

from __future__ import annotations

import asyncio
import html
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from scim.administration.deeds import Deed
from scim.errors import VaultUnreachable
from scim.store.messages import HELD, Message, Messages, Minute
from scim.store.past_hours import PastHours
from scim.store.recorder import MOST_KEPT, Recorder
from scim.store.table import Row
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


async def test_an_overview_of_hundreds_shows_what_goes_wrong_first_and_says_that_it_is_cut() -> None:
    rig = await Rig().furnish()
    now = datetime.now(UTC)
    made = [await rig.connector.connections.add(f"platform {n:03d}", rig.vault.id) for n in range(120)]
    ill, held, lately = made[7], made[80], made[119]
    for connection, status, detail in ((ill, 400, "wrong"), (held, 503, HELD), (lately, 200, "")):
        message = Message(now, "r", connection.id, connection.name, method="PATCH", status=status, detail=detail)
        await rig.connector.messages.see(connection.id, [message])
    async with rig.signed_in("auditor") as browser:
        page = (await browser.get("/console/overview/live")).text
        few = re.findall(r'class="name" href="/console/connections/(\w+)"', page)
        api = (await browser.get("/console/api/overview")).json()["connections"]
    assert [held.id, ill.id, lately.id] == few[:3]
    assert 50 == len(few)
    assert "50 of 121: held ones, then errors in a row, then the latest seen" in page
    assert 121 == len(api)
    assert [held.name] == [one["name"] for one in api if one["breaker"]["held"]]


async def test_watching_hundreds_of_connections_costs_a_handful_of_reads() -> None:
    """Reads of the tables and questions to the vault do not grow with the connections."""
    costs = []
    for many in (3, 120):
        rig = await Rig().furnish()
        for n in range(many):
            connection = await rig.connector.connections.add(f"platform {n:03d}", rig.vault.id)
            await rig.store.table("settings").put(Row(f"breaker|{connection.id}", "hour", {"minutes": "{}"}))
        async with rig.signed_in("auditor") as browser:
            spent = {}
            for path in (
                "/console/overview/live",
                "/console/attention",
                "/console/connections",
                "/console/api/overview",
            ):
                assert (await browser.get(path)).status_code == 200  # the vault is signed in to, and counted
                before = {name: table.calls for name, table in rig.store.tables.items()}
                assert (await browser.get(path)).status_code == 200
                spent[path] = sum(table.calls - before[name] for name, table in rig.store.tables.items())
        costs.append(spent)
    assert costs[0] == costs[1]
    assert max(costs[1].values()) <= 10, costs[1]


async def test_the_counters_of_a_held_connection_are_shown_while_its_vault_is_away(rig, monkeypatch):
    """The limit is not known then; that something was held is."""

    async def gone(_):
        raise VaultUnreachable("Secret Server cannot be reached")

    minute = str(int(datetime.now(UTC).timestamp()) // 60)
    counter = Row(f"breaker|{rig.connection.id}", "hour", {"minutes": f'{{"{minute}": 7}}'})
    await rig.store.table("settings").put(counter)
    message = Message(datetime.now(UTC), "r", rig.connection.id, "idp", method="PATCH", status=503, detail=HELD)
    await rig.connector.messages.see(rig.connection.id, [message])
    monkeypatch.setattr(rig.connector, "session", gone)
    async with rig.signed_in("operator") as browser:
        page = (await browser.get("/console/attention")).text
        state = (await browser.get(f"/console/api/connections/{rig.connection.id}")).json()["breaker"]
    assert "Mass change held: idp" in page
    assert "disabled, deleted or removed 7 within an hour, and wants more than its limit." in page
    assert {"changes": 7, "limit": None, "released": False, "held": True, "off": False} == state


async def test_unfinished_work_of_all_vaults_is_one_list_and_says_where_it_ends(rig):
    vaults = await rig.connector.vaults()
    other = await vaults.add("another", "http://other.invalid", SecretStr("simulator-only"), username="svc-scim")
    at = datetime.now(UTC) - timedelta(hours=1)
    for vault in (rig.vault, other):
        for n in range(2):
            await _left_open(rig, vault.id, n, at)
    await _left_open(rig, rig.vault.id, 8, datetime.now(UTC))  # under way
    await _left_open(rig, "forgotten", 9, at)
    async with rig.signed_in("auditor") as browser:
        listed = (await browser.get("/console/api/attention")).json()
        assert [("another", 2), ("vault", 2)] == sorted(
            Counter({other.id: "another", rig.vault.id: "vault"}[one["vault"]] for one in listed["open"]).items()
        )
        assert [] == listed["unread"]
        for n in range(300):
            await _left_open(rig, rig.vault.id, n, at)
        listed = (await browser.get("/console/api/attention")).json()
    assert 100 == len(listed["open"])
    assert any("more unfinished work" in words for words in listed["unread"])


async def _left_open(rig, vault, number, at):
    values = {"connection": "c", "request": f"{number:04d}", "action": "user.create", "kind": "user", "object": 0,
              "name": f"n{number}", "at": at, "plan": "{}", "state": "open", "steps": "[]"}  # fmt: skip
    await rig.store.table("journal").put(Row(f"open|{vault}", f"{number:020d}-{number:04d}-0", values))


async def test_a_day_of_numbers_is_read_once_and_is_the_same_as_the_minutes(rig):
    """By the bar where the hour is over; requests that come now are there at once."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    messages = rig.connector.messages
    for back in range(0, 24 * 60 - 20, 7):
        numbers = Minute(3, 1, 0, 5, 0, [float(back)], {"c": [3, 1, 0]})
        await messages.write_minute(now - timedelta(minutes=back), f"i{back % 2}", numbers)
    past, table = PastHours(messages, 15), rig.store.table("messages")
    since, until = now - timedelta(hours=24), now + timedelta(minutes=1)
    found = await past.minutes(since, until)
    exact = await messages.minutes(since, until)
    for name in ("requests", "refused", "upstream"):
        assert sum(getattr(m, name) for m in exact.values()) == sum(getattr(m, name) for m in found.values())
    assert sum(m.by_connection["c"][0] for m in exact.values()) == sum(m.by_connection["c"][0] for m in found.values())
    assert len(found) <= 24 * 4 + 2 * 60
    table.calls = 0
    await messages.write_minute(now, "i9", Minute(100))
    again = await past.minutes(since, until)
    assert sum(m.requests for m in found.values()) + 100 == sum(m.requests for m in again.values())
    assert 2 == table.calls  # the write, and the hour that is not over


async def test_overview_counts_what_is_held_at_once_and_tokens_within_half_a_minute(rig, monkeypatch):
    """Many who look share one reading of the tokens; one that failed is not kept."""
    monkeypatch.setattr("scim.console.desk.TOKENS_SECONDS", 0.2)
    async with rig.signed_in("admin") as browser, rig.signed_in("auditor") as other:
        reads = []
        by_connection = rig.connector.tokens.by_connection

        async def counted():
            reads.append(1)
            return await by_connection()

        monkeypatch.setattr(rig.connector.tokens, "by_connection", counted)
        await asyncio.gather(*(one.get("/console/overview/live") for one in (browser, other) * 4))
        assert [1] == reads
        await browser.post(f"/console/api/connections/{rig.connection.id}/tokens", json={"days": 3})
        message = Message(datetime.now(UTC), "r", rig.connection.id, "idp", method="PATCH", status=503, detail=HELD)
        await rig.connector.messages.see(rig.connection.id, [message])
        assert "1 thing waits for you" in (await other.get("/console/overview/live")).text
        await asyncio.sleep(0.3)
        assert "2 things wait for you" in (await other.get("/console/overview/live")).text
        await browser.post(f"/console/connections/{rig.connection.id}/release")
        assert "1 thing waits for you" in (await other.get("/console/overview/live")).text
