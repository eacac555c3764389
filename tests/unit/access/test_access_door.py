from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from scim.access.access import Access
from scim.access.rate import Rate
from scim.access.scope import permit
from scim.access.sources import check_source, client_address
from scim.access.tokens import digest, mint
from scim.errors import OutOfScope, StoreUnavailable, TooManyRequests, Unauthenticated, Unavailable
from scim.model import Connection, ConnectionId, VaultId
from scim.settings import Settings
from scim.store.connections import Connections
from scim.store.memory import MemoryStore
from scim.store.table import Row
from scim.store.tokens import Tokens

PEPPER = b"canary-pepper-0123456789abcdefgh"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Instance:
    """One process of the app: its own caches over the shared tables."""

    def __init__(self, store: MemoryStore, clock: Clock, **settings: object) -> None:
        self.tokens = Tokens(store.table("tokens"))
        self.connections = Connections(store.table("connections"))
        self.access = Access(
            self.tokens, self.connections, self.pepper, Settings(_env_file=None, **settings), clock=clock
        )
        self.outage = False

    async def pepper(self) -> bytes:
        if self.outage:
            raise Unavailable("no keys")
        return PEPPER

    async def enter(self, token, address: str = "203.0.113.7"):
        return await self.access.authenticate({"authorization": f"Bearer {token.text}"}, address)


class World:
    def __init__(self, **settings: object) -> None:
        self.store, self.clock = MemoryStore(), Clock()
        self.one = Instance(self.store, self.clock, **settings)
        self.settings = settings

    def another(self) -> Instance:
        return Instance(self.store, self.clock, **self.settings)

    async def client(self, name: str = "entra", days: int = 365, **fields: object):
        connection = await self.one.connections.add(name, VaultId("v"), **fields)
        token = mint()
        await self.one.tokens.add(connection.id, token.key_id, digest(token, PEPPER), days=days)
        return connection, token


async def test_the_right_token_lets_its_connection_in():
    world = World()
    connection, token = await world.client()
    admitted = await world.one.enter(token)
    assert (connection, token.key_id, "203.0.113.7") == (admitted.connection, admitted.token_key, admitted.address)


async def test_a_wrong_secret_under_a_right_key_id_is_refused():
    world = World()
    _, token = await world.client()
    other = mint()
    from scim.access.tokens import Token, checksum

    body = f"ssc_{token.key_id}{other.text[12:-6]}"
    with pytest.raises(Unauthenticated) as wrong:
        await world.one.enter(Token(token.key_id, body + checksum(body)))
    with pytest.raises(Unauthenticated) as unknown:
        await world.one.enter(other)
    assert wrong.value.detail == unknown.value.detail


async def test_an_expired_token_is_refused(monkeypatch):
    world = World()
    _, token = await world.client(days=1)
    row = await world.store.table("tokens").get("tokens", f"key|{token.key_id}")
    await world.store.table("tokens").merge(
        Row(row.partition, row.key, {"expires": datetime.now(UTC) - timedelta(seconds=1)})
    )
    with pytest.raises(Unauthenticated, match="expired"):
        await world.one.enter(token)


@pytest.mark.parametrize("end", ["revoke", "disable", "remove"])
async def test_whatever_ends_a_token_ends_it_within_a_minute_on_every_instance(end):
    world = World()
    connection, token = await world.client()
    instances = [world.one, world.another(), world.another()]
    for instance in instances:
        await instance.enter(token)
    if end == "revoke":
        await world.one.tokens.revoke(token.key_id)
    elif end == "disable":
        await world.one.connections.update(connection.id, enabled=False)
    else:
        await world.one.connections.remove(connection.id)
    world.clock.now += 60
    for instance in instances:
        with pytest.raises(Unauthenticated):
            await instance.enter(token)


async def test_a_setting_cannot_stretch_the_minute():
    world = World(connection_cache_seconds=3600)
    _, token = await world.client()
    await world.one.enter(token)
    await world.one.tokens.revoke(token.key_id)
    world.clock.now += 60
    with pytest.raises(Unauthenticated):
        await world.one.enter(token)


async def test_a_thousand_requests_cost_two_reads():
    world = World(burst=2000)
    _, token = await world.client()
    before = [world.store.table(name).calls for name in ("tokens", "connections")]
    await asyncio.gather(*(world.one.enter(token) for _ in range(1000)))
    await world.one.access.close()
    after = [world.store.table(name).calls for name in ("tokens", "connections")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1]  # one of the two notes the use


