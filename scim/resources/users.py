"""Step 4: /Users. `to_scim` and `from_scim` next to each other, and the verbs in domain words.

The client's own document comes back exactly as it was accepted; where the vault shows another value than our last write
left there, somebody changed it in the vault and the vault wins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from scim.directory.port import Directory
from scim.errors import InvalidValue, NotFound
from scim.model import Caller, ConnectionId, ExternalId, Found, NewUser, User, UserChange, UserId, UserQuery, Window
from scim.names import fold
from scim.protocol.dialects import soft_deleted_name
from scim.protocol.projection import Document, Projection
from scim.protocol.schemas import ENTERPRISE, LINKED_OBJECT, USER
from scim.resources.held_roles import RoleNames, role_delta, role_ids
from scim.resources.kept_of_person import KeptOfPerson, together

NAME, ENDPOINT = "User", "Users"
LARGEST_ID = 2**31 - 1
SERVER_OWNED = ("id", "meta", "schemas", "externalId", "userName", "password", "groups")


# -- the mapping -----------------------------------------------------------------------------------------------------


def to_scim(user: User, connection: ConnectionId, base_url: str = "") -> Document:
    """A user as a SCIM document. Groups and roles are left out when they were not read."""
    kept = user.kept
    document: Document = {"schemas": [USER], "id": str(user.id)}
    if connection in kept.external_ids:
        document["externalId"] = kept.external_ids[connection]
    document["userName"] = user.name
    document |= {k: v for k, v in kept.document.items() if k not in ("roles", "active")}
    known = kept.as_sent if kept.etag and kept.as_sent else {}
    if user.display_name != known.get("display_name"):
        document["displayName"] = user.display_name
    if user.email != known.get("email") or (user.email and "emails" not in document):
        document["emails"] = _with_vault_mail(kept.document.get("emails", []), user.email)
        if not document["emails"]:
            del document["emails"]
    if kept.document.get("active", True) is not None or user.enabled != known.get("enabled"):
        document["active"] = user.enabled
    if user.domain is not None and LINKED_OBJECT not in document:
        document[LINKED_OBJECT] = {"source": user.domain.name}
    if ENTERPRISE in document:
        document[ENTERPRISE] = _with_manager_url(document[ENTERPRISE], base_url)
    document["schemas"] += [urn for urn in (ENTERPRISE, LINKED_OBJECT) if urn in document]
    if user.groups:
        document["groups"] = [
            {"value": str(g.id), "$ref": _url(base_url, "Groups", g.id), "display": g.name, "type": "direct"}
            for g in user.groups
        ]
    if user.roles:
        own = {str(r.get("value")): r for r in kept.document.get("roles", []) if isinstance(r, dict)}
        document["roles"] = [{**own.get(str(r.id), {}), "value": str(r.id), "display": r.name} for r in user.roles]
    document["meta"] = meta(NAME, ENDPOINT, user.id, user.created, user.last_modified, user.shown_version, base_url)
    return document


def from_scim(document: Document) -> NewUser:
    """What a SCIM document asks for. :raises InvalidValue: it names no user."""
    name = str(document.get("userName") or "").strip()
    if not name:
        raise InvalidValue("userName is required and must not be blank")
    if len(name) > 256:
        raise InvalidValue("userName is longer than 256 characters")
    printable("userName", name)
    for entry in document.get("emails") or []:
        printable("emails.value", str(entry.get("value") or "") if isinstance(entry, dict) else "")
    printable("displayName", str(document.get("displayName") or ""))
    password = document.get("password")
    external_id = document.get("externalId")
    return NewUser(
        name=name,
        display_name=_display_name(document, name),
        email=_primary_mail(document.get("emails", [])),
        enabled=document.get("active") is not False,
        password=SecretStr(password) if password else None,
        external_id=ExternalId(external_id) if external_id else None,
        mails=tuple(str(e["value"]) for e in document.get("emails", []) if e.get("value")),
        document=_kept_part(document),
    )


def printable(attribute: str, text: str) -> None:
    """:raises InvalidValue: It holds control characters: a line break in an address or a name is never meant."""
    if any(character < " " or character == "\x7f" for character in text):
        raise InvalidValue(f"{attribute} holds control characters, such as a line break")


def _kept_part(document: Document) -> Mapping[str, Any]:
    """What the attributes table holds of a document: all but what the server owns or one connection calls its own."""
    kept = {k: v for k, v in document.items() if k not in SERVER_OWNED}
    if "roles" in kept:
        extras = [{k: v for k, v in r.items() if k != "display"} for r in kept["roles"] if isinstance(r, dict)]
        kept["roles"] = [r for r in extras if r.keys() - {"value"}]
    if isinstance(kept.get(ENTERPRISE), dict) and isinstance(kept[ENTERPRISE].get("manager"), dict):
        manager = {k: v for k, v in kept[ENTERPRISE]["manager"].items() if k not in ("$ref", "displayName")}
        kept[ENTERPRISE] = {**kept[ENTERPRISE], "manager": manager}
    return {k: v for k, v in kept.items() if v not in (None, [], {})}


def _display_name(document: Document, name: str) -> str:
    """The vault needs one: the given one, else the person's name, else the user name."""
    parts = document.get("name") or {}
    whole = parts.get("formatted") or " ".join(p for p in (parts.get("givenName"), parts.get("familyName")) if p)
    return str(document.get("displayName") or whole or name)[:256]


