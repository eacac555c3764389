"""Azure Table Storage behind the port, over azure-data-tables.

Cost. A default client spends more CPU on its own pipeline than on the network. Measured against Azurite on a busy
two-core machine, three runs, CPU per call in this process, one at a time / ten at a time:

    point read    default client 1.9-2.3 / 1.1-1.6 ms    this module 1.1-1.3 / 0.9 ms
    write         default client 2.0-2.3 / 1.7-1.8 ms    this module 1.1-1.6 / 1.0-1.3 ms
    transaction   default client 0.6 a row               this module 0.09 a row: written as text, transaction.py
    range read    default client 0.06 a row              this module 0.005 a row: read at once, range_read.py

For comparison: a bare aiohttp request signed by hand took 0.3 ms when the machine was quiet. The SDK stays for what it
knows about the service that no emulator can tell: signatures, challenges, continuation, retries.

What is left out: proxy and netrc look-ups in the environment for each call (two thread hops), user agent, request id,
redirect, hooks, tracing and logging policies. What stays is what talks to the service: date headers, signature or
bearer token, retries, decoding. Answers come with minimal metadata: without it the service sends times, 64-bit numbers
and bytes as bare strings.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables import EdmType, EntityProperty, UpdateMode
from azure.data.tables.aio import TableClient

from scim.errors import StoreUnavailable, Unavailable
from scim.store import range_read
from scim.store.lean_client import LeanClient
from scim.store.limits import check_batch, check_key, check_row
from scim.store.table import Operation, Row, RowChanged, RowExists

TABLES = ("connections", "tokens", "vaults", "attributes", "externalids", "journal", "audit", "settings", "messages")

BUDGET_SECONDS = 3.0  # for one call with its retries; a page of a query counts as one call
ATTEMPTS = 3
_PAGE = 1000  # the service's own limit


@dataclass(slots=True)
class _Open:
    """What belongs to one event loop: a session with its connections, and a client per table over it."""

    session: aiohttp.ClientSession
    clients: dict[str, LeanClient] = field(default_factory=dict)


class AzureStore:
    """The connector's tables in a storage account, or in the emulator."""

    def __init__(
        self,
        *,
        connection_string: str | None = None,
        endpoint: str | None = None,
        credential: AsyncTokenCredential | None = None,
        budget_seconds: float = BUDGET_SECONDS,
        tables: Sequence[str] = TABLES,
    ) -> None:
        """From a connection string (the emulator), or from an endpoint and the credential of a managed identity.

        Opens nothing: sessions are bound to an event loop and made when one runs.

        :param budget_seconds: For one call with its retries.
        :param tables: Those that `ensure_tables` makes; any other that exists may be used as well.
        """
        if (connection_string is None) == (endpoint is None or credential is None):
            raise ValueError("give either a connection string, or an endpoint with a credential")
        self._connection_string = connection_string
        self._endpoint = endpoint or ""
        self._credential = credential
        self._budget = budget_seconds
        self._names = tuple(tables)
        self._open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Open] = weakref.WeakKeyDictionary()
        self._tables: dict[str, AzureTable] = {}

    def table(self, name: str) -> AzureTable:
        if name not in self._tables:
            self._tables[name] = AzureTable(self, name)
        return self._tables[name]

    async def ensure_tables(self) -> None:
        for name in self._names:
            async with asyncio.timeout(self._budget * 3):  # creating is slow, and happens once
                with _speaking_of(name):
                    try:
                        await self.client(name).create_table()
                    except ResourceExistsError:
                        continue

    async def close(self) -> None:
        """Close what the running loop opened."""
        opened = self._open.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened.session.close()

    def client(self, name: str) -> LeanClient:
        """The client of a table in the running loop."""
        loop = asyncio.get_running_loop()
        opened = self._open.get(loop)
        if opened is None or opened.session.closed:
            # aiohttp must not look into the environment (proxies, netrc) at every call, nor unpack for the SDK
            connector = aiohttp.TCPConnector(limit=64, keepalive_timeout=30, ttl_dns_cache=60)
            opened = self._open[loop] = _Open(
                aiohttp.ClientSession(
                    connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
                )
            )
        if name not in opened.clients:
            opened.clients[name] = self._connect(name, opened.session)
        return opened.clients[name]

    @property
    def budget(self) -> float:
        """Seconds one call may take."""
        return self._budget

    def _connect(self, name: str, session: aiohttp.ClientSession) -> LeanClient:
        options: dict[str, Any] = {
            "transport": AioHttpTransport(
                session=session,
                session_owner=False,
                connection_timeout=min(1.0, self._budget / 2),
                read_timeout=self._budget,
                use_env_settings=False,
            ),
            "retry_total": ATTEMPTS - 1,
            "retry_connect": ATTEMPTS - 1,
            "retry_read": ATTEMPTS - 1,
            "retry_status": ATTEMPTS - 1,
            "retry_backoff_factor": 0.2,
            "retry_backoff_max": 1,
        }
        if self._connection_string is not None:
            client: LeanClient = LeanClient.from_connection_string(self._connection_string, name, **options)  # type: ignore[assignment]
            return client
        return LeanClient(self._endpoint, name, credential=self._credential, **options)


