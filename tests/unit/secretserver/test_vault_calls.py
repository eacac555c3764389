"""One call and its budgets: attempts, waits, sizes, the breaker, and what is told about it."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import httpx
import pytest

from scim import context
from scim.errors import (
    OutcomeUnknown,
    Uniqueness,
    VaultBusy,
    VaultMisbehaved,
    VaultRefusedUs,
    VaultUnreachable,
)
from scim.secretserver import operations, wire
from scim.secretserver.client import VaultClient
from tests.unit.secretserver.fake_vault import Clock, FakeVault, html_reply, json_reply

RIGHT = json_reply({"id": 7, "userName": "ann", "enabled": True})


async def read(client: VaultClient) -> wire.UserRow:
    return await client.call(operations.READ_USER, wire.UserRow, 7)


async def create(client: VaultClient) -> wire.UserRow:
    return await client.call(operations.CREATE_USER, wire.UserRow, body={"userName": "ann"})


@pytest.mark.parametrize(
    "blip",
    [
        json_reply({}, 500),
        html_reply(502),
        json_reply({}, 503),
        json_reply({}, 429),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        ConnectionResetError("cut"),
    ],
)
async def test_a_blip_is_retried_for_a_read(blip: Any) -> None:
    vault, clock = FakeVault(), Clock()
    vault.script = [blip, blip]
    assert (await read(vault.client(clock))).id == 7
    assert len(vault.requests) == 3
    assert all(0 < wait < 1 for wait in clock.slept)


async def test_the_third_failure_is_the_last() -> None:
    vault, clock = FakeVault(), Clock()
    vault.default = json_reply({}, 500)
    with pytest.raises(VaultUnreachable):
        await read(vault.client(clock))
    assert len(vault.requests) == 3


@pytest.mark.parametrize("reply", [html_reply(), json_reply(b"{"), json_reply({"id": "7"}), html_reply(404)])
async def test_nonsense_is_not_retried(reply: httpx.Response) -> None:
    vault = FakeVault()
    vault.default = reply
    with pytest.raises(VaultMisbehaved):
        await read(vault.client(Clock()))
    assert len(vault.requests) == 1


async def test_retry_after_of_two_seconds_is_waited_for_once() -> None:
    vault, clock = FakeVault(), Clock()
    vault.script = [json_reply({}, 429, **{"retry-after": "2"})]
    await read(vault.client(clock))
    assert len(clock.slept) == 1
    assert 2.0 <= clock.slept[0] <= 2.5


async def test_a_long_retry_after_is_passed_on_at_once() -> None:
    vault, clock = FakeVault(), Clock()
    vault.default = json_reply({}, 503, **{"retry-after": "999999"})
    with pytest.raises(VaultBusy) as busy:
        await read(vault.client(clock))
    assert (busy.value.retry_after, clock.slept, len(vault.requests)) == (3600, [], 1)


async def test_no_retry_is_begun_that_the_requests_time_does_not_allow() -> None:
    vault, clock = FakeVault(), Clock()
    vault.default = json_reply({}, 429, **{"retry-after": "9"})
    with context.request_context("r", 5), pytest.raises(VaultBusy):
        await read(vault.client(clock))
    assert clock.slept == []


async def test_retries_add_a_tenth_at_most() -> None:
    vault, clock = FakeVault(), Clock()
    vault.default = json_reply({}, 503)
    client = vault.client(clock)
    await asyncio.gather(*(read(client) for _ in range(100)), return_exceptions=True)
    assert len(vault.requests) <= 110


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (httpx.ReadTimeout("slow"), OutcomeUnknown),
        (httpx.RemoteProtocolError("cut"), OutcomeUnknown),
        (ConnectionResetError("cut"), OutcomeUnknown),
        (html_reply(), OutcomeUnknown),
        (json_reply(b"{"), OutcomeUnknown),
        (json_reply({}), OutcomeUnknown),
        (html_reply(502), OutcomeUnknown),
        (json_reply({}, 500), OutcomeUnknown),
        (httpx.ConnectError("refused"), VaultUnreachable),
        (json_reply({}, 429), VaultBusy),
        (json_reply({"message": "already exists"}, 400), Uniqueness),
        (json_reply({"message": "Access Denied"}, 403), VaultRefusedUs),
    ],
)
async def test_a_create_is_sent_once_and_a_lost_answer_says_so(reply: Any, error: type[Exception]) -> None:
    vault = FakeVault()
    vault.default = reply
    with pytest.raises(error) as raised:
        await create(vault.client(Clock()))
    assert error is type(raised.value) or isinstance(raised.value, error)
    assert isinstance(raised.value, OutcomeUnknown) == (error is OutcomeUnknown)
    assert len(vault.requests) == 1


async def test_a_hanging_vault_is_given_up_in_time() -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return RIGHT

    vault = FakeVault()
    vault.default = hang
    client = vault.client(Clock(), connect_seconds=0.02, read_seconds=0.03)
    with pytest.raises(VaultUnreachable):
        await asyncio.wait_for(read(client), 2)
    with pytest.raises(OutcomeUnknown):
        await asyncio.wait_for(create(client), 2)


async def test_a_request_that_waits_for_its_turn_gives_up_with_its_own_deadline() -> None:
    async def slow(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3)
        return RIGHT

    vault = FakeVault()
    vault.default = slow
    client = vault.client(concurrency=1)
    await client.authentication.token()
    first = asyncio.create_task(read(client))
    await asyncio.sleep(0.02)
    with context.request_context("r", 0.7), pytest.raises(VaultUnreachable):
        await read(client)
    first.cancel()
    assert len(vault.requests) == 1


async def test_no_more_calls_are_in_flight_than_allowed() -> None:
    now = most = 0

    async def count(_request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1
        return RIGHT

    vault = FakeVault()
    vault.default = count
    client = vault.client(concurrency=4)
    await asyncio.gather(*(read(client) for _ in range(40)))
    assert most == 4


@pytest.mark.parametrize("packed", [True, False])
async def test_a_body_over_the_limit_is_not_read_to_its_end(packed: bool) -> None:
    content = b'{"padding":"' + b"x" * (33 * 1024 * 1024) + b'"}'
    headers = {"content-type": "application/json"}
    if packed:
        content, headers = gzip.compress(content, 1), {**headers, "content-encoding": "gzip"}
    vault = FakeVault()

    class Whole(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            for start in range(0, len(content), 65536):
                yield content[start : start + 65536]

    async def huge(request: httpx.Request) -> httpx.Response:
        if "token" in request.url.path:
            return json_reply({"access_token": "t", "expires_in": 100})
        return httpx.Response(200, headers=headers, stream=Whole())

    vault.handle_async_request = huge  # type: ignore[method-assign]
    with pytest.raises(VaultMisbehaved, match="32 MiB"):
        await read(vault.client(Clock()))


async def test_ten_failures_open_the_breaker_and_one_probe_closes_it() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    await read(client)
    vault.default = httpx.ConnectError("refused")
    for _ in range(10):
        with pytest.raises(VaultUnreachable):
            await read(client)
    sent = len(vault.requests)
    for _ in range(50):
        with pytest.raises(VaultUnreachable) as open_:
            await read(client)
        assert 1 <= (open_.value.retry_after or 0) <= 5
    assert sent == len(vault.requests)
    clock.now += 5.1
    with pytest.raises(VaultUnreachable):
        await read(client)
    assert sent + 1 == len(vault.requests)
    clock.now += 5.1
    vault.default = RIGHT
    await read(client)
    await asyncio.gather(*(read(client) for _ in range(5)))


async def test_a_cancelled_probe_does_not_keep_the_breaker_shut() -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return RIGHT

    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    await read(client)
    vault.default = httpx.ConnectError("refused")
    for _ in range(12):
        with pytest.raises(VaultUnreachable):
            await read(client)
    clock.now += 6
    vault.default = hang
    probe = asyncio.create_task(read(client))
    await asyncio.sleep(0.02)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    vault.default = RIGHT
    assert (await read(client)).id == 7


async def test_a_500_is_an_answer_and_opens_nothing() -> None:
    vault, clock = FakeVault(), Clock()
    vault.default = json_reply({}, 500)
    client = vault.client(clock)
    for _ in range(20):
        with pytest.raises(VaultUnreachable):
            await read(client)
    vault.default = RIGHT
    await read(client)


async def test_each_call_is_counted_without_its_query_and_carries_the_trace() -> None:
    vault = FakeVault()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with context.request_context("r", 45, traceparent=trace) as request:
        await vault.client().call(operations.READ_USER, wire.UserRow, 7, query=(("includeInactive", "true"),))
    assert [(call.method, call.path, call.status) for call in request.upstream] == [
        ("POST", "/oauth2/token", 200),
        ("GET", "/v1/users/{id}", 200),
    ]
    assert trace == vault.requests[0].headers["traceparent"]


async def test_a_call_without_an_answer_is_counted_as_nought() -> None:
    vault = FakeVault()
    vault.default = httpx.ConnectError("refused")
    with context.request_context("r", 45) as request, pytest.raises(VaultUnreachable):
        await create(vault.client(Clock()))
    assert request.upstream[-1].status == 0


async def test_queries_are_encoded_and_nothing_is_added_to_them() -> None:
    vault = FakeVault()
    vault.default = json_reply({"records": [], "total": 0})
    nasty = "a&filter.x=1#?%00\r\n+ü'\" OR 1=1"
    await vault.client().call(operations.SEARCH_USERS, wire.Page[wire.UserRow], query=(("filter.searchText", nasty),))
    assert [("filter.searchText", nasty)] == list(vault.requests[0].url.params.multi_items())


async def test_another_object_than_asked_for_is_an_error() -> None:
    from scim.model import GroupId, UserId
    from scim.secretserver.directory import SecretServerDirectory

    vault = FakeVault()
    directory = SecretServerDirectory(vault.client())
    vault.default = json_reply({"id": 8, "userName": "bob", "name": "bobs", "enabled": True, "records": [], "total": 0})
    with pytest.raises(VaultMisbehaved):
        await directory.user(UserId(7))
    with pytest.raises(VaultMisbehaved):
        await directory.group(GroupId(7))


async def test_a_patch_that_answers_200_and_changes_nothing_is_an_error() -> None:
    from scim.model import UserChange, UserId
    from scim.secretserver.directory import SecretServerDirectory

    vault = FakeVault()
    vault.default = json_reply({"id": 7, "userName": "ann", "displayName": "Ann", "enabled": True})
    directory = SecretServerDirectory(vault.client())
    user = await directory.user(UserId(7))
    for change in (UserChange(display_name="Other"), UserChange(enabled=False), UserChange(email="x@x.example")):
        with pytest.raises(VaultMisbehaved):
            await directory.change_user(user, change)
