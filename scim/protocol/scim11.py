"""SCIM 1.1 (/scim/v1) for Okta's on-prem agent and PingFederate: a thin translation to 2.0 and back. No second server.

    to_v2_request(method, path, query, headers, body) -> (method, path, query, body)
    from_v2_response(status, path, body, *, base_v2="", base_v1="") -> body
    v1_location(url, base_v2, base_v1) -> url

`path` is relative to the base URL, `query` the raw query string, `body` parsed JSON or None. What comes out of
`to_v2_request` goes through the dialects like any 2.0 request (they read `managerId`, drop `id`, `groups`, foreign
schemas); its PATCH bodies use value paths that create, so they need the tolerant policy.

Differences (SCIM 1.1 core schema and protocol, Okta's opp-provision-scim-messages): one core URN for everything, the
enterprise extension has another URN, PATCH is a partial resource, errors and ServiceProviderConfigs look different.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from scim.errors import InvalidSyntax
from scim.protocol.dialects.path import normalise_path, resource_type_of
from scim.protocol.dialects.vocabulary import (
    BY_VALUE,
    ENTERPRISE,
    IGNORED_IN_BODIES,
    MULTI_VALUED,
    PATCH_OP,
    SCHEMAS,
    is_urn,
    named,
    require_object,
)
from scim.protocol.limits import member

CORE_11 = "urn:scim:schemas:core:1.0"
ENTERPRISE_11 = "urn:scim:schemas:extension:enterprise:1.0"
OKTA_CONFIG = "urn:okta:schemas:scim:providerconfig:1.0"
_OVERRIDES = frozenset({"PUT", "PATCH", "DELETE"})
_FORMATS = (".json",)
_SPELT_BY_PATH = frozenset({"filter", "sortby", "attributes", "excludedattributes"})


def to_v2_request(
    method: str, path: str, query: str, headers: Mapping[str, str], body: Any
) -> tuple[str, str, str, Any]:
    """The same request as SCIM 2.0 would have it."""
    verb = _overridden(method, headers)
    v2_path = _path(path)
    v2_query = _query(query)
    if body is None or verb not in {"POST", "PUT", "PATCH"}:
        return verb, v2_path, v2_query, body
    resource_type = resource_type_of(v2_path)
    if resource_type is None:
        return verb, v2_path, v2_query, body
    sent = require_object(body)
    if verb == "PATCH":
        return verb, v2_path, v2_query, _patch(resource_type, sent)
    return verb, v2_path, v2_query, _resource(resource_type, sent)


def _overridden(method: str, headers: Mapping[str, str]) -> str:
    """X-HTTP-Method-Override on a POST (SCIM 1.1 protocol §3.3); other methods never become something else."""
    verb = method.upper()
    if verb != "POST":
        return verb
    asked = (member(headers, "x-http-method-override") or "").strip().upper()
    return asked if asked in _OVERRIDES else verb


def _path(path: str) -> str:
    """1.1 clients may ask for a format by suffix (/Users.json)."""
    head, slash, rest = path.lstrip("/").partition("/")
    for suffix in _FORMATS:
        head = head.removesuffix(suffix)
        rest = rest.removesuffix(suffix)
    return normalise_path(head + slash + rest)


def _query(query: str) -> str:
    """Attribute names in a query may carry 1.1's URNs."""
    if "urn" not in query.lower():
        return query
    try:
        pairs = parse_qsl(query.lstrip("?"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError as error:
        raise InvalidSyntax("The query string is not UTF-8, or has too many parameters") from error
    return urlencode([(name, _respell(value) if name.lower() in _SPELT_BY_PATH else value) for name, value in pairs])


def _respell(text: str) -> str:
    """1.1's URNs in front of attribute names → 2.0's; literals are left alone."""
    pieces = text.split('"')
    for index in range(0, len(pieces), 2):  # an escaped quote only shifts who is left alone, never what is valid
        for urn, new in ((ENTERPRISE_11, ENTERPRISE + ":"), (CORE_11, "")):
            for mark in (":", "."):
                pieces[index] = pieces[index].replace(urn + mark, new)
    return '"'.join(pieces)


def _resource(resource_type: str, body: dict[str, Any]) -> dict[str, Any]:
    """A full resource: only its URNs change."""
    result = {_extension(name): value for name, value in body.items() if name.lower() != "schemas"}
    listed = member(body, "schemas")
    known = [urn for urn in listed if isinstance(urn, str)] if isinstance(listed, list) else []
    schemas = [SCHEMAS[resource_type]]
    if ENTERPRISE in result or any(urn.lower() == ENTERPRISE_11 for urn in known):
        schemas.append(ENTERPRISE)
    return {"schemas": schemas, **result}


def _extension(name: str) -> str:
    return ENTERPRISE if name.lower() == ENTERPRISE_11 else name


def _patch(resource_type: str, body: dict[str, Any]) -> dict[str, Any]:
    """A partial resource (SCIM 1.1 protocol §3.3.2) → operations: clear, then merge.

    `meta.attributes` names what is cleared first; simple attributes are replaced; complex ones merged; values of a list
    are added, merged with the one of the same `value`, or taken away where they say `"operation": "delete"`.
    """
    if named(body, "operations") is not None:
        return body  # a 2.0 PATCH at the 1.1 address
    meta = member(body, "meta")
    cleared = member(meta, "attributes") if isinstance(meta, dict) else None
    names = [name for name in cleared if isinstance(name, str) and name] if isinstance(cleared, list) else []
    operations: list[dict[str, Any]] = [{"op": "remove", "path": _extension(_respell(name))} for name in names]
    lists = MULTI_VALUED.get(resource_type, frozenset())
    for name, value in body.items():
        low = name.lower()
        if low == "schemas" or low in IGNORED_IN_BODIES or value is None:
            continue
        if low == "groups" and resource_type == "User":
            continue
        if low in lists or isinstance(value, list):
            operations += _merge_list(name, value)
        elif low == ENTERPRISE_11 and isinstance(value, dict):
            for key, item in value.items():
                if item is not None:
                    operations.append({"op": "replace", "path": f"{ENTERPRISE}:{key}", "value": item})
        else:
            operations.append({"op": "replace", "path": name, "value": value})
    return {"schemas": [PATCH_OP], "Operations": operations or [{"op": "replace", "value": {}}]}


def _merge_list(name: str, value: Any) -> list[dict[str, Any]]:
    removed, added, merged = [], [], []
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, dict):
            added.append(entry)
            continue
        kept = {key: item for key, item in entry.items() if key.lower() != "operation"}
        one = member(kept, "value")
        if str(member(entry, "operation")).lower() == "delete":
            removed.append(kept)
        elif isinstance(one, str) and one and name.lower() not in BY_VALUE:
            path = f"{name}[value eq {json.dumps(one, ensure_ascii=False)}]"
            merged.append({"op": "replace", "path": path, "value": kept})
        else:
            added.append(kept)
    operations: list[dict[str, Any]] = []
    if removed:
        operations.append({"op": "remove", "path": name, "value": removed})
    if added:
        operations.append({"op": "add", "path": name, "value": added})
    return operations + merged


def from_v2_response(status: int, path: str, body: Any, *, base_v2: str = "", base_v1: str = "") -> Any:
    """A 2.0 answer in the words of 1.1. `path` is the request's; base URLs turn locations into 1.1's."""
    if not isinstance(body, dict):
        return body
    if status >= 400:
        return _error(status, body)
    if normalise_path(path) == "/ServiceProviderConfig":
        return service_provider_configs(body)
    if isinstance(member(body, "resources"), list) or "totalResults" in body:
        resources = member(body, "resources") or []
        return {
            "schemas": [CORE_11],
            "totalResults": body.get("totalResults", len(resources)),
            "itemsPerPage": body.get("itemsPerPage", len(resources)),
            "startIndex": body.get("startIndex", 1),
            "Resources": [_answer(item, base_v2, base_v1) for item in resources],
        }
    return _answer(body, base_v2, base_v1)


def _error(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """`{"Errors": [{"description", "code"}]}`; the code is a string (SCIM 1.1 protocol §3.9)."""
    detail = body.get("detail") or body.get("scimType") or "The request failed"
    return {"Errors": [{"description": str(detail), "code": str(status)}]}


def _answer(resource: Any, base_v2: str, base_v1: str) -> Any:
    """One resource: 1.1's URNs, no `$ref`, managerId, locations under 1.1's base. Other extensions have no 1.1 form."""
    if not isinstance(resource, dict) or _is_definition(resource):
        return resource
    result: dict[str, Any] = {"schemas": [CORE_11]}
    for name, value in resource.items():
        if name == "meta" and isinstance(value, dict):
            result[name] = _meta(value, base_v2, base_v1)
        elif name.lower() == ENTERPRISE.lower() and isinstance(value, dict):
            result["schemas"] = [CORE_11, ENTERPRISE_11]
            result[ENTERPRISE_11] = {key: _manager(item) if key == "manager" else item for key, item in value.items()}
        elif name != "schemas" and not is_urn(name):
            result[name] = _without_refs(value)
    return result


def _is_definition(resource: dict[str, Any]) -> bool:
    """Schemas and resource types are shown as they are: no 1.1 client seen reads them."""
    schemas = resource.get("schemas")
    return isinstance(schemas, list) and any(str(urn).endswith((":Schema", ":ResourceType")) for urn in schemas)


def _meta(meta: dict[str, Any], base_v2: str, base_v1: str) -> dict[str, Any]:
    kept = {key: value for key, value in meta.items() if key != "resourceType"}
    if isinstance(kept.get("location"), str):
        kept["location"] = v1_location(kept["location"], base_v2, base_v1)
    return kept


def v1_location(url: str, base_v2: str, base_v1: str) -> str:
    """A location under the 2.0 base URL, under 1.1's; any other URL as it is. Also for the Location header."""
    old = base_v2.rstrip("/")
    return base_v1.rstrip("/") + url[len(old) :] if old and url.startswith(old + "/") else url


def _manager(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if key not in {"value", "$ref"}}
    return {"managerId": value["value"], **kept} if "value" in value else kept


def _without_refs(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_refs(item) for item in value]
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if key != "$ref"}
    return value


def service_provider_configs(config: Mapping[str, Any]) -> dict[str, Any]:
    """1.1's one page of abilities, with the block by which Okta's agent decides what it may use.

    Of the 2.0 page it takes the filter's limit (at most 100, Okta's page) and the documentation's address. Users and
    groups are updated by PUT, as Okta's documentation shows; everything else is said to be unsupported.
    """
    limits = config.get("filter")
    most = limits.get("maxResults", 100) if isinstance(limits, dict) else 100
    off = {"supported": False}
    page: dict[str, Any] = {
        "schemas": [CORE_11, OKTA_CONFIG],
        "patch": off,
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": min(most, 100) if isinstance(most, int) else 100},
        "changePassword": {"supported": True},
        "sort": off,
        "etag": off,
        "authenticationSchemes": [],
        OKTA_CONFIG: {"userManagementCapabilities": list(OKTA_CAPABILITIES)},
    }
    if isinstance(config.get("documentationUri"), str):
        page["documentationUrl"] = config["documentationUri"]
    return page


OKTA_CAPABILITIES = (
    "GROUP_PUSH",
    "IMPORT_NEW_USERS",
    "IMPORT_PROFILE_UPDATES",
    "PUSH_NEW_USERS",
    "PUSH_PASSWORD_UPDATES",
    "PUSH_PENDING_USERS",
    "PUSH_PROFILE_UPDATES",
    "PUSH_USER_DEACTIVATION",
    "REACTIVATE_USERS",
)
