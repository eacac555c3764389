"""Holds requests and answers against the API document: closed schemas, no unknown path, property or parameter."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator

PROJECT = Path(__file__).resolve().parents[2]

ALLOWED: dict[tuple[str, str], str] = {
    ("POST", "/identity/api/oauth2/token/xpmplatform"): "the platform's own token endpoint, seen in SDKs only",
    ("GET", "/vaultbroker/api/vaults"): "the platform's vault list, seen in SDKs only",
    ("GET", "/health"): "probed by vendor SDKs, on the platform",
}
"""Operations that the document lacks, with the reason why they may be used all the same."""

ALLOWED_QUERY: dict[str, str] = {
    "filter.limitToDirectDescendents": "in the facts for /v1/folders, missing from the rebuilt document",
    "filter.folderId": "what vendor examples send to the folder-permission stub",
}

ALLOWED_ANSWERS: dict[tuple[str, str], str] = {
    ("GET", "/v1/version"): "two shapes are on record; the document has one",
}


def document_path() -> Path | None:
    """The document named by SCIM_OPENAPI, or the one beside the project; None when there is none."""
    given = os.environ.get("SCIM_OPENAPI")
    path = Path(given) if given else PROJECT.parent / "shared" / "facts" / "secret-server-openapi.json"
    return path if path.is_file() else None


class OpenApiValidator:
    """Paths are accepted with or without the /api prefix."""

    def __init__(self, path: str | Path) -> None:
        self.document: dict[str, Any] = json.loads(Path(path).read_text())
        self._schemas = {name: _closed(s) for name, s in self.document["components"]["schemas"].items()}
        self._defs = {"components": {"schemas": self._schemas}}
        self._patterns = []
        for template, operations in self.document["paths"].items():
            parts = [
                part if not part.startswith("{") else (r"[^/]+" if _textual(operations, part[1:-1]) else r"-?\d+")
                for part in template.split("/")
            ]
            fixed = sum(not p.startswith("{") for p in template.split("/"))
            self._patterns.append((fixed, re.compile("/".join(parts) + "$"), template, operations))
        self._patterns.sort(key=lambda p: -p[0])
        self._compiled: dict[int, Draft202012Validator] = {}

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The document's operation; None for one that is allowed without; AssertionError for any other."""
        path = _short(path)
        if (method, path) in ALLOWED:
            return None
        templates = []
        for _, pattern, template, operations in self._patterns:
            if pattern.match(path):
                if method.lower() in operations:
                    found: dict[str, Any] = operations[method.lower()]
                    shared = operations.get("parameters", [])
                    return {**found, "parameters": [*found.get("parameters", []), *shared]}
                templates.append(template)
        if templates:
            raise AssertionError(f"{method} is not documented for {templates[0]}")
        raise AssertionError(f"{method} {path} is not in the document")

    def check_request(self, method: str, path: str, query_pairs: list[tuple[str, str]], body: Any) -> None:
        operation = self.operation(method, path)
        if operation is None:
            return
        where = f"{method} {_short(path)}"
        known = {p["name"]: p for p in operation["parameters"] if p.get("in") == "query"}
        for name, value in query_pairs:
            plain = re.sub(r"sortBy\[\d+\]", "sortBy[0]", unquote(name))
            if plain not in known:
                assert plain in ALLOWED_QUERY, f"{where}: no query parameter is called {name!r}"
                continue
            _check_query(where, plain, value, known[plain].get("schema", {}))
        for name, parameter in known.items():
            given = any(n == name for n, _ in query_pairs)
            alias = name == "folderId" and any(n == "filter.folderId" for n, _ in query_pairs)
            assert given or alias or not parameter.get("required"), f"{where}: the query parameter {name} is required"
        content = operation.get("requestBody", {}).get("content", {})
        if not content:
            assert body in (None, b"", ""), f"{where}: takes no body"
            return
        media = content.get("application/json") or next(iter(content.values()))
        if body is None:
            return
        self._check(media.get("schema", {}), body, f"{where}: request body")

    def check_response(self, method: str, path: str, status: int, body: Any) -> None:
        operation = self.operation(method, path)
        if operation is None or status in {401, 404, 405, 409, 429, 503}:
            return  # statuses that the document declares nowhere
        where = f"{method} {_short(path)}: answer {status}"
        if (method, _short(path)) in ALLOWED_ANSWERS and status == 200:
            return
        responses = operation["responses"]
        assert str(status) in responses, f"{where}: the document has only {', '.join(responses)}"
        content = responses[str(status)].get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema:
            self._check(schema, body, where, refusal=status >= 400)

    def _check(self, schema: dict[str, Any], body: Any, where: str, *, refusal: bool = False) -> None:
        validator = self._compiled.get(id(schema))
        if validator is None:
            closed = {**_closed(schema), **self._defs}
            validator = self._compiled[id(schema)] = Draft202012Validator(closed)
        if refusal and isinstance(body, dict):
            body = {k: v for k, v in body.items() if k != "errorCode"}  # 403 carries it too, undeclared
        errors = sorted(validator.iter_errors(body), key=lambda e: len(e.path))
        if errors:
            first = errors[0]
            place = "/".join(str(p) for p in first.path) or "(top)"
            raise AssertionError(f"{where}: at {place}: {first.message[:300]}")


def _short(path: str) -> str:
    path = path.partition("?")[0]
    return path.removeprefix("/api") if path.startswith("/api/") else path


def _textual(operations: dict[str, Any], name: str) -> bool:
    for operation in operations.values():
        for parameter in operation.get("parameters", []) if isinstance(operation, dict) else []:
            if parameter.get("name") == name and parameter.get("in") == "path":
                return bool(parameter.get("schema", {}).get("type") == "string")
    return False


def _check_query(where: str, name: str, value: str, schema: dict[str, Any]) -> None:
    kind = schema.get("items", schema).get("type")
    if kind == "integer":
        assert re.fullmatch(r"-?\d+", value), f"{where}: {name}={value!r} is not an integer"
    elif kind == "boolean":
        assert value.lower() in {"true", "false"}, f"{where}: {name}={value!r} is not a boolean"
    choices = schema.get("items", schema).get("enum")
    assert not choices or value in choices, f"{where}: {name}={value!r} is none of {choices}"


def _closed(schema: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: nullable becomes a null type, and an object has no other properties than it names."""
    if isinstance(schema, list):
        return [_closed(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "object" and not set(schema) & {"properties", "additionalProperties", "allOf", "$ref"}:
        return {}  # .NET's `object`: any value, as in the cells of a report
    found = {k: _closed(v) for k, v in schema.items() if k not in {"nullable", "properties", "example"}}
    if isinstance(schema.get("properties"), dict):
        found["properties"] = {name: _closed(s) for name, s in schema["properties"].items()}
        found.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        if "type" in found and isinstance(found["type"], str):
            found["type"] = [found["type"], "null"]
            if "enum" in found:
                found["enum"] = [*found["enum"], None]
        else:
            found = {"anyOf": [found, {"type": "null"}]}
    return found
