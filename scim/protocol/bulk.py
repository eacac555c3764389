"""Step 3: Bulk (RFC 7644 §3.7). Each operation is carried out as the single request that it stands for.

So scope, limits, guard, journal and the delta way of group membership hold within a bulk exactly as without one. What
is added here: references between operations, also circular ones, failOnErrors, and one deadline for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from scim2_models import ConflictException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation

from scim.errors import ConnectorError, InvalidSyntax, InvalidValue, TooLarge, Unavailable, excerpt
from scim.protocol.dialects.vocabulary import PATCH_OP, is_urn
from scim.protocol.limits import MAX_BODY_BYTES, MAX_OPERATIONS, member, parse_json

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
AT_ONCE = 8  # operations under way; a vault should still have room for others
LAST_SECONDS = 2.0  # of the budget, kept to write the answer
_SINGLE = (Operation.create, Operation.replace, Operation.patch, Operation.delete)
_PREFIX = "bulkId:"
_WITHIN = re.compile(r'(?<=["/])bulkId:([^"/\]]+)')  # within the path of an operation, or of a PATCH operation

log = logging.getLogger("scim.bulk")

Resolve = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class BulkLimits:
    """What ServiceProviderConfig says of a bulk, and what is held to (RFC 7644 §3.7.4)."""

    operations: int = MAX_OPERATIONS
    bytes: int = MAX_BODY_BYTES


def check_bulk(body: Any, size: int, limits: BulkLimits) -> None:
    """:raises TooLarge: more than ServiceProviderConfig allows, before anything reads a single operation."""
    if size > limits.bytes:
        raise TooLarge(f"The bulk has {size} bytes, {limits.bytes} are allowed: please split it")
    operations = member(body, "operations") if isinstance(body, Mapping) else None
    if isinstance(operations, list) and len(operations) > limits.operations:
        raise TooLarge(f"The bulk has {len(operations)} operations, {limits.operations} are allowed: please split it")


@dataclass(slots=True)
class Later:
    """What a creation had to leave out, because it refers to something that could only be created after it."""

    index: int
    path: str  # of what was created
    operations: list[dict[str, Any]]
    waits_for: set[str]


@dataclass(slots=True)
class Plan:
    """The operations of one bulk, who creates what, and what became of each so far."""

    operations: list[Any]
    most_errors: int | None
    refused: Mapping[int, ConnectorError]
    creations: dict[str, int] = field(default_factory=dict)  # bulkId → position of its POST
    created: dict[str, str] = field(default_factory=dict)  # bulkId → id
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    later: list[Later] = field(default_factory=list)

    def __post_init__(self) -> None:
        for index, operation in enumerate(self.operations):
            if isinstance(operation, Mapping) and operation.get("method") == "POST":
                bulk_id = operation.get("bulkId")
                if isinstance(bulk_id, str) and bulk_id:
                    self.creations.setdefault(bulk_id, index)

    @property
    def stopped(self) -> bool:
        """Whether failOnErrors is reached (RFC 7644 §3.7.3)."""
        errors = sum(int(result["status"]) >= 400 for result in self.results.values())
        return self.most_errors is not None and errors > 0 and errors >= self.most_errors

    def order(self) -> Iterator[int]:
        """Positions in the request's order, but a creation comes before what refers to it. Without recursion."""
        visited: set[int] = set()
        for root in range(len(self.operations)):
            if root in visited:
                continue
            visited.add(root)
            walk = [(root, self._needs(root))]
            while walk:
                index, needs = walk[-1]
                needed = next((n for n in needs if n not in visited), None)
                if needed is None:
                    walk.pop()
                    yield index
                else:
                    visited.add(needed)
                    walk.append((needed, self._needs(needed)))

    def waves(self) -> Iterator[list[int]]:
        """Neighbours that cannot touch each other go together: one kind of write, to distinct users or distinct groups.

        One at a time where the client wants to stop at an error.
        """
        wave: list[int] = []
        kind, taken = "", set[str]()
        for index in self.order():
            its_kind, touches = self._touches(index)
            together = wave and its_kind == kind and its_kind and len(wave) < AT_ONCE and not touches & taken
            if wave and not together:
                yield wave
                wave, taken = [], set()
                its_kind, touches = self._touches(index)  # what it refers to may be there by now
            wave.append(index)
            kind, taken = its_kind, taken | touches
        if wave:
            yield wave

    def _touches(self, index: int) -> tuple[str, set[str]]:
        """The kind of a write and the names of what it touches; no kind: it has to go alone."""
        operation = self.operations[index]
        alone = self.most_errors is not None or index in self.refused or not isinstance(operation, Mapping)
        if alone or self.missing(operation):
            return "", set()
        method, path, data = (operation.get(name) for name in ("method", "path", "data"))
        endpoint, _, target = str(path).strip("/").partition("/")
        if endpoint not in ("Users", "Groups") or not isinstance(method, str):
            return "", set()
        if method != "POST":
            return f"{method} {endpoint}", {str(self.resolve(f"/{target}"))}
        known = data if isinstance(data, dict) else {}
        names = [member(known, name) for name in ("username", "displayname", "externalid")]
        touches = {f"{place} {str(name).strip().casefold()}" for place, name in enumerate(names) if name}
        return f"POST {endpoint}", touches | {f"bulkId {operation.get('bulkId') or index}"}

    def _needs(self, index: int) -> Iterator[int]:
        return iter([self.creations[name] for name in references(self.operations[index]) if name in self.creations])

    def missing(self, operation: Any) -> set[str]:
        """Which references of an operation lead to nothing (yet)."""
        return {name for name in references(operation) if name not in self.created}

    def resolve(self, value: Any) -> Any:
        return replaced(value, lambda name: self.created.get(name, _PREFIX + name))


