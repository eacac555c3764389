"""Step 4 as step 3 sees it: one store over all resource modules, for one caller."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from scim2_models import NotFoundException, PreconditionFailedException, Resource, ResourceType, SearchRequest
from scim2_models import UniquenessException as LibraryUniqueness
from scim2_server.storage import SearchPage

from scim.directory.port import Directory
from scim.errors import ConnectorError, NotFound, Uniqueness
from scim.model import Caller
from scim.protocol.projection import EVERYTHING, Document, Projection, projection_of
from scim.protocol.service import Service
from scim.protocol.store import DocumentPage, Loaded, MemberChange, ResourceStore, own_version
from scim.resources import REGISTRY
from scim.resources.search import search
from scim.resources.snapshots import Snapshots


class DirectoryResources(ResourceStore):
    """Every resource of a directory. Errors are those of scim.errors; the library's contract methods speak its own."""

    supports_cursors = True

    def __init__(
        self,
        directory: Directory,
        caller: Caller,
        service: Service,
        base_url: str = "",
        snapshots: Snapshots | None = None,
    ) -> None:
        self.base_url = base_url
        self._snapshots = snapshots or Snapshots()
        self._service = service
        self._modules = {name: module(directory, caller, base_url) for name, module in REGISTRY.items()}

    # -- documents, for our handler ----------------------------------------------------------------------------------

    async def document(self, resource_type: ResourceType, resource_id: str, shown: Projection) -> Document:
        document: Document = await self._module(resource_type).read(resource_id, shown)
        return document

    async def documents(
        self, resource_types: list[ResourceType], request: SearchRequest[Any], *, position: Any, shown: Projection
    ) -> DocumentPage:
        modules = [(self._module(rt), self._service.get_model(rt)) for rt in resource_types]
        return await search(modules, request, position, shown, self._snapshots)

    async def vocabulary(self) -> dict[str, dict[str, Any]]:
        async def of(module: Any) -> dict[str, dict[str, Any]]:
            with suppress(ConnectorError):  # a vault that is down takes its own words away, not those of others
                return dict(await module.vocabulary())
            return {}

        found: dict[str, dict[str, Any]] = {}
        for words in await asyncio.gather(*(of(m) for m in self._modules.values() if hasattr(m, "vocabulary"))):
            for schema, values in words.items():
                found.setdefault(schema, {}).update(values)
        return found

    async def create_document(self, resource_type: ResourceType, resource: Resource[Any]) -> Document:
        document: Document = await self._module(resource_type).create(resource.model_dump())
        return document

    async def patch_by_id(self, resource_type: ResourceType, patch: dict[str, Any]) -> dict[str, Any]:
        module = self._module(resource_type)
        if not hasattr(module, "patch_by_id"):
            return patch
        by_id: dict[str, Any] = await module.patch_by_id(patch)
        return by_id

    async def load(self, resource_type: ResourceType, resource_id: str, touched: frozenset[str]) -> Loaded:
        thing, document = await self._module(resource_type).load(resource_id, touched)
        return Loaded(thing, own_version(document))

    async def store(
        self, resource_type: ResourceType, loaded: Loaded, resource: Resource[Any], *, replaces: bool = False
    ) -> Document:
        module = self._module(resource_type)
        make = getattr(module, "replace", module.store) if replaces else module.store
        document: Document = await make(loaded.thing, loaded.document, resource.model_dump())
        return document

    async def remove(self, resource_type: ResourceType, loaded: Loaded) -> None:
        await self._module(resource_type).remove(loaded.thing)

    async def change_members(
        self, resource_type: ResourceType, loaded: Loaded, change: MemberChange, resource: Resource[Any] | None = None
    ) -> Document:
        new = None if resource is None else resource.model_dump()
        document: Document = await self._module(resource_type).change_members(
            loaded.thing, change, loaded.document, new
        )
        return document

    # -- resources, as the library's contract has them (Bulk, and its own tests) -------------------------------------

    async def get(
        self, resource_type: ResourceType, resource_id: str, *, response_parameters: Any = None
    ) -> Resource[Any]:
        with _library_errors():
            shown = projection_of(response_parameters)
            return self._model(resource_type, await self.document(resource_type, resource_id, shown))

    async def search(
        self, resource_types: list[ResourceType], search_request: SearchRequest[Any], *, position: Any = None
    ) -> SearchPage:
        page = await self.documents(resource_types, search_request, position=position, shown=EVERYTHING)
        by_name = {rt.name: rt for rt in resource_types}
        resources = [self._model(by_name[d["meta"]["resourceType"]], d) for d in page.documents]
        return SearchPage(page.total, resources, page.next, page.previous)

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        with _library_errors():
            return self._model(resource_type, await self.create_document(resource_type, resource))

    async def update(
        self, resource_type: ResourceType, resource: Resource[Any], *, expected_version: str | None = None
    ) -> Resource[Any]:
        with _library_errors():
            loaded = await self.load(resource_type, resource.id or "", frozenset())
            _expect(loaded, expected_version)
            return self._model(resource_type, await self.store(resource_type, loaded, resource))

    async def delete(
        self, resource_type: ResourceType, resource_id: str, *, expected_version: str | None = None
    ) -> None:
        with _library_errors():
            loaded = await self.load(resource_type, resource_id, frozenset({"id"}))
            _expect(loaded, expected_version)
            await self.remove(resource_type, loaded)

    # -- between the two ---------------------------------------------------------------------------------------------

    def _module(self, resource_type: ResourceType) -> Any:
        return self._modules[str(resource_type.name)]

    def _model(self, resource_type: ResourceType, document: Document) -> Resource[Any]:
        return self._service.get_model(resource_type).model_validate(document)


class _library_errors:  # noqa: N801  -- reads as a statement
    """Turn the two errors that the library's contract names into its own classes."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, NotFound):
            raise NotFoundException(detail=error.detail) from error
        if isinstance(error, Uniqueness):
            raise LibraryUniqueness(detail=error.detail) from error


def _expect(loaded: Loaded, version: str | None) -> None:
    if version is not None and loaded.version != version:
        raise PreconditionFailedException
