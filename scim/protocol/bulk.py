"""Step 3: Bulk (RFC 7644 §3.7). Each operation is carried out as the single request that it stands for.

So scope, limits, guard, journal and the delta way of group membership hold within a bulk exactly as without one. What
is added here: references between operations, also circular ones, failOnErrors, and one deadline for all of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from scim2_models import ConflictException
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation

from scim.errors import ConnectorError, Held, InvalidSyntax, InvalidValue, TooLarge, Unavailable, excerpt
from scim.protocol.bulk_plan import Later, Plan, postponed, references
from scim.protocol.dialects.vocabulary import PATCH_OP
from scim.protocol.limits import MAX_BODY_BYTES, MAX_OPERATIONS, member, parse_json

BULK_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
LAST_SECONDS = 2.0  # of the budget, kept to write the answer
_SINGLE = (Operation.create, Operation.replace, Operation.patch, Operation.delete)

log = logging.getLogger("scim.bulk")


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


async def run_bulk(handler: Any, request: ScimRequest) -> ScimResponse:
    """Carry out a bulk request and tell what became of each operation, in the order of the request."""
    body = parse_json(request.body)
    check_bulk(body, len(request.body), handler.bulk_limits)
    plan = read_plan(body, handler.refused)
    await _run(handler, request, plan)
    for left in plan.later:
        names = ", ".join(sorted(left.waits_for))
        problem = ConflictException(detail=f"It was created, but {excerpt(names)}, which it refers to, was not")
        plan.results[left.index] |= _failure(handler, plan, problem)
    _tell_how_to_go_on(plan)
    results = [plan.results[index] for index in sorted(plan.results)]
    headers = {"Retry-After": str(plan.wait)} if plan.wait else {}
    return ScimResponse(HTTPStatus.OK, {"schemas": [BULK_RESPONSE], "Operations": results}, headers)


async def _run(handler: Any, request: ScimRequest, plan: Plan) -> None:
    """In order, each as soon as nothing under way can touch the same; references are added with nothing under way."""
    running: dict[asyncio.Task[dict[str, Any]], int] = {}

    async def one_ends() -> None:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        plan.results |= {running.pop(task): task.result() for task in done}
        if not running:
            await _catch_up(handler, request, plan)

    async with asyncio.TaskGroup() as group:
        for index in plan.order():
            while not plan.may_begin(index, running.values()):
                await one_ends()
            if plan.stopped:
                break
            plan.begin(index)
            running[group.create_task(_step(handler, request, plan, index))] = index
        while running:
            await one_ends()


def _tell_how_to_go_on(plan: Plan) -> None:
    """In the entries for which no time was left. The RFC has no words for a bulk that is done in part."""
    done, every = len(plan.results) - len(plan.left_out), len(plan.results)
    for index in plan.left_out:
        plan.results[index]["response"]["detail"] = (
            f"Not begun: the time of this bulk ended after {done} of its {every} operations. Send the operations that "
            f"say so in a bulk of their own, of at most {max(done, 1)}; a bulkId of this bulk is not known there, so "
            "write the id that was answered here in its place"
        )


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
        if plan.too_late(handler.deadline - LAST_SECONDS - time.monotonic()):
            plan.left_out.append(index)
            raise Unavailable("Not begun", retry_after=1)
        begun = time.monotonic()
        response = await _carry_out(handler, single)
        plan.took.append(time.monotonic() - begun)
    except Exception as problem:  # noqa: BLE001  # whatever happens to one operation, the others have their turn
        return entry | _failure(handler, plan, problem)
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
            plan.results[waiting.index] |= _failure(handler, plan, problem)
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
        raise Unavailable(
            "The bulk's time ended while this operation was under way. Send it again: what is done of it is found",
            retry_after=1,
        ) from None
    return response


def _failure(handler: Any, plan: Plan, problem: Exception) -> dict[str, Any]:
    """What an entry says of a failure; an entry has no Retry-After, so its detail has."""
    response = handler.service.error_response(problem)
    if int(response.status) == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("bulk operation failed", exc_info=problem)
    seconds = int(response.headers.get("Retry-After", 0))
    if seconds and isinstance(response.body, dict):
        response.body["detail"] = f"{response.body.get('detail')}; send it again after {seconds} s"
        if not isinstance(problem, Held):  # that one waits for a person, the others need not
            plan.wait = max(plan.wait, seconds)
    return {"status": str(int(response.status)), "response": response.body}