async def run_bulk(handler: Any, request: ScimRequest) -> ScimResponse:
    """Carry out a bulk request and tell what became of each operation, in the order of the request."""
    body = parse_json(request.body)
    check_bulk(body, len(request.body), handler.bulk_limits)
    plan = read_plan(body, handler.refused)
    for wave in plan.waves():
        if plan.stopped:
            break
        entries = await asyncio.gather(*(_step(handler, request, plan, index) for index in wave))
        plan.results |= dict(zip(wave, entries, strict=True))
        await _catch_up(handler, request, plan)
    for left in plan.later:
        names = ", ".join(sorted(left.waits_for))
        problem = ConflictException(detail=f"It was created, but {excerpt(names)}, which it refers to, was not")
        plan.results[left.index] |= _failure(handler, problem)
    results = [plan.results[index] for index in sorted(plan.results)]
    return ScimResponse(HTTPStatus.OK, {"schemas": [BULK_RESPONSE], "Operations": results})


def read_plan(body: Any, refused: Mapping[int, ConnectorError]) -> Plan:
    """:raises InvalidSyntax, InvalidValue: it is no bulk at all."""
    if not isinstance(body, Mapping):
        raise InvalidSyntax("The body must be a JSON object")
    operations, most = body.get("Operations"), body.get("failOnErrors")
    if not isinstance(operations, list):
        raise InvalidValue("Operations must be an array of bulk operations")
    if most is not None and (not isinstance(most, int) or isinstance(most, bool)):
        raise InvalidValue("failOnErrors must be an integer")
    return Plan(operations, most, refused)


async def _step(handler: Any, request: ScimRequest, plan: Plan, index: int) -> dict[str, Any]:
    """One operation, and its entry in the answer."""
    operation = plan.operations[index]
    sent: Mapping[str, Any] = operation if isinstance(operation, Mapping) else {}
    entry = {name: sent[name] for name in ("method", "bulkId") if isinstance(sent.get(name), str)}
    path = plan.resolve(sent.get("path")) if isinstance(sent.get("path"), str) else ""
    if sent.get("method") != "POST" and path:
        entry["location"] = f"{request.base_url.rstrip('/')}/{path.lstrip('/')}"
    try:
        if index in plan.refused:
            raise plan.refused[index]
        data, later = _ready(plan, index)
        single = _single(request, str(sent.get("method") or ""), path, data, sent.get("version"))
        response = await _carry_out(handler, single)
    except Exception as problem:  # noqa: BLE001  # whatever happens to one operation, the others have their turn
        return entry | _failure(handler, problem)
    entry |= {"status": str(int(response.status))}
    entry |= {name: response.headers[h] for name, h in _TOLD if h in response.headers}
    created = response.body["id"] if single.method == "POST" and response.body else None
    if created is not None and entry.get("bulkId"):
        plan.created[entry["bulkId"]] = str(created)
    if created is not None and later:
        waits_for = {name for one in later for name in references({"data": one})} - plan.created.keys()
        plan.later.append(Later(index, f"{path.rstrip('/')}/{created}", later, waits_for))
    return entry


_TOLD = (("location", "Content-Location"), ("version", "ETag"))


def _ready(plan: Plan, index: int) -> tuple[Any, list[dict[str, Any]]]:
    """An operation's data with ids for its references, and what has to wait for a later creation.

    :raises ConflictException: it refers to something that will never be there.
    """
    operation = plan.operations[index]
    bulk_id, data = operation.get("bulkId"), operation.get("data")
    creates = operation.get("method") == "POST"
    if creates and isinstance(bulk_id, str) and plan.creations.get(bulk_id, index) != index:
        raise InvalidValue(f"The bulkId {excerpt(bulk_id)} is not unique in the request")
    missing = plan.missing(operation)
    pending = {n for n in missing if n in plan.creations and plan.creations[n] not in plan.results}
    if missing - pending or (pending and not creates):
        names = ", ".join(sorted(missing))
        raise ConflictException(detail=f"Nothing was created under the bulkId {excerpt(names)}")
    later: list[dict[str, Any]] = []
    if pending and isinstance(data, Mapping):
        data, later = postponed(data, pending)
    return plan.resolve(data), later


