from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scim.audit.events import AuditEvent
from scim.store.memory import MemoryStore


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def table(store):
    return store.table("audit")


@pytest.fixture
def event():
    def make(number: int = 0, **fields: object) -> AuditEvent:
        given = {"at": datetime.now(UTC), "request_id": f"r{number}", "action": "user.create", "outcome": "done"}
        return AuditEvent(**{**given, **fields})

    return make