class AzureTable:
    """One table of the service. Behaviour is promised by table.py; every failure becomes StoreUnavailable.

    A write whose answer is lost may be sent twice: an insert can then find its own row (RowExists), a conditional write
    its own etag gone (RowChanged). Callers read again in both cases, and see their own work.
    """

    def __init__(self, store: AzureStore, name: str) -> None:
        self._store = store
        self._name = name

    async def get(self, partition: str, key: str) -> Row | None:
        check_key(partition), check_key(key)
        with _speaking_of(self._name):
            try:
                async with asyncio.timeout(self._store.budget):
                    entity = await self._client.get_entity(partition, key)
            except ResourceNotFoundError as error:
                if _says(error, "TableNotFound"):
                    raise
                return None
            return _row(entity)

    async def insert(self, row: Row) -> str:
        check_row(row)
        with _speaking_of(self._name):
            try:
                async with asyncio.timeout(self._store.budget):
                    answer = await self._client.create_entity(_entity(row), response_preference="return-no-content")
            except ResourceExistsError as error:
                if _says(error, "EntityAlreadyExists"):
                    raise RowExists from error
                raise
            return str(answer["etag"])

    async def put(self, row: Row, *, etag: str | None = None) -> str:
        return await self._write(row, UpdateMode.REPLACE, etag)

    async def merge(self, row: Row, *, etag: str | None = None) -> str:
        return await self._write(row, UpdateMode.MERGE, etag)

    async def _write(self, row: Row, mode: UpdateMode, etag: str | None) -> str:
        check_row(row)
        with _speaking_of(self._name):
            try:
                async with asyncio.timeout(self._store.budget):
                    if etag is None:
                        answer = await self._client.upsert_entity(_entity(row), mode)
                    else:
                        answer = await self._client.update_entity(
                            _entity(row), mode, etag=etag, match_condition=MatchConditions.IfNotModified
                        )
            except HttpResponseError as error:
                raise _lost_race(error) from error
            return str(answer["etag"])

    async def delete(self, partition: str, key: str, *, etag: str | None = None) -> None:
        check_key(partition), check_key(key)
        condition: dict[str, Any] = {}
        if etag is not None:
            condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        deleted: list[bool] = []  # the SDK takes 404 for success and keeps quiet about it; this hears of a real one
        with _speaking_of(self._name):
            try:
                async with asyncio.timeout(self._store.budget):
                    await self._client.delete_entity(partition, key, cls=lambda *_: deleted.append(True), **condition)
            except HttpResponseError as error:
                raise _lost_race(error) from error
        if etag is not None and not deleted:
            raise RowChanged

    async def query(
        self,
        partition: str | None,
        *,
        first: str | None = None,
        last: str | None = None,
        where: Mapping[str, Any] | None = None,
        select: Sequence[str] | None = None,
        limit: int | None = None,
        partitions: tuple[str, str] | None = None,
    ) -> AsyncIterator[Row]:
        if limit == 0:
            return
        text = range_read.condition(partition, partitions, first, last, where or {})
        most = _PAGE if limit is None else min(limit, _PAGE)
        after, count = ("", ""), 0
        while True:
            asked = range_read.query_string(text, select, most, after)
            with _speaking_of(self._name):
                async with asyncio.timeout(self._store.budget):
                    page, after = await self._store.client(self._name).read_range(asked)
            for row in page:
                yield row
                count += 1
                if count == limit:
                    return
            if after == ("", ""):
                return

    async def batch(self, operations: Sequence[Operation]) -> None:
        check_batch(operations)
        if not operations:
            return
        with _speaking_of(self._name):
            async with asyncio.timeout(self._store.budget):
                status, code = await self._store.client(self._name).transact(operations)
            if code == "EntityAlreadyExists":
                raise RowExists
            if code == "TableNotFound":
                raise StoreUnavailable(f"The table {self._name} does not exist: run `python -m scim.cli setup`")
            if status in {404, 412}:
                raise RowChanged
            if status:
                raise StoreUnavailable(f"Table Storage answered {status}")

    @property
    def _client(self) -> TableClient:
        return self._store.client(self._name)


