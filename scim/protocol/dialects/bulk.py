"""Bulk bodies (RFC 7644 §3.7): each operation through the same door as a single request."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from scim.errors import ConnectorError, InvalidValue
from scim.protocol.dialects.body import normalise_resource
from scim.protocol.dialects.patch import normalise_patch
from scim.protocol.dialects.path import normalise_path, resource_type_of
from scim.protocol.dialects.vocabulary import BULK_REQUEST, Notes, named, require_object

_NAMES = {"method": "method", "bulkid": "bulkId", "version": "version", "path": "path", "data": "data"}


def normalise_body(
    method: str, resource_type: str, body: Any, *, strict: bool = False, extensions: Collection[str] = ()
) -> tuple[Any, tuple[str, ...]]:
    """One request body, and what was changed in a few words each (for the audit row; never a value).

    `extensions` names schema URNs of the service's own, beside those of the RFC, the PAM draft and Okta; whatever
    belongs to another schema is dropped. A strict body is judged by the core alone, but for PATCH without a path.
    The input is never changed. A method without a body gives its body back.
    """
    verb = method.upper()
    notes = Notes()
    if verb == "PATCH":
        return normalise_patch(resource_type, body, notes, strict=strict), notes.take()
    if verb not in {"POST", "PUT"}:
        return body, ()
    if strict:
        return require_object(body), ()
    return normalise_resource(verb, resource_type, body, notes, extensions), notes.take()


def normalise_bulk(
    body: Any, *, strict: bool = False, extensions: Collection[str] = ()
) -> tuple[dict[str, Any], tuple[str, ...], dict[int, ConnectorError]]:
    """A bulk body; `bulkId:…` references stay as they are.

    The third part says which operations (by position) cannot be carried out and why: a bulk answers for each operation
    on its own, so one bad operation does not refuse the others. Those stay in the body as they were sent.
    """
    sent = require_object(body)
    key = named(sent, "operations")
    operations = sent[key] if key is not None else None
    if not isinstance(operations, list):
        raise InvalidValue("Operations must be an array of bulk operations")
    notes = Notes()
    refused: dict[int, ConnectorError] = {}
    done: list[Any] = []
    for index, operation in enumerate(operations):
        try:
            done.append(_operation(operation, index, notes, strict=strict, extensions=extensions))
        except ConnectorError as error:
            refused[index] = error
            done.append(operation)
    rest = {_envelope(name): value for name, value in sent.items() if name not in {key, named(sent, "schemas")}}
    schemas = named(sent, "schemas")
    if schemas is None and not strict:
        notes.say("schemas filled in")
    listed = sent[schemas] if schemas is not None and strict else [BULK_REQUEST]
    return {"schemas": listed, **rest, "Operations": done}, notes.take(), refused


def _envelope(name: str) -> str:
    return "failOnErrors" if name.lower() == "failonerrors" else name


def _operation(
    operation: Any, index: int, notes: Notes, *, strict: bool, extensions: Collection[str]
) -> dict[str, Any]:
    sent = require_object(operation, f"Bulk operation {index + 1}")
    result = {_NAMES.get(name.lower(), name): value for name, value in sent.items()}
    method, path = result.get("method"), result.get("path")
    if isinstance(method, str):
        result["method"] = method.upper()
    if not isinstance(path, str) or not isinstance(method, str):
        return result  # the core has the words
    result["path"] = normalise_path(path)
    resource_type = resource_type_of(path)
    if resource_type is None or result.get("data") is None:
        return result
    data, said = normalise_body(method, resource_type, result["data"], strict=strict, extensions=extensions)
    for words in said:
        notes.say(words)
    return {**result, "data": data}
