"""What step 3 asks of step 4: documents to show, and resources to load, change and store.

A *document* is a resource as JSON values, ready to be sent: its references and its location are URLs under `base_url`.
Reads and answers are documents; only what PATCH, PUT, filters and sorting must understand becomes a model.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from scim2_models import Resource, ResourceType, SearchRequest
from scim2_server.storage import AsyncScimStorage

from scim.protocol.projection import Document, Projection


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """One page of a search. `next` and `previous` are cursor positions (RFC 9865), None at the ends."""

    total: int
    documents: list[Document]
    next: Any = None
    previous: Any = None


@dataclass(slots=True)
class Loaded:
    """A stored resource in both its forms: ours (whatever the resource module needs to write it) and SCIM's."""

    thing: Any
    document: Document

    @property
    def version(self) -> str | None:
        version = self.document.get("meta", {}).get("version")
        return str(version) if version else None


_SHOWN = re.compile(r'(?<=[0-9a-f]{16})\.[0-9a-f]{16}(?=["\s,]|\Z)')


def own_version(document: Document) -> Document:
    """A document with the part of its version that its own attributes decide, which a writer is held to."""
    meta = document["meta"]
    return {**document, "meta": {**meta, "version": own_tag(meta["version"])}} if "version" in meta else document


def own_tag(tags: str) -> str:
    """`W/"own"` of `W/"own.shown"`, one or several: the groups that a user was shown with are for caches alone."""
    return _SHOWN.sub("", tags)


@dataclass(frozen=True, slots=True)
class MemberChange:
    """What a group PATCH does to membership; `replace_all` not None: these are the members, whoever was one before."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    replace_all: tuple[str, ...] | None = None


class ResourceStore(AsyncScimStorage):
    """The library's storage contract plus the faster ways that our handler takes."""

    base_url: str = ""

    @abstractmethod
    async def document(self, resource_type: ResourceType, resource_id: str, shown: Projection) -> Document:
        """One resource. :raises NotFound:"""

    @abstractmethod
    async def documents(
        self, resource_types: list[ResourceType], request: SearchRequest[Any], *, position: Any, shown: Projection
    ) -> DocumentPage:
        """One page of what matches. :raises InvalidFilter, TooMany:"""

    @abstractmethod
    async def vocabulary(self) -> dict[str, dict[str, Any]]:
        """Values that a vault allows today: schema URN → attribute path → canonical values, for /Schemas."""

    @abstractmethod
    async def create_document(self, resource_type: ResourceType, resource: Resource[Any]) -> Document: ...

    async def patch_by_id(self, resource_type: ResourceType, patch: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """A PatchOp body that names by id what its client named by name; as it is where there is nothing of that."""
        return patch

    @abstractmethod
    async def load(self, resource_type: ResourceType, resource_id: str, touched: frozenset[str]) -> Loaded:
        """A resource that is about to change; `touched` names the top-level attributes concerned (empty: all)."""

    @abstractmethod
    async def store(
        self, resource_type: ResourceType, loaded: Loaded, resource: Resource[Any], *, replaces: bool = False
    ) -> Document:
        """Make the stored resource equal to this one. `replaces`: by a PUT, which may leave defaults out."""

    @abstractmethod
    async def remove(self, resource_type: ResourceType, loaded: Loaded) -> None: ...

    @abstractmethod
    async def change_members(
        self, resource_type: ResourceType, loaded: Loaded, change: MemberChange, resource: Resource[Any] | None = None
    ) -> Document:
        """Change a group's membership and, with a resource, make the rest of it equal to that; all or nothing."""
