"""The library's own contract for storages, held by ours over the simulator."""

from __future__ import annotations

from typing import Any

import pytest
from scim2_models import ScimProvider
from scim2_server.storage import AsyncScimStorage, SearchPage
from scim2_server.testing import AsyncScimStorageContract

from scim.context import request_context
from scim.protocol.service import Dialect, Service, provider
from scim.resources.store import DirectoryResources
from tests.inprocess import InProcess


class LazyStorage(AsyncScimStorage):
    """Our storage, opened in the loop that the contract runs in, each call in a request context of its own."""

    supports_cursors = True

    def __init__(self) -> None:
        self._inside: DirectoryResources | None = None

    async def _open(self) -> DirectoryResources:
        if self._inside is None:
            world = InProcess(bare=True)
            caller = await world.caller()
            service = Service(Dialect(), secret="contract")
            self._inside = await world.connector.resources(caller, service)
            self._inside.base_url = ""
            for module in self._inside._modules.values():
                module._base_url = ""
        return self._inside

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        with request_context("contract", 30):
            return await (await self._open()).get(*args, **kwargs)

    async def search(self, *args: Any, position: Any = None, **kwargs: Any) -> SearchPage:
        with request_context("contract", 30):
            return await (await self._open()).search(*args, position=position, **kwargs)

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        with request_context("contract", 30):
            return await (await self._open()).create(*args, **kwargs)

    async def update(self, *args: Any, **kwargs: Any) -> Any:
        with request_context("contract", 30):
            return await (await self._open()).update(*args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> Any:
        with request_context("contract", 30):
            return await (await self._open()).delete(*args, **kwargs)


class TestStorageOverTheSimulator(AsyncScimStorageContract):
    """44 rules of scim2_server.testing, none skipped for a feature that we announce."""

    @pytest.fixture
    def provider(self) -> ScimProvider:
        return provider(strict=False)

    @pytest.fixture
    def async_storage(self) -> AsyncScimStorage:
        return LazyStorage()
