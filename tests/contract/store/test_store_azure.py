"""The contract against a table service: the stack's emulator, or what SCIM_TEST_TABLES connects to (an account)."""

from __future__ import annotations

import asyncio
import os
import time

import pytest
from store_contract import TABLE, StoreContract

from scim.errors import StoreUnavailable
from scim.store.azure_tables import AzureStore
from scim.store.table import Row

ACCOUNT = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;TableEndpoint=http://127.0.0.1:{port}/a;"


@pytest.fixture(scope="module")
def tables(request):
    return os.environ.get("SCIM_TEST_TABLES") or request.getfixturevalue("running_stack").tables


class TestAzureStore(StoreContract):
    @pytest.fixture
    async def store(self, tables):
        store = AzureStore(connection_string=tables, tables=(TABLE,))
        yield store
        await store.close()

    async def test_a_missing_table_is_an_outage_and_no_absence(self, store):
        table = store.table("nosuchtable")
        for call in (table.get("p", "k"), table.insert(Row("p", "k", {})), table.put(Row("p", "k", {}))):
            with pytest.raises(StoreUnavailable, match="setup"):
                await call
        with pytest.raises(StoreUnavailable, match="setup"):
            [row async for row in table.query("p")]

    def test_a_store_serves_several_loops_one_after_the_other(self, tables):
        store = AzureStore(connection_string=tables, tables=(TABLE,))

        async def use() -> None:
            await store.ensure_tables()
            await store.table(TABLE).put(Row("loops", "k", {"a": 1}))
            assert await store.table(TABLE).get("loops", "k") is not None
            await store.close()

        for _ in range(3):
            asyncio.run(use())


async def serve(answer: bytes | None):
    """A service that answers every request with the same bytes, or never."""

    calls: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                calls.append(head)
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if length:
                    await reader.readexactly(int(length[0].split(b":")[1]))
                if answer is None:
                    await asyncio.sleep(30)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return (
        server,
        calls,
        AzureStore(connection_string=ACCOUNT.format(port=server.sockets[0].getsockname()[1]), budget_seconds=1.0),
    )


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def odata(code: str) -> bytes:
    return b'{"odata.error":{"code":"%s","message":{"lang":"en-US","value":"x"}}}' % code.encode()


BAD_ANSWERS = {
    "busy": http("503 Server Busy", odata("ServerBusy")),
    "broken": http("500 Internal Server Error", odata("InternalError")),
    "forbidden": http("403 Forbidden", odata("AuthorizationPermissionMismatch")),
    "html": http("200 OK", b"<html>captive portal</html>"),
    "no json": http("200 OK", b"{"),
    "nothing": http("200 OK", b"{}"),
    "not a row": http("200 OK", b"[]"),
    "empty": http("200 OK", b""),
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nContent-Type: application/json\r\n\r\n{",
    "nonsense": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "silence": None,
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
async def test_whatever_the_service_does_is_told_as_an_outage_in_time(kind):
    server, calls, store = await serve(BAD_ANSWERS[kind])
    table = store.table("settings")
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await table.get("p", "k")
    with pytest.raises(StoreUnavailable):
        [row async for row in table.query("p")]
    assert time.monotonic() - started < 2.6
    assert len(calls) <= 2 * 3
    await store.close()
    server.close()


async def test_a_refusal_names_the_role_assignment():
    server, _, store = await serve(BAD_ANSWERS["forbidden"])
    with pytest.raises(StoreUnavailable, match="Storage Table Data Contributor"):
        await store.table("settings").get("p", "k")
    await store.close()
    server.close()


async def test_nobody_listening_is_an_outage():
    store = AzureStore(connection_string=ACCOUNT.format(port=1), budget_seconds=1.0)
    with pytest.raises(StoreUnavailable):
        await store.table("settings").get("p", "k")
    await store.close()


def test_a_store_needs_one_way_in():
    for arguments in (
        {},
        {"endpoint": "https://x"},
        {"connection_string": "x", "endpoint": "y", "credential": object()},
    ):
        with pytest.raises(ValueError, match="either"):
            AzureStore(**arguments)
