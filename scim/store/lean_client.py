"""The SDK's client of one table without what nobody here needs: see azure_tables.py for what that saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import (
    AsyncRedirectPolicy,
    CustomHookPolicy,
    DistributedTracingPolicy,
    HttpLoggingPolicy,
    NetworkTraceLoggingPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest
from azure.data.tables.aio import TableClient

from scim.store import range_read, transaction
from scim.store.table import Operation, Row

_UNNEEDED = (
    AsyncRedirectPolicy,
    CustomHookPolicy,
    DistributedTracingPolicy,
    HttpLoggingPolicy,
    NetworkTraceLoggingPolicy,
    ProxyPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)


_CONTINUATION = ("NextPartitionKey", "NextRowKey")


class LeanClient(TableClient):
    """The SDK's client without the policies that nobody reads. Should the SDK rename this hook, only speed is lost."""

    def _configure_policies(self, **kwargs: Any) -> list[Any]:
        policies: list[Any] = super()._configure_policies(**kwargs)
        return [policy for policy in policies if not isinstance(policy, _UNNEEDED)]

    async def transact(self, operations: Sequence[Operation]) -> tuple[int, str]:
        """An entity group transaction without the SDK's way of writing it (transaction.py).

        :return: (0, "") or the status and code of the step that was refused. :raises HttpResponseError:
        """
        kind, body = transaction.write(operations, account_url=self.url, table=self.table_name)
        headers = {
            "x-ms-version": self.api_version,
            "DataServiceVersion": "3.0",
            "MaxDataServiceVersion": "3.0;NetFx",
            "Content-Type": kind,
            "Accept": "application/json",
        }
        request = HttpRequest("POST", f"{self.url}/$batch", headers=headers, content=body)
        response = await self._send(request, 202)
        return transaction.read(response.text())

    async def read_range(self, query: str) -> tuple[list[Row], tuple[str, str]]:
        """One page of a range of rows without the SDK's way of reading it (range_read.py).

        :return: The rows, and where the next page begins: ("", "") when there is none. :raises HttpResponseError:
        """
        headers = {"x-ms-version": self.api_version, "DataServiceVersion": "3.0", "Accept": range_read.ACCEPT}
        request = HttpRequest("GET", f"{self.url}/{self.table_name}()?{query}", headers=headers)
        response = await self._send(request, 200)
        after = tuple(response.headers.get(f"x-ms-continuation-{name}") or "" for name in _CONTINUATION)
        return range_read.rows(response.content), (after[0], after[1])

    async def _send(self, request: HttpRequest, status: int) -> Any:
        response = await self._client.send_request(request, stream=True)  # unread by the SDK: it knows no such answer
        await response.read()
        if response.status_code != status:
            error = HttpResponseError(response=response)
            # the service's own word, where the SDK's other ways have it, too
            told = transaction.CODE.search(response.text())
            error.error_code = told.group(1) if told else None  # type: ignore[attr-defined]
            raise error
        return response
