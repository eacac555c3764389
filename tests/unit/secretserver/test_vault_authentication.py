"""Log-ins: as few as possible, never so many that our own account is locked."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from scim.errors import ConnectorError, VaultMisbehaved, VaultRefusedUs, VaultUnreachable
from scim.secretserver import operations, wire
from scim.secretserver.client import VaultClient
from tests.unit.secretserver.fake_vault import Clock, FakeVault, html_reply, json_reply


async def read(client: VaultClient) -> wire.UserRow:
    return await client.call(operations.READ_USER, wire.UserRow, 7)


async def test_fifty_parallel_requests_of_a_cold_client_log_in_once() -> None:
    vault = FakeVault()
    client = vault.client()
    await asyncio.gather(*(read(client) for _ in range(50)))
    assert len(vault.token_requests) == 1


async def test_fifty_parallel_requests_at_expiry_log_in_once_and_all_succeed() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    await read(client)
    clock.now += 1001
    await asyncio.gather(*(read(client) for _ in range(50)))
    assert len(vault.token_requests) == 2


async def test_a_token_refused_to_fifty_is_replaced_once_and_each_request_replayed_once() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    await read(client)
    clock.now += 100
    vault.refused.add("t1")
    await asyncio.gather(*(read(client) for _ in range(50)))
    assert len(vault.token_requests) == 2
    assert len(vault.requests) == 1 + 100


async def test_at_four_fifths_of_its_life_a_token_is_renewed_behind_requests_that_use_the_old_one() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    await read(client)
    clock.now += 799
    await read(client)
    assert len(vault.token_requests) == 1
    clock.now += 2
    await asyncio.gather(*(read(client) for _ in range(20)))
    assert {"Bearer t1"} == {request.headers["authorization"] for request in vault.requests}
    await asyncio.sleep(0.02)
    await read(client)
    assert vault.requests[-1].headers["authorization"] == "Bearer t2"
    assert len(vault.token_requests) == 2


async def test_while_the_renewal_fails_the_old_token_is_used_to_its_end() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    await read(client)
    clock.now += 900
    vault.token_reply = lambda _token: json_reply({}, 500)
    for _ in range(5):
        await read(client)
        await asyncio.sleep(0.005)
    assert {"Bearer t1"} == {request.headers["authorization"] for request in vault.requests}


async def test_a_thousand_requests_with_a_wrong_password_log_in_three_times_at_most() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock, secret="wrong")
    for _ in range(20):
        found = await asyncio.gather(*(read(client) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(error, VaultRefusedUs) for error in found)
        clock.now += 1
    assert len(vault.token_requests) == 3
    assert vault.requests == []
    assert client.authentication.refused
    last = found[-1]
    assert isinstance(last, VaultRefusedUs)
    assert 0 < (last.retry_after or 0) <= 300


async def test_after_the_pause_one_log_in_is_tried_and_a_right_password_ends_it() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock, secret="wrong")
    for _ in range(5):
        with pytest.raises(VaultRefusedUs):
            await read(client)
    clock.now += 301
    for _ in range(5):
        with pytest.raises(VaultRefusedUs):
            await read(client)
    assert len(vault.token_requests) == 4
    clock.now += 601
    vault.password = "wrong"
    await read(client)
    assert not client.authentication.refused


async def test_a_vault_that_refuses_its_own_fresh_tokens_is_not_flooded_with_log_ins() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    vault.refused = {f"t{number}" for number in range(1000)}
    for _ in range(100):
        with pytest.raises(VaultRefusedUs):
            await read(client)
    assert len(vault.token_requests) <= 4


async def test_tokens_that_live_out_their_time_never_count_as_failures() -> None:
    vault, clock = FakeVault(), Clock()
    client = vault.client(clock)
    for _ in range(20):
        await read(client)
        clock.now += 2000
    assert len(vault.token_requests) == 20
    assert not client.authentication.refused


@pytest.mark.parametrize("reply", [json_reply({"access_token": "x", "expires_in": "1200"})])
async def test_a_life_told_as_a_string_is_read(reply: httpx.Response) -> None:
    vault = FakeVault()
    vault.token_reply = lambda _token: httpx.Response(200, headers=reply.headers, content=reply.content)
    await read(vault.client())


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (html_reply(), VaultMisbehaved),
        (json_reply({"message": "no"}), VaultMisbehaved),
        (json_reply(b"{"), VaultMisbehaved),
        (json_reply({"access_token": 5}), VaultMisbehaved),
        (html_reply(502), VaultUnreachable),
        (json_reply({"error": "Login failed."}, 400), VaultRefusedUs),
        (json_reply({"message": "Login failed."}, 400), VaultRefusedUs),
        (json_reply({"message": "Login failed."}, 403), VaultRefusedUs),
    ],
)
async def test_what_a_log_in_may_answer(reply: httpx.Response, error: type[ConnectorError]) -> None:
    vault = FakeVault()
    vault.token_reply = lambda _token: httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)
    with pytest.raises(error):
        await read(vault.client(Clock()))


async def test_an_outage_of_the_log_in_is_no_wrong_password() -> None:
    vault, clock = FakeVault(), Clock()
    vault.token_reply = lambda _token: json_reply({}, 503)
    client = vault.client(clock)
    for _ in range(5):
        with pytest.raises(ConnectorError):
            await read(client)
    assert not client.authentication.refused


async def test_the_three_kinds_of_credentials_send_what_the_vendor_reads() -> None:
    vault = FakeVault()
    await read(vault.client(domain="local"))
    await read(vault.client(kind="sdk"))
    assert (vault.token_requests[0]) == {
        "grant_type": "password",
        "username": "svc",
        "password": "right",
        "domain": "local",
    }
    assert (vault.token_requests[1]) == {
        "grant_type": "client_credentials",
        "client_id": "svc",
        "client_secret": "right",
    }


async def test_a_platform_account_finds_its_vault_and_talks_to_it() -> None:
    vault = FakeVault()
    vaults = [
        {"isDefault": False, "isActive": True, "connection": {"url": "http://other"}},
        {"isDefault": True, "isActive": True, "connection": {"url": "http://found/"}},
    ]
    vault.script = [json_reply({"vaults": vaults})]
    await read(vault.client(kind="platform", url="", platform_url="http://tenant.example"))
    assert vault.token_requests[0]["scope"] == "xpmheadless"
    assert [str(request.url) for request in vault.requests] == [
        "http://tenant.example/vaultbroker/api/vaults",
        "http://found/api/v1/users/7",
    ]


async def test_nothing_that_is_logged_or_raised_holds_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="scim")
    vault = FakeVault()
    vault.default = json_reply({"message": "password hunter2-hunter2 is too weak"}, 400)
    client = vault.client(Clock(), secret="wrong-secret-value")
    with pytest.raises(VaultRefusedUs) as refused:
        await read(client)
    with pytest.raises(ConnectorError) as weak:
        await vault.client().call(operations.CREATE_USER, wire.UserRow, body={"password": "hunter2-hunter2"})
    said = caplog.text + str(refused.value) + str(weak.value) + repr(client.authentication._credentials)
    for secret in ("wrong-secret-value", "hunter2", "Bearer", "t1'"):
        assert secret not in said


@pytest.mark.parametrize(
    "url", ["http://vault", "ftp://vault", "vault", "", "https://", "https://u:p@vault", "https://vault/?x=1"]
)
def test_a_vault_without_https_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        FakeVault().client(url=url, insecure=False)


@pytest.mark.parametrize("url", ["https://v.example/SecretServer/", "https://v.example/SecretServer/api"])
async def test_the_base_may_end_as_people_write_it(url: str) -> None:
    vault = FakeVault()
    await read(vault.client(url=url, insecure=False))
    assert str(vault.requests[0].url) == "https://v.example/SecretServer/api/v1/users/7"


async def test_a_client_serves_one_loop_after_the_other() -> None:
    vault: Any = FakeVault()
    client = vault.client()

    def in_a_loop_of_its_own() -> None:
        asyncio.run(asyncio.wait_for(read(client), 5))

    await asyncio.to_thread(in_a_loop_of_its_own)
    await asyncio.to_thread(in_a_loop_of_its_own)
    assert len(vault.requests) == 2
