"""Step 3: one method a SCIM operation, on documents.

The library's handler loads whole resources and hands whole new states back. Ours shows documents without models in
between, changes group membership as a delta that never loads the group, and asks for no more than an answer shows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, cast

from scim2_models import Resource, ResourceType, SearchRequest
from scim2_server.conditions import Conditions
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation

from scim.errors import ChangedMeanwhile, ConnectorError, NotFound
from scim.protocol.bulk import BulkLimits, run_bulk
from scim.protocol.dialects.path import read_target
from scim.protocol.limits import parse_json
from scim.protocol.membership import check_members, member_delta
from scim.protocol.projection import Document, Projection, projection_of
from scim.protocol.service import Service
from scim.protocol.store import Loaded, MemberChange, ResourceStore

LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_ON_DEMAND = ("groups", "roles", "members", "owner", "privilegeddata")  # what costs a call of its own


class Handler(AsyncScimHandler):
    """Serves one caller's requests; cheap to make, the service behind it is shared."""

    service: Service
    storage: ResourceStore
    deadline: float = math.inf  # time.monotonic() at which the answer must be out; a bulk shares one
    apart: Callable[[], AbstractContextManager[None]] = nullcontext  # around each operation of a bulk
    refused: Mapping[int, ConnectorError] = MappingProxyType({})  # operations of a bulk that made no sense
    bulk_limits = BulkLimits()
    _words: dict[str, dict[str, Any]] | None = None

    # -- reads -------------------------------------------------------------------------------------------------------

    async def query(self, request: ScimRequest) -> ScimResponse:
        """GET of one resource (RFC 7644 §3.4.1)."""
        with self.service.provider:
            target = self.service.route(request, Operation.query)
            resource_type = self.service.resource_type_at(cast(str, target.endpoint))
            self.service.authorize(request, target, resource_type)
            shown = projection_of(self.service.read_response_parameters(resource_type, request.query))
            document = await self.storage.document(resource_type, cast(str, target.resource_id), shown)
            version = document["meta"].get("version")
            if not self.service.read_conditions(request).check(version, "GET"):
                return ScimResponse(HTTPStatus.NOT_MODIFIED, None, {"ETag": version})
            response = self.service.document_response(document)
            response.body = shown.apply(document)
            return self.service.me_response(request, target, response)

    async def search(self, request: ScimRequest) -> ScimResponse:
        """GET of a list (RFC 7644 §3.4.2)."""
        return await self._search(request, Operation.search)

    async def search_with_body(self, request: ScimRequest) -> ScimResponse:
        """POST to .search (RFC 7644 §3.4.3)."""
        return await self._search(request, Operation.search_with_body)

    async def _search(self, request: ScimRequest, operation: Operation) -> ScimResponse:
        with self.service.provider:
            target = self.service.route(request, operation)
            types = self.service.searched_types(target.endpoint)
            allowed = self.service.authorized_types(request, target, types)
            if operation is Operation.search:
                search, position = self.service.read_search_query(types, request.query)
            else:
                search, position = self.service.read_search_body(types, request.body, request.header("Content-Type"))
            shown = projection_of(search)
            page = await self.storage.documents(allowed, search, position=position, shown=shown)
            return ScimResponse(
                HTTPStatus.OK,
                {
                    "schemas": [LIST_RESPONSE],
                    "totalResults": page.total,
                    **self._paging(types, search, page.next, page.previous, len(page.documents)),
                    "Resources": [shown.apply(document) for document in page.documents],
                },
            )

    def _paging(
        self, types: list[ResourceType], search: SearchRequest[Any], after: Any, before: Any, shown: int
    ) -> Document:
        """The members of a list that tell where it is: index or cursor (RFC 9865 §2)."""
        if search.cursor is None:
            return {"startIndex": search.start_index, "itemsPerPage": shown}
        paging: Document = {"itemsPerPage": shown}
        if search.count != 0:
            cursors = (("nextCursor", after), ("previousCursor", before))
            paging |= {n: c for n, p in cursors if (c := self.service._seal(types, search, p)) is not None}  # noqa: SLF001
        return paging

    async def service_provider_config(self, request: ScimRequest) -> ScimResponse:
        """GET /ServiceProviderConfig (RFC 7644 §4), with the limits of a bulk that hold today."""
        response = await super().service_provider_config(request)
        if response.body and "bulk" in response.body:
            limits = {"maxOperations": self.bulk_limits.operations, "maxPayloadSize": self.bulk_limits.bytes}
            response.body = {**response.body, "bulk": {**response.body["bulk"], **limits}}
        return response

    async def schemas(self, request: ScimRequest) -> ScimResponse:
        """GET /Schemas (RFC 7644 §4), with the values that the vault allows today."""
        response = await super().schemas(request)
        self._narrow(response, self.service.schemas_beyond(request.subject))
        for schema in (response.body or {}).get("Resources", []):
            self.service.complete_schema(schema, await self._vocabulary())
        return response

    async def resource_types(self, request: ScimRequest) -> ScimResponse:
        """GET /ResourceTypes (RFC 7644 §4): those that the connection's scope opens."""
        response = await super().resource_types(request)
        self._narrow(response, self.service.types_beyond(request.subject))
        for resource_type in (response.body or {}).get("Resources", []):
            self.service.complete_resource_type(resource_type)
        return response

    async def resource_type(self, request: ScimRequest) -> ScimResponse:
        response = await super().resource_type(request)
        self.service.complete_resource_type(response.body or {})
        return response

    @staticmethod
    def _narrow(response: ScimResponse, hidden: frozenset[str]) -> None:
        """Leave out of a discovery list what its reader may not use anyhow."""
        body = response.body or {}
        if hidden and "Resources" in body:
            kept = [entry for entry in body["Resources"] if entry.get("id") not in hidden]
            body |= {"Resources": kept, "totalResults": len(kept), "itemsPerPage": len(kept)}

    async def schema(self, request: ScimRequest) -> ScimResponse:
        response = await super().schema(request)
        if (response.body or {}).get("id") in self.service.emptied:
            raise NotFound("This connection keeps nothing of that schema")
        self.service.complete_schema(response.body or {}, await self._vocabulary())
        return response

    async def _vocabulary(self) -> dict[str, dict[str, Any]]:
        """Discovery answers even when the vault does not: then without its values."""
        if self._words is None:
            try:
                self._words = await self.storage.vocabulary()
            except ConnectorError:
                self._words = {}
        return self._words

    async def path_of_user(self, user_name: str) -> str:
        """Where the user of this name is, for /Me (RFC 7644 §3.11). :raises NotFound: there is none."""
        with self.service.provider:
            users = self.service.resource_type_at("Users")
            sought = {"filter": f"userName eq {_dumps(user_name).decode()}", "count": "1", "attributes": "id"}
            search, position = self.service.read_search_query([users], sought)
            page = await self.storage.documents([users], search, position=position, shown=projection_of(search))
            if page.total != 1:
                raise NotFound("There is no user for the person that the token names")
            return f"/Users/{page.documents[0]['id']}"

    # -- writes ------------------------------------------------------------------------------------------------------

    async def create(self, request: ScimRequest) -> ScimResponse:
        """POST (RFC 7644 §3.3)."""
        with self.service.provider:
            target = self.service.route(request, Operation.create)
            resource_type = self.service.resource_type_at(cast(str, target.endpoint))
            self.service.authorize(request, target, resource_type)
            shown = projection_of(self.service.read_response_parameters(resource_type, request.query))
            if resource_type.name == "Group":
                check_members(parse_json(request.body))
            resource = self.service.read_creation(resource_type, request.body, request.header("Content-Type"))
            document = await self.storage.create_document(resource_type, resource)
            response = self.service.document_response(document, HTTPStatus.CREATED)
            response.body = shown.apply(await self._as_asked(resource_type, document, shown))
            return response

    async def replace(self, request: ScimRequest) -> ScimResponse:
        """PUT (RFC 7644 §3.5.1)."""
        with self.service.provider:
            target = self.service.route(request, Operation.replace)
            resource_type = self.service.resource_type_at(cast(str, target.endpoint))
            self.service.authorize(request, target, resource_type)
            shown = projection_of(self.service.read_response_parameters(resource_type, request.query))
            resource_id = cast(str, target.resource_id)
            touched = _members_of(request.body)
            if resource_type.name == "Group":
                check_members(parse_json(request.body))

            async def attempt() -> Document:
                loaded = await self.storage.load(resource_type, resource_id, touched)
                replacement = self.service.read_replacement(resource_type, request.body, request.header("Content-Type"))
                current = self._model(resource_type, loaded)
                conditions = self.service.read_write_conditions(request)
                replaced = self.service.apply_replacement(current, replacement, conditions)
                _leave_alone(current, replaced)
                if replaced is None:
                    return loaded.document
                return await self.storage.store(resource_type, loaded, replaced, replaces=True)

            document = await _twice(attempt)
            response = self.service.document_response(document)
            response.body = shown.apply(await self._as_asked(resource_type, document, shown))
            return self.service.me_response(request, target, response)

    async def patch(self, request: ScimRequest) -> ScimResponse:
        """PATCH (RFC 7644 §3.5.2); membership of groups is a delta from end to end."""
        with self.service.provider:
            target = self.service.route(request, Operation.patch)
            resource_type = self.service.resource_type_at(cast(str, target.endpoint))
            self.service.authorize(request, target, resource_type)
            parameters = self.service.read_response_parameters(resource_type, request.query)
            shown = projection_of(parameters)
            self.service.ensure_patch_supported()
            self.service.ensure_json(request.header("Content-Type"))
            resource_id = cast(str, target.resource_id)
            body = parse_json(request.body)
            if resource_type.name == "Group":
                check_members(body)
            by_id = await self.storage.patch_by_id(resource_type, body) if isinstance(body, dict) else body
            if by_id is not body:
                body, request = by_id, dataclasses.replace(request, body=_dumps(by_id))
            loose_group = resource_type.name == "Group" and not self.service.dialect.strict
            delta = member_delta(body.get("Operations") or []) if loose_group else None
            conditions = self.service.read_write_conditions(request)
            if delta is not None:

                async def attempt() -> Document:
                    return await self._patch_members(request, resource_type, resource_id, delta, conditions)

            else:
                patch = self.service.read_patch(resource_type, request.body, request.header("Content-Type"))

                async def attempt() -> Document:
                    return await self._apply(resource_type, resource_id, patch, conditions)

            document, only_members = await _twice(attempt), delta is not None and not delta.others
            asked = bool(parameters.attributes or parameters.excluded_attributes)
            if not asked and (only_members or not self.service.dialect.patch_answers_resource):
                version = document.get("meta", {}).get("version")
                return ScimResponse(HTTPStatus.NO_CONTENT, None, {"ETag": version} if version else {})
            response = self.service.document_response(document)
            response.body = shown.apply(await self._as_asked(resource_type, document, shown))
            return self.service.me_response(request, target, response)

    async def _patch_members(
        self, request: ScimRequest, resource_type: ResourceType, resource_id: str, delta: Any, conditions: Conditions
    ) -> Document:
        loaded = await self.storage.load(
            resource_type, resource_id, _names_in(delta.others, str(resource_type.name)) | {"displayname"}
        )
        conditions.check(loaded.version, "PATCH")
        patched = None
        if delta.others:
            body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": list(delta.others)}
            patch = self.service.read_patch(resource_type, _dumps(body), request.header("Content-Type"))
            patched = self.service.apply_patch(self._model(resource_type, loaded), patch, Conditions())
        change = MemberChange(delta.adds, delta.removes, delta.replace_all)
        if change != MemberChange():  # with whatever else changes, so that all of it is refused or done
            return await self.storage.change_members(resource_type, loaded, change, patched)
        return loaded.document if patched is None else await self._store(resource_type, loaded, patched)

    async def _apply(
        self, resource_type: ResourceType, resource_id: str, patch: Any, conditions: Conditions
    ) -> Document:
        loaded = await self.storage.load(resource_type, resource_id, _touched(patch))
        current = self._model(resource_type, loaded)
        patched = self.service.apply_patch(current, patch.model_copy(deep=True), conditions)
        return loaded.document if patched is None else await self._store(resource_type, loaded, patched)

    async def delete(self, request: ScimRequest) -> ScimResponse:
        """DELETE (RFC 7644 §3.6)."""
        with self.service.provider:
            target = self.service.route(request, Operation.delete)
            resource_type = self.service.resource_type_at(cast(str, target.endpoint))
            self.service.authorize(request, target, resource_type)
            nothing = frozenset({"id"})
            loaded = await self.storage.load(resource_type, cast(str, target.resource_id), nothing)
            self.service.read_write_conditions(request).check(loaded.version, "DELETE")
            await self.storage.remove(resource_type, loaded)
            return self.service.me_response(request, target, self.service.deletion_response())

    async def bulk(self, request: ScimRequest) -> ScimResponse:
        """POST to /Bulk (RFC 7644 §3.7): each operation through the methods above."""
        with self.service.provider:
            self.service.route(request, Operation.bulk)
            self.service.ensure_json(request.header("Content-Type"))
            return await run_bulk(self, request)

    async def _as_asked(self, resource_type: ResourceType, document: Document, shown: Projection) -> Document:
        """After a write: read once more where a client named what it neither read nor changed (RFC 7644 §3.9)."""
        there = {name.casefold() for name in document}
        if not any(shown.names(name) and name not in there for name in _ON_DEMAND):
            return document
        try:
            return await self.storage.document(resource_type, str(document["id"]), shown)
        except ConnectorError:
            return document  # the write is done, whatever this read says

    # -- between documents and models --------------------------------------------------------------------------------

    def _model(self, resource_type: ResourceType, loaded: Loaded) -> Resource[Any]:
        return self.service.get_model(resource_type).model_validate(loaded.document)

    async def _store(self, resource_type: ResourceType, loaded: Loaded, resource: Resource[Any]) -> Document:
        return await self.storage.store(resource_type, loaded, resource)