@contextmanager
def _speaking_of(name: str) -> Iterator[None]:
    """Turn whatever goes wrong with the service into one error, told to the person who has to mend it."""
    try:
        yield
    except TimeoutError as error:
        raise StoreUnavailable("Table Storage did not answer in time") from error
    except HttpResponseError as error:
        if _says(error, "TableNotFound"):
            detail = f"The table {name} does not exist: run `python -m scim.cli setup`"
        elif error.status_code in {401, 403}:
            detail = (
                f"Table Storage refuses the connector{_code(error)}: its managed identity needs the role "
                "Storage Table Data Contributor, and the network rules must let it in"
            )
        else:
            detail = f"Table Storage answered {error.status_code}"
        raise StoreUnavailable(detail) from error
    except (AzureError, aiohttp.ClientError, OSError) as error:
        raise StoreUnavailable("Table Storage cannot be reached") from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # a 200 that is no answer (a captive portal, a broken proxy): the SDK falls over it in many ways
        raise StoreUnavailable("Table Storage answered something else than a table service does") from error
    except Unavailable as error:  # the credential: it has told why
        raise StoreUnavailable(error.detail, retry_after=error.retry_after) from error


def _code(error: HttpResponseError) -> str:
    """The service's own word: AuthorizationPermissionMismatch is the role, AuthorizationFailure the network."""
    given = getattr(error, "error_code", None)
    code = str(getattr(given, "value", given) or "")
    return f" ({code})" if code.isalnum() else ""


def _says(error: HttpResponseError, code: str) -> bool:
    """Whether the service gave this error code. Where it stands depends on the verb, so both places are looked at."""
    given = getattr(error, "error_code", None)
    return getattr(given, "value", given) == code or code in str(error)


def _lost_race(error: HttpResponseError) -> Exception:
    """412, or 404 for a row: somebody else was faster. Anything else is the service's own trouble."""
    if error.status_code == 412 or (error.status_code == 404 and not _says(error, "TableNotFound")):
        return RowChanged()
    return error


def _entity(row: Row) -> dict[str, Any]:
    values = {name: _out(value) for name, value in row.values.items() if value is not None}
    return {"PartitionKey": row.partition, "RowKey": row.key, **values}


def _out(value: object) -> object:
    """Numbers beyond 32 bit must be marked, the SDK refuses them otherwise."""
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**31) <= value < 2**31:
        return EntityProperty(value, EdmType.INT64)
    return value


def _row(entity: Any) -> Row:
    values = {name: _in(value) for name, value in entity.items() if name not in {"PartitionKey", "RowKey"}}
    return Row(entity["PartitionKey"], entity["RowKey"], values, str(entity.metadata["etag"] or ""))


def _in(value: object) -> object:
    """Plain values: without the SDK's wrappers around 64-bit numbers and its own kind of datetime."""
    if isinstance(value, EntityProperty):
        return value.value
    if isinstance(value, datetime):
        return datetime.combine(value.date(), value.timetz())
    return value
