"""Step 4: /Entitlements: the rights that this connection accepts, so that nobody has to type them from a manual."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from scim.content import Levels
from scim.directory.port import Directory
from scim.errors import NotAllowed, NotFound
from scim.model import Caller, Found, Kind, Window, fingerprint
from scim.protocol.projection import Document, Projection
from scim.protocol.schemas_pam import ENTITLEMENT
from scim.resources.rights import PREFIX, Rights
from scim.resources.users import meta

NAME, ENDPOINT = "Entitlement", "Entitlements"
TYPES = {Kind.FOLDER_GRANT: "ContainerPermission", Kind.SECRET_GRANT: "PrivilegedDataPermission"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One word that `rights` may hold. `id` is its place in the list, `key` its name in URLs."""

    id: int
    key: str
    word: str
    kind: Kind
    says: str


def to_scim(entitlement: Entitlement, base_url: str = "") -> Document:
    key: Any = entitlement.key
    version = f'W/"{fingerprint(entitlement.word, entitlement.says)}"'
    return {
        "schemas": [ENTITLEMENT],
        "id": key,
        "displayName": entitlement.word,
        "type": TYPES[entitlement.kind],
        "description": entitlement.says,
        "meta": meta(NAME, ENDPOINT, key, None, None, version, base_url),
    }


def entitlements(rights: Rights, first: int) -> list[Entitlement]:
    found = []
    for number, word in enumerate(rights.allowed, first):
        key = f"{TYPES[rights.kind]}.{''.join(c if c.isalnum() else '-' for c in word)}"
        levels = rights.meanings.get(word)
        found.append(Entitlement(number, key, word, rights.kind, _says(word, levels)))
    return found


def _says(word: str, levels: Levels | None) -> str:
    if levels is None:
        return f"{word.removeprefix(PREFIX)} on the secrets in the folder"
    if levels.folder is None:
        return f"{levels.secret.value} on the secret"
    return f"{levels.folder.value} on the folder, {levels.secret.value} on the secrets in it"


class Entitlements:
    """/Entitlements for one caller."""

    name = NAME

    def __init__(self, directory: Directory, caller: Caller, base_url: str) -> None:  # noqa: ARG002
        self._base_url = base_url
        policies = caller.connection.policies
        folders = entitlements(Rights.of(Kind.FOLDER_GRANT, policies), 1)
        self._every = folders + entitlements(Rights.of(Kind.SECRET_GRANT, policies), len(folders) + 1)

    def show(self, entitlement: Entitlement) -> Document:
        return to_scim(entitlement, self._base_url)

    async def read(self, resource_id: str, shown: Projection) -> Document:  # noqa: ARG002
        for entitlement in self._every:
            if entitlement.key == resource_id:
                return self.show(entitlement)
        raise NotFound("There is no such entitlement")

    def terms(self, attribute: str, value: Any) -> dict[str, Any] | None:  # noqa: ARG002
        return None

    def lacks(self, shown: Projection) -> bool:  # noqa: ARG002
        return False

    async def find(self, terms: Mapping[str, Any], seen: Projection, shown: Projection) -> Found[Entitlement]:  # noqa: ARG002
        found = tuple(e for e in self._every if "ids" not in terms or e.id in terms["ids"])
        return Found(len(found), found)

    async def page(
        self,
        window: Window | None,
        after: Any,
        before: Any,
        limit: int,
        shown: Projection,  # noqa: ARG002
    ) -> Found[Entitlement]:
        return page_of(self._every, window, after, before, limit)

    async def create(self, document: Document) -> NoReturn:  # noqa: ARG002
        raise _read_only()

    async def load(self, resource_id: str, touched: frozenset[str]) -> NoReturn:  # noqa: ARG002
        raise _read_only()


def page_of(every: list[T], window: Window | None, after: Any, before: Any, limit: int) -> Found[T]:
    """A page of a short list in id order."""
    ids = [int(thing.id) for thing in every]  # type: ignore[attr-defined]
    if window is not None:
        start, stop = window.offset, window.offset + window.limit
    elif before:
        stop = sum(number < before[0] for number in ids)
        start = max(0, stop - limit)
    else:
        start = sum(number <= (after or (0,))[0] for number in ids)
        stop = start + limit
    items = tuple(every[start:stop])
    more = start > 0 if before else stop < len(every)
    return Found(len(every), items, more, tuple(range(start, start + len(items))))


def _read_only() -> NotAllowed:
    return NotAllowed("Entitlements are what Secret Server has, in this connection's words", allowed=("GET",))