async def _twice(attempt: Any) -> Document:
    """Once more from a fresh read where another request was faster, then 503 (reliability: ETag conflict)."""
    try:
        return cast(Document, await attempt())
    except ChangedMeanwhile:
        return cast(Document, await attempt())


def _touched(patch: Any) -> frozenset[str]:
    """The top-level attributes that a PATCH names, lower case; empty when it may touch anything."""
    names: set[str] = set()
    for operation in patch.operations or []:
        if operation.path is not None:
            names |= {part.casefold() for part in operation.path.parts[:1]}
            names |= {str(operation.path).casefold()}
        elif isinstance(operation.value, dict):
            names |= {str(key).partition(".")[0].partition("[")[0].casefold() for key in operation.value}
        else:
            return frozenset()
    return frozenset(names)


def _names_in(operations: Any, resource_type: str) -> frozenset[str]:
    """The top-level attributes that raw operations name, lower case: in paths, or as keys of a path-less value."""
    names: set[str] = set()
    for operation in operations:
        path, value = operation.get("path"), operation.get("value")
        paths = [path] if isinstance(path, str) else value if isinstance(value, dict) and path is None else ()
        names |= {read_target(str(key), resource_type).attribute for key in paths}
    return frozenset(names)


def _members_of(body: bytes) -> frozenset[str]:
    """The top-level attributes that a PUT names, lower case; a body that is no object is refused further on."""
    value = parse_json(body)
    return frozenset(str(name).casefold() for name in value) if isinstance(value, dict) else frozenset()


def _dumps(value: Any) -> bytes:
    import orjson

    return orjson.dumps(value)


def _leave_alone(current: Any, replaced: Any) -> None:
    """What a PUT leaves out and is the vault's own fact stays as it is (RFC 7644 §3.5.1 lets a provider choose).

    An account's `active`, and where a container stands: clients built from the draft's schema know no `parent`.
    """
    if replaced is None:
        return
    if getattr(replaced, "active", True) is None:
        replaced.active = current.active
    if hasattr(replaced, "parent") and replaced.parent is None and "\\" not in (replaced.name or ""):
        replaced.parent = current.parent