def _primary_mail(mails: Any) -> str:
    entries = [m for m in mails if isinstance(m, dict) and m.get("value")]
    if not entries:
        return ""
    return str(_chosen(entries)["value"])


def _chosen(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The one address that the vault can hold: primary, else work, else the first."""
    primary = [m for m in entries if m.get("primary") is True]
    work = [m for m in entries if str(m.get("type", "")).casefold() == "work"]
    return (primary or work or entries)[0]


def _with_vault_mail(sent: Any, mail: str) -> list[dict[str, Any]]:
    """The client's addresses after somebody set another one in the vault."""
    entries: list[dict[str, Any]] = [dict(m) for m in sent if isinstance(m, dict)]
    valued = [m for m in entries if m.get("value")]
    if not valued:
        return [{"value": mail, "type": "work", "primary": True}] if mail else entries
    chosen = _chosen(valued)
    if not mail:
        return [m for m in entries if m is not chosen]
    chosen["value"] = mail
    return entries


def _with_manager_url(enterprise: Mapping[str, Any], base_url: str) -> dict[str, Any]:
    manager = enterprise.get("manager")
    if not isinstance(manager, dict) or not manager.get("value"):
        return dict(enterprise)
    return {**enterprise, "manager": {**manager, "$ref": _url(base_url, ENDPOINT, manager["value"])}}


def meta(name: str, endpoint: str, number: int, created: Any, modified: Any, version: str, base_url: str) -> Document:
    """Meta of RFC 7643 §3.1. The location comes from the settings, never from a Host header."""
    found: Document = {"resourceType": name}
    if created is not None:
        found["created"] = _time(created)
    if modified is not None or created is not None:
        found["lastModified"] = _time(modified or created)
    if base_url:
        found["location"] = _url(base_url, endpoint, number)
    found["version"] = version
    return found


def _time(when: Any) -> str:
    return str(when.isoformat(timespec="milliseconds")).replace("+00:00", "Z")


def _url(base_url: str, endpoint: str, number: object) -> str:
    return f"{base_url}/{endpoint}/{number}" if base_url else f"{endpoint}/{number}"


def read_id(text: str) -> int:
    """Ids are decimal int32 numbers without sign or leading zero, matched whole. :raises NotFound: anything else."""
    plain = text.isascii() and text.isdigit() and not text.startswith("0") and len(text) <= 10
    if not plain or int(text) > LARGEST_ID:
        raise NotFound("There is no such resource")
    return int(text)


# -- the verbs -------------------------------------------------------------------------------------------------------


class Users:
    """/Users for one caller."""

    name = NAME

    def __init__(self, directory: Directory, caller: Caller, base_url: str) -> None:
        self._directory, self._connection, self._base_url = directory, caller.connection.id, base_url
        self._role_names = RoleNames(directory)
        self._fixed_names = caller.connection.policies.rename == "refuse"
        self._keeps = KeptOfPerson(caller.connection.policies)

    def show(self, user: User) -> Document:
        kept = replace(user.kept, document=self._keeps.of(dict(user.kept.document)))
        return to_scim(replace(user, kept=kept), self._connection, self._base_url)

    def _asked(self, document: Document) -> NewUser:
        """What a document asks for, and how much of it is kept. :raises InvalidValue: it names no user."""
        wanted = from_scim(document)
        mails = wanted.mails if "emails" in self._keeps else tuple(m for m in (wanted.email,) if m)
        return replace(wanted, mails=mails, document=self._keeps.asked(dict(wanted.document)))

    async def read(self, resource_id: str, shown: Projection) -> Document:
        user_id = UserId(read_id(resource_id))
        needs = {"groups": shown.shows("groups"), "roles": shown.shows("roles")}
        return self.show(await self._directory.user(user_id, **needs))

    def terms(self, attribute: str, value: Any) -> dict[str, Any] | None:
        """The lookup for one equality of a filter."""
        if not isinstance(value, str):
            return None
        match attribute:
            case "id":
                return {"ids": _one_id(value)}
            case "username":
                return {"name": value}
            case "externalid":
                return {"external_id": ExternalId(value)}
            case "emails.value" | "emails":
                return {"email": value}
        return None

    def lacks(self, shown: Projection) -> bool:
        """Whether an answer shows what a plain list row does not carry."""
        return shown.shows("groups") or shown.shows("roles")

    async def find(self, terms: Mapping[str, Any], seen: Projection, shown: Projection) -> Found[User]:  # noqa: ARG002
        query = UserQuery(**terms, groups=seen.shows("groups"), roles=seen.shows("roles"))
        if query.ids == ():
            return Found(0, ())
        return await self._directory.find_users(query)

    async def page(self, window: Window | None, after: Any, before: Any, limit: int, shown: Projection) -> Found[User]:
        """A page by place, or by the user it starts after or ends before: (id, position)."""
        query = UserQuery(groups=shown.shows("groups"), roles=shown.shows("roles"), window=window)
        if window is None:
            anchor = after or before or (0, None)
            query = replace(query, limit=limit, hint=anchor[1])
            query = replace(query, before=UserId(anchor[0])) if before else replace(query, after=UserId(anchor[0]))
        return await self._directory.find_users(query)

    async def create(self, document: Document) -> Document:
        document = await self._role_names.into_ids(document)
        new = self._asked(document)
        if document.get("roles"):
            new = replace(new, roles=role_ids(document))
        return self.show(await self._directory.create_user(new))

    async def load(self, resource_id: str, touched: frozenset[str]) -> tuple[User, Document]:
        with_roles = not touched or "roles" in touched
        user = await self._directory.user(UserId(read_id(resource_id)), roles=with_roles)
        return user, self.show(user)

    async def store(self, user: User, old: Document, new: Document) -> Document:
        if new.get("active") is None and old.get("active") is not None:
            new = {**new, "active": None}
        new = await self._role_names.into_ids(new)
        wanted = self._asked(new)
        enabled = user.enabled if new.get("active") is None else wanted.enabled
        document = dict(wanted.document)
        if user.kept.owner not in (None, self._connection):  # what another connection keeps of its own person stays
            document = together(self._keeps.beyond(dict(user.kept.document)), document)
        if user.roles is None and "roles" in user.kept.document:
            document["roles"] = user.kept.document["roles"]  # not read, so not changed: a client's marks stay with them
        if new.get("active") is None:
            document["active"] = None  # unassigned by the client: the account stays as it is
        add, remove = role_delta(user.roles, new)
        change = UserChange(
            name=self._new_name(user, wanted),
            display_name=wanted.display_name if wanted.display_name != user.display_name else None,
            email=wanted.email if wanted.email != user.email else None,
            enabled=enabled if enabled != user.enabled else None,
            password=wanted.password,
            add_roles=add,
            remove_roles=remove,
            external_id=wanted.external_id if wanted.external_id != old.get("externalId") else False,
            mails=wanted.mails,
            document=document,
        )
        nothing = UserChange(external_id=False, mails=user.kept.mails, document=dict(user.kept.document))
        changed = user if change == nothing else await self._directory.change_user(user, change)
        if not add and not remove and "roles" not in new:
            changed = replace(changed, roles=None)
        return self.show(changed)

    def _new_name(self, user: User, wanted: NewUser) -> str | None:
        """Entra's soft delete puts 32 digits before the name; where names are fixed, that must not save the account."""
        leaves = not wanted.enabled and fold(soft_deleted_name(wanted.name) or "") == fold(user.name)
        if wanted.name == user.name or (self._fixed_names and leaves):
            return None
        return wanted.name

    async def patch_by_id(self, patch: dict[str, Any]) -> dict[str, Any]:
        return await self._role_names.patch_by_id(patch)

    async def vocabulary(self) -> dict[str, dict[str, list[str]]]:
        """The roles that may be granted: enabled, and not administrative."""
        roles, powerful = await asyncio.gather(self._directory.roles(), self._directory.powerful())
        return {USER: {"roles.value": [str(r.id) for r in roles if r.enabled and r.id not in powerful.roles]}}

    async def remove(self, user: User) -> None:
        await self._directory.remove_user(user)


def _one_id(value: str) -> tuple[UserId, ...]:
    try:
        return (UserId(read_id(value)),)
    except NotFound:
        return ()
