"""SecretServerDirectory's folders, secrets and grants over the simulator, as several kinds of vault behave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from scim.model import Ref
from tests.contract.holdings_contract import HoldingsContract
from tests.unit.secretserver.desk import Desk

MILD: dict[str, Any] = {"missing_status": 404, "inherited_rows": "parent", "folder_permissions_unfiltered": True}
ODD: dict[str, Any] = {
    "max_take": 7,
    "inherited_rows": "none",
    "user_rows": "user",
    "default_order": "unstable",
    "rows_after_break": "none",
}
OLD: dict[str, Any] = {"version": "11.2", "inherited_error": "errorCode", "v1_secrets": False, "put_missing": "keep"}


class TestSecretServer(HoldingsContract):
    @pytest.fixture(params=["default", "mild", "odd", "old"])
    def desk(self, request: pytest.FixtureRequest) -> Desk:
        switches = {"default": {}, "mild": MILD, "odd": ODD, "old": OLD}[request.param]
        return Desk(users=8, groups=3, folders=6, secrets=6, switches=switches)

    @pytest.fixture
    async def directory(self, desk: Desk) -> AsyncIterator[Any]:
        yield desk.directory
        await desk.directory.aclose()
        assert desk.vault.tree.views == []

    @pytest.fixture
    def holder(self, desk: Desk) -> Ref:
        found = next(u for u in desk.vault.users.values() if u.enabled and u.domain_id == -1 and u.id > 3)
        return Ref(found.id, found.display_name)
