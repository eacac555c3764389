"""Step 4: /Roles, to be read. A role is given and taken through `roles` of users and groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from scim.directory.port import Directory
from scim.errors import NotAllowed, NotFound, TooMany
from scim.model import Caller, Found, Ref, Role, RoleId, Window, fingerprint
from scim.names import fold
from scim.protocol.projection import Document, Projection
from scim.protocol.schemas_pam import ROLE
from scim.resources.entitlements import page_of
from scim.resources.places import one_id, reference
from scim.resources.users import meta, read_id

NAME, ENDPOINT = "Role", "Roles"


@dataclass(frozen=True, slots=True)
class Shown:
    """A role as this connection may see it; `holders` None when they were not read."""

    role: Role
    assignable: bool
    holders: tuple[tuple[Ref, ...], tuple[Ref, ...]] | None = None

    @property
    def id(self) -> RoleId:
        return self.role.id


def to_scim(shown: Shown, base_url: str = "") -> Document:
    role = shown.role
    document: Document = {
        "schemas": [ROLE],
        "id": str(role.id),
        "displayName": role.name,
        "type": "system" if role.system else "custom",
        "enabled": role.enabled,
        "assignable": shown.assignable,
    }
    if shown.holders is not None:
        users, groups = shown.holders
        members = [reference(base_url, "Users", u.id, u.name, type="User") for u in users]
        members += [reference(base_url, "Groups", g.id, g.name, type="Group") for g in groups]
        if members:
            document["members"] = members
    version = f'W/"{fingerprint(role.name, role.enabled, shown.assignable)}"'
    document["meta"] = meta(NAME, ENDPOINT, role.id, role.created, None, version, base_url)
    return document


class Roles:
    """/Roles for one caller."""

    name = NAME

    def __init__(self, directory: Directory, caller: Caller, base_url: str) -> None:  # noqa: ARG002
        self._directory, self._base_url = directory, base_url

    def show(self, shown: Shown) -> Document:
        return to_scim(shown, self._base_url)

    async def read(self, resource_id: str, shown: Projection) -> Document:
        number = RoleId(read_id(resource_id))
        found = [role for role in await self._every() if role.id == number]
        if not found:
            raise NotFound(f"There is no role with the id {int(number)}")
        if not shown.shows("members"):
            return self.show(found[0])
        try:
            return self.show(await self._with_holders(found[0]))
        except TooMany:
            if shown.names("members"):
                raise
            return self.show(found[0])  # held by hundreds: shown to those who ask for a user's roles instead

    def terms(self, attribute: str, value: Any) -> dict[str, Any] | None:
        match attribute:
            case "id":
                return {"ids": one_id(str(value), RoleId)}
            case "displayname":
                return {"name": str(value)}
        return None

    def lacks(self, shown: Projection) -> bool:
        return shown.names("members")

    async def find(self, terms: Mapping[str, Any], seen: Projection, shown: Projection) -> Found[Shown]:
        found = await self._every()
        if "ids" in terms:
            found = [role for role in found if role.id in terms["ids"]]
        if "name" in terms:
            found = [role for role in found if fold(role.role.name) == fold(terms["name"])]
        if seen.names("members") or shown.names("members"):
            found = [await self._with_holders(role) for role in found]
        return Found(len(found), tuple(found))

    async def page(self, window: Window | None, after: Any, before: Any, limit: int, shown: Projection) -> Found[Shown]:
        found = page_of(await self._every(), window, after, before, limit)
        if not shown.names("members"):
            return found
        items = [await self._with_holders(role) for role in found.items]
        return Found(found.total, tuple(items), found.more, found.positions)

    async def _every(self) -> list[Shown]:
        roles, powerful = await self._directory.roles(), await self._directory.powerful()
        return [Shown(role, role.enabled and role.id not in powerful.roles) for role in roles]

    async def _with_holders(self, shown: Shown) -> Shown:
        return Shown(shown.role, shown.assignable, await self._directory.role_holders(shown.id))

    # -- there is nothing to write -----------------------------------------------------------------------------------

    async def create(self, document: Document) -> NoReturn:  # noqa: ARG002
        raise _read_only()

    async def load(self, resource_id: str, touched: frozenset[str]) -> NoReturn:  # noqa: ARG002
        raise _read_only()


def _read_only() -> NotAllowed:
    return NotAllowed("Roles are made in Secret Server; give and take them through users and groups", allowed=("GET",))
