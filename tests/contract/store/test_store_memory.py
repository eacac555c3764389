from __future__ import annotations

import pytest
from store_contract import StoreContract

from scim.store.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    async def store(self):
        return MemoryStore()
