"""Between guard and vault: adds what the vault cannot hold, so that the steps above see one whole directory.

External ids (per connection), names that could not be changed in the vault, the client's further attributes, leavers,
true times of change. One row an object in the attributes table; a page of users reads them with one range query.
"""

from __future__ import annotations

from scim.directory.port_vault import VaultDirectory
from scim.directory.visible import HiddenIds
from scim.directory.whole_groups import WholeGroups
from scim.directory.whole_holdings import WholeHoldings
from scim.directory.whole_users import WholeUsers
from scim.model import Caller, GroupId, Principals, Ref, Role, RoleId, UserId
from scim.store.attributes import AttributeStore
from scim.store.detachments import Detachments
from scim.store.external_ids import ExternalIds

READING = ("GET", "HEAD")


class WithAttributes(WholeUsers, WholeGroups, WholeHoldings):
    """A vault's directory made whole for one caller. See Directory for the promises."""

    def __init__(
        self,
        inner: VaultDirectory,
        caller: Caller,
        attributes: AttributeStore,
        external_ids: ExternalIds,
        hidden: HiddenIds,
        detachments: Detachments,
    ) -> None:
        super().__init__(inner, caller, attributes, external_ids, hidden)
        self._detachments, self._request_id, self._reads = detachments, caller.request_id, caller.method in READING

    async def is_member(self, group_id: GroupId, user_id: UserId) -> bool:
        return await self._inner.is_member(group_id, user_id)

    async def roles(self) -> tuple[Role, ...]:
        return await self._inner.roles()

    async def role_holders(self, role_id: RoleId) -> tuple[tuple[Ref, ...], tuple[Ref, ...]]:
        users, groups = await self._inner.role_holders(role_id)
        return await self._in_sight(users) or (), groups

    async def powerful(self) -> Principals:
        return await self._inner.powerful()