async def test_an_outage_serves_the_known_for_five_minutes_and_then_says_503():
    world = World()
    _, token = await world.client()
    _, stranger = await world.client("okta")
    await world.one.enter(token)
    world.store.fail_next(10**6)
    for _ in range(29):
        world.clock.now += 10
        assert (await world.one.enter(token)).token_key == token.key_id
    world.clock.now += 11
    with pytest.raises(StoreUnavailable):
        await world.one.enter(token)
    with pytest.raises(StoreUnavailable):
        await world.one.enter(stranger)
    with pytest.raises(StoreUnavailable):
        await world.one.enter(mint())
    world.store.fail_next(0)
    world.clock.now += 3
    await world.one.enter(token)
    await world.one.enter(stranger)


async def test_an_outage_of_the_keys_is_no_401():
    world = World()
    _, token = await world.client()
    world.one.outage = True
    with pytest.raises(Unavailable):
        await world.one.enter(token)


async def test_guessing_key_ids_costs_a_bounded_memory_and_few_reads():
    world = World()
    token = mint()
    for _ in range(100):
        with pytest.raises(Unauthenticated):
            await world.one.enter(token)
    assert world.store.table("tokens").calls == 1
    for _ in range(1500):
        with pytest.raises(Unauthenticated):
            await world.one.enter(mint())
    assert len(world.one.access.known._absent) <= 1024


async def test_a_new_token_works_soon_after_it_was_tried_too_early():
    world = World()
    connection = await world.one.connections.add("entra", VaultId("v"))
    token = mint()
    with pytest.raises(Unauthenticated):
        await world.one.enter(token)
    await world.one.tokens.add(connection.id, token.key_id, digest(token, PEPPER))
    world.clock.now += 5
    await world.one.enter(token)