def postponed(data: Mapping[str, Any], pending: set[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A resource without the attributes that refer to what is still to be created, and the PATCH that adds them.

    RFC 7644 §3.7.1: circular references must at least be tried.
    """
    kept: dict[str, Any] = {}
    later: list[dict[str, Any]] = []
    for name, value in data.items():
        if not _refers(value, pending):
            kept[name] = value
        elif isinstance(value, list):
            kept[name] = [entry for entry in value if not _refers(entry, pending)]
            waiting = [entry for entry in value if _refers(entry, pending)]
            later.append({"op": "add", "path": name, "value": waiting})
        elif is_urn(name) and isinstance(value, Mapping):
            kept[name] = {key: item for key, item in value.items() if not _refers(item, pending)}
            waiting = [key for key in value if key not in kept[name]]
            later += [{"op": "add", "path": f"{name}:{key}", "value": value[key]} for key in waiting]
        else:
            later.append({"op": "add", "path": name, "value": value})
    return kept, later


async def _catch_up(handler: Any, request: ScimRequest, plan: Plan) -> None:
    """Add the references that can be resolved by now."""
    for waiting in list(plan.later):
        waiting.waits_for -= plan.created.keys()
        if waiting.waits_for:
            continue
        plan.later.remove(waiting)
        data = {"schemas": [PATCH_OP], "Operations": plan.resolve(waiting.operations)}
        try:
            response = await _carry_out(handler, _single(request, "PATCH", waiting.path, data, None))
        except Exception as problem:  # noqa: BLE001  # it is that operation's failure, and only its
            plan.results[waiting.index] |= _failure(handler, problem)
            continue
        if "ETag" in response.headers:
            plan.results[waiting.index]["version"] = response.headers["ETag"]


def _single(bulk: ScimRequest, method: str, path: str, data: Any, version: Any) -> ScimRequest:
    """The single request that an operation stands for."""
    headers = {"Content-Type": "application/scim+json"}
    if isinstance(version, str) and version:
        headers["If-Match"] = version
    body = b"" if data is None else orjson.dumps(data)
    return ScimRequest(method, bulk.base_url, path, {}, headers, body, bulk.subject)


async def _carry_out(handler: Any, request: ScimRequest) -> ScimResponse:
    """:raises: whatever a single request would be refused for, and Unavailable when the bulk's time is over."""
    if not request.method or not request.path:
        raise InvalidValue("A bulk operation needs a method and a path")
    target = handler.service.match(request)
    if target.me or target.operation not in _SINGLE:
        raise InvalidValue("A bulk operation is a POST, PUT, PATCH or DELETE of a resource")
    left = handler.deadline - LAST_SECONDS - time.monotonic()
    try:
        if left <= 0:
            raise TimeoutError
        with handler.apart():
            async with asyncio.timeout(left):
                response: ScimResponse = await getattr(handler, target.operation.value)(request)
    except TimeoutError:
        raise Unavailable("The bulk's time budget was used up here; please send this operation again") from None
    return response


def _failure(handler: Any, problem: Exception) -> dict[str, Any]:
    response = handler.service.error_response(problem)
    if int(response.status) == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("bulk operation failed", exc_info=problem)
    return {"status": str(int(response.status)), "response": response.body}


# -- references ------------------------------------------------------------------------------------------------------


def references(operation: Any) -> list[str]:
    """The bulkIds that an operation refers to, in its path and its data."""
    found: list[str] = []

    def collect(name: str) -> str:
        found.append(name)
        return name

    if isinstance(operation, Mapping):
        replaced([operation.get("path"), operation.get("data")], collect)
    return found


def replaced(value: Any, resolve: Resolve) -> Any:
    """A value with every `bulkId:…` resolved: whole texts, and those between the quotes or slashes of a path."""
    if isinstance(value, str):
        if value.startswith(_PREFIX):
            return resolve(value.removeprefix(_PREFIX))
        return _WITHIN.sub(lambda match: resolve(match[1]), value) if _PREFIX in value else value
    if isinstance(value, list):
        return [replaced(item, resolve) for item in value]
    if isinstance(value, Mapping):
        return {key: replaced(item, resolve) for key, item in value.items()}
    return value


def _refers(value: Any, names: set[str]) -> bool:
    return any(name in names for name in references({"data": value}))
