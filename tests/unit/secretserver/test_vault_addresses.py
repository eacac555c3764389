"""To which addresses the connector opens connections, and that a redirect carries its credentials nowhere."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver
from pydantic import SecretStr

from scim import reach
from scim.errors import ConnectorError, VaultMisbehaved, VaultUnreachable
from scim.model import UserId, Vault, VaultId
from scim.reach import host_refusal, loopback_allowed
from scim.secretserver.connection import Resolver
from scim.secretserver.directory import SecretServerDirectory

_NEVER = """169.254.169.254 169.254.0.1 [fe80::1] [fe80::1%25eth0] 0.0.0.0 [::] 0.1.2.3 168.63.129.16 224.0.0.1
255.255.255.255 240.0.0.1 100.100.100.200 192.0.0.192 [fd00:ec2::254] [fd20:ce::254] [::ffff:169.254.169.254]
[64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::1] 2852039166 0xa9fea9fe 0xa9.254.169.254 169.254.43518 1.2.3.4.5"""
THIS_MACHINE = ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST.", "pam.localhost", "[::1]", "[::ffff:127.0.0.1]"]
_VAULTS = """10.1.2.3 172.16.9.1 192.168.1.10 [fd12:3456::1] 100.64.1.1 pam.corp.example pam 93.184.216.34 x1 10.example
[2001:db8::1]"""
NEVER, VAULTS = _NEVER.split(), _VAULTS.split()


@pytest.mark.parametrize("host", NEVER)
def test_no_vault_is_ever_at(host: str) -> None:
    assert host_refusal(host, loopback=False)
    assert host_refusal(host, loopback=True)


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_this_machine_is_for_the_simulator(host: str) -> None:
    assert "this machine" in host_refusal(host, loopback=False)
    assert "" == host_refusal(host, loopback=True)


@pytest.mark.parametrize("host", VAULTS)
def test_a_vault_may_be_at(host: str) -> None:
    """On-premises vaults stand in private networks; the connector reaches them through a private link."""
    assert "" == host_refusal(host, loopback=False)


def test_in_azure_nothing_of_ours_listens_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (True, False) == (loopback_allowed(True), loopback_allowed(False))
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "abc")
    assert not loopback_allowed(True)


class Names(AbstractResolver):
    """A name server that says what it is told to."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[Any]:
        found = {"hostname": host, "port": port, "family": family, "proto": 0, "flags": 0}
        return [{**found, "host": address} for address in self.addresses]

    async def close(self) -> None:
        """Nothing is open."""


async def test_a_name_is_judged_by_where_it_leads_now() -> None:
    with pytest.raises(reach.Refused, match="link-local"):
        await Resolver(loopback=False, inner=Names("169.254.169.254")).resolve("pam.corp.example", 443)
    with pytest.raises(reach.Refused, match="this machine"):
        await Resolver(loopback=False, inner=Names("127.0.0.1", "::1")).resolve("pam.corp.example", 443)
    mixed = await Resolver(loopback=False, inner=Names("fe80::1", "10.0.0.5", "127.0.0.1")).resolve("pam", 443)
    assert ["10.0.0.5"] == [one["host"] for one in mixed]


def directory(url: str, *, insecure: bool) -> SecretServerDirectory:
    vault = Vault(id=VaultId("v"), name="v", url=url, username="svc-scim")
    return SecretServerDirectory.connect(vault, SecretStr("canary-Wh1stle!"), insecure=insecure)


async def test_a_name_that_leads_to_metadata_is_told_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault was stored when its name was harmless."""
    monkeypatch.setattr("scim.secretserver.connection.aiohttp.ThreadedResolver", lambda: Names("169.254.169.254"))
    opened = directory("https://pam.corp.example", insecure=False)
    with pytest.raises(VaultUnreachable, match="link-local, where clouds hand out identities"):
        await opened.user(UserId(1))
    await opened.aclose()


@pytest.mark.parametrize(("insecure", "calls"), [(True, 1), (False, 0)])
async def test_an_address_that_was_stored_before_is_judged_too(insecure: bool, calls: int) -> None:
    async with listening("HTTP/1.1 200 OK", 'content-type: application/json\r\n\r\n{"access_token"') as (port, heard):
        opened = directory(f"{'http' if insecure else 'https'}://127.0.0.1:{port}", insecure=insecure)
        with pytest.raises(ConnectorError, match="no token" if insecure else "this machine itself"):
            await opened.user(UserId(1))
        await opened.aclose()
    assert calls == len(heard)


@asynccontextmanager
async def listening(*answers: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback that gives every request one answer and notes what it heard."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65_536))
        writer.write("\r\n".join(answers).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed_and_no_credential_goes_elsewhere(status: str) -> None:
    async with listening("HTTP/1.1 200 OK", "content-length: 0", "", "") as (elsewhere, stolen):
        answer = (
            f"HTTP/1.1 {status}",
            f"location: http://127.0.0.1:{elsewhere}/oauth2/token",
            "content-length: 0",
            "",
            "",
        )
        async with listening(*answer) as (port, heard):
            opened = directory(f"http://127.0.0.1:{port}", insecure=True)
            with pytest.raises(VaultMisbehaved):
                await opened.user(UserId(1))
            await opened.aclose()
    assert b"canary-Wh1stle" in heard[0]
    assert [] == stolen