async def test_a_token_that_is_forgotten_is_read_anew():
    world = World()
    _, token = await world.client()
    await world.one.enter(token)
    await world.one.tokens.revoke(token.key_id)
    world.one.access.known.forget(token.key_id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await world.one.enter(token)


@pytest.mark.parametrize("text", ["é", "ssc_00000000_" + "é" * 49, "☃", "\udcff", "a" * 7000, "ssc_", "null"])
async def test_no_header_is_an_error_of_ours(text):
    world = World()
    with pytest.raises(Unauthenticated) as refusal:
        await world.one.access.authenticate({"authorization": f"Bearer {text}"}, "")
    assert text not in refusal.value.detail
    assert world.store.table("tokens").calls == 0


async def test_a_caller_who_hangs_up_does_not_fail_the_others():
    world = World()
    _, token = await world.client()
    world.store.fail_next(2, "slow")
    first, second = (asyncio.create_task(world.one.enter(token)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    assert token.key_id == (await second).token_key


async def test_use_is_noted_once_an_hour_and_off_the_path():
    world = World()
    _, token = await world.client()
    for _ in range(5):
        await world.one.enter(token)
    await world.one.access.close()
    noted = await world.one.tokens.get(token.key_id)
    assert ("203.0.113.7", datetime.now(UTC).date()) == (noted.last_address, noted.last_used.date())
    world.clock.now += 3601
    await world.one.enter(token, "203.0.113.8")
    await world.one.access.close()
    assert (await world.one.tokens.get(token.key_id)).last_address == "203.0.113.8"


async def test_nothing_secret_is_stored_logged_or_shown(caplog):
    caplog.set_level(logging.DEBUG)
    world = World()
    _, token = await world.client()
    admitted = await world.one.enter(token)
    with pytest.raises(Unauthenticated) as refusal:
        await world.one.enter(mint())
    world.store.fail_next(1, after=2)
    world.clock.now += 4000
    await world.one.enter(token)
    await world.one.access.close()
    rows = [row for name in world.store.tables for row in world.store.table(name).rows.values()]
    seen = repr(rows) + repr(admitted) + caplog.text + repr(refusal.value) + repr(vars(world.one.access))
    assert token.text[13:30] not in seen
    assert "canary-pepper" not in seen
    assert token.text.encode()[13:30] not in b"".join(
        v for r in rows for v in r.values.values() if isinstance(v, bytes)
    )


# --- where from ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:50123", "203.0.113.7"),
        ("10.0.0.1, 203.0.113.7:50123", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.7, unknown", ""),
        ("203.0.113.7,", ""),
        ("<script>", ""),
        ("203.0.113.007", ""),
    ],
)
def test_only_the_last_hop_is_believed(forwarded, address):
    assert address == client_address({"x-forwarded-for": forwarded}, "198.51.100.1")


def test_without_a_front_end_the_socket_is_believed():
    assert client_address({}, "198.51.100.1:5000") == "198.51.100.1"
    assert client_address({}) == ""


def limited(*sources: str) -> Connection:
    return Connection(id=ConnectionId("c"), name="c", vault=VaultId("v"), sources=sources)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5", "192.0.2.1"])
def test_a_listed_source_is_let_in(address):
    check_source(limited("10.0.0.0/8", "2001:db8::/32", "192.0.2.1"), address)
    check_source(limited(), address)


@pytest.mark.parametrize("address", ["11.0.0.1", "2001:db9::1", "", "nonsense", "192.0.2.2", "255.255.255.255"])
def test_any_other_or_unknown_source_is_refused(address):
    with pytest.raises(OutOfScope):
        check_source(limited("10.0.0.0/8", "2001:db8::/32", "192.0.2.1"), address)
    with pytest.raises(OutOfScope):
        check_source(limited("not a range"), address)


async def test_a_forged_first_hop_opens_no_door():
    world = World()
    _, token = await world.client(sources=("10.0.0.0/8",))
    headers = {"authorization": f"Bearer {token.text}", "x-forwarded-for": "10.0.0.1, 203.0.113.7:1"}
    with pytest.raises(OutOfScope):
        await world.one.access.authenticate(headers)


# --- what, and how fast -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "patch", "BREW"])
def test_a_read_only_connection_writes_nothing(method):
    reader = limited().model_copy(update={"read_only": True})
    with pytest.raises(OutOfScope):
        permit(reader, method, "User")
    permit(reader, "GET", "User")
    permit(reader, "POST", "User", search=True)
    permit(limited(), method, "User")


def test_a_scope_names_what_may_be_touched():
    users = limited().model_copy(update={"scope": ("User", "Group")})
    permit(users, "DELETE", "User")
    permit(users, "GET", None)
    for method in ("GET", "POST"):
        with pytest.raises(OutOfScope, match="User, Group"):
            permit(users, method, "Role")


def test_a_burst_passes_and_then_the_rate_holds():
    clock = Clock()
    rate = Rate(10, 20, clock=clock)
    for _ in range(20):
        rate.take(ConnectionId("a"))
    with pytest.raises(TooManyRequests) as refusal:
        rate.take(ConnectionId("a"))
    assert refusal.value.retry_after == 1
    passed = 0
    for _ in range(1000):
        clock.now += 0.01
        try:
            rate.take(ConnectionId("a"))
            passed += 1
        except TooManyRequests:
            pass
    assert passed in (99, 100, 101)


def test_one_flood_leaves_the_others_their_share():
    clock = Clock()
    rate = Rate(1, 1, clock=clock)
    rate.take(ConnectionId("a"))
    with pytest.raises(TooManyRequests):
        rate.take(ConnectionId("a"))
    rate.take(ConnectionId("b"))


@pytest.mark.parametrize(("per_second", "wait"), [(1000, 1), (1, 1), (0.1, 10), (0.3, 4)])
def test_retry_after_is_whole_seconds_after_which_it_works(per_second, wait):
    clock = Clock()
    rate = Rate(per_second, 1, clock=clock)
    rate.take(ConnectionId("a"))
    with pytest.raises(TooManyRequests) as refusal:
        rate.take(ConnectionId("a"))
    assert wait == refusal.value.retry_after
    clock.now += wait
    rate.take(ConnectionId("a"))


def test_a_clock_that_jumps_back_gives_nothing_away():
    clock = Clock()
    rate = Rate(10, 1, clock=clock)
    rate.take(ConnectionId("a"))
    clock.now -= 500
    with pytest.raises(TooManyRequests):
        rate.take(ConnectionId("a"))


def test_a_rate_of_nothing_is_a_mistake():
    for arguments in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="a rate"):
            Rate(*arguments)


async def test_too_many_requests_are_told_when_to_come_back():
    world = World(requests_per_second=1, burst=2)
    _, token = await world.client()
    await world.one.enter(token)
    await world.one.enter(token)
    with pytest.raises(TooManyRequests) as refusal:
        await world.one.enter(token)
    assert refusal.value.retry_after == 1
