"""The JSON API's route table as an OpenAPI 3.1 document: what is not in it cannot be called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from scim.audit.events import OUTCOMES
from scim.console.gate import Door
from scim.console.pages.audit import SPANS
from scim.console.views import RANGES

BASE = "/console/api"

QUERY: dict[str, tuple[str, dict[str, Any]]] = {
    "range": ("how far back", {"enum": list(RANGES), "default": "1h"}),
    "connection": ("id of a connection", {}),
    "resource": ("as in a message's address, e.g. Users", {}),
    "before": ("key of the last message of the page before this one", {}),
    "since": ("2026-01-31T12:00, UTC unless it says otherwise", {"format": "date-time"}),
    "until": ("likewise; of a search: where the next page begins", {"format": "date-time"}),
    "span": ("how far back from `until`, when `since` is not given", {"enum": list(SPANS), "default": "24h"}),
    "object": ("id of an object in the vault", {}),
    "kind": ("kind of that object, e.g. user", {}),
    "text": ("in names, actions, details, ids and actors, whatever its case", {}),
    "reads": ("1: also reads, and what was announced", {}),
    "format": ("of the file", {"enum": ["csv", "jsonl"], "default": "csv"}),
}
"""Parameters of queries by name: what they mean, and their schema."""

OUTCOME = {"messages": ["ok", "refused", "failed"], "audit": list(OUTCOMES)}

PROBLEM = {
    "type": "object",
    "description": "What was wrong, and what to do (RFC 9457)",
    "required": ["type", "status", "title", "detail"],
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
    },
}


def document(doors: Sequence[Door], base: str) -> dict[str, Any]:
    """:param base: The server's address."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    for door in doors:
        paths.setdefault(door.path, {})[door.methods[0].lower()] = _operation(door, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "SCIM Connector for Secret Server: console", "version": "1"},
        "servers": [{"url": base}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(door: Door, schemas: dict[str, Any]) -> dict[str, Any]:
    """One operation; the model of its body goes into `schemas`."""
    method, name = door.methods[0].lower(), door.path.removeprefix(BASE).lower()
    status, media = door.answer
    answered: dict[str, Any] = {"description": "nothing" if status == 204 else door.title}
    if status != 204:
        answered["content"] = {one: {"schema": {}} for one in media}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[str, Any] = {
        "summary": door.title,
        "operationId": f"{method}_{re.sub('[^a-z]+', '_', name).strip('_')}",
        "description": f"Needs the role {door.role.title}.",
        "responses": {str(status): answered, "default": {"description": "an error", "content": problem}},
    }
    if parameters := [*_in_path(door), *_in_query(door)]:
        found["parameters"] = parameters
    if door.body is not None:
        schema = door.body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[door.body.__name__] = schema
        ref = {"$ref": f"#/components/schemas/{door.body.__name__}"}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref}}}
    return found


def _in_path(door: Door) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", door.path)
    return [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]


def _in_query(door: Door) -> list[dict[str, Any]]:
    found = []
    for name in door.query:
        if name == "outcome":
            group = door.path.removeprefix(f"{BASE}/").partition("/")[0]
            text, schema = "how it ended", {"enum": OUTCOME[group]}
        else:
            text, schema = QUERY[name]
        found.append({"name": name, "in": "query", "description": text, "schema": {"type": "string", **schema}})
    return found
