"""From what people type to what is stored: scopes, address ranges, policies. Refusals say what is allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from scim.content import FolderLevel, SecretLevel
from scim.errors import InvalidValue
from scim.model import Policies

RESOURCE_TYPES = (
    "User",
    "Group",
    "Role",
    "Entitlement",
    "Container",
    "ContainerPermission",
    "PrivilegedData",
    "PrivilegedDataPermission",
)

PERSON_ATTRIBUTES = (
    "name",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "emails",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "entitlements",
    "x509Certificates",
    "employeeNumber",
    "costCenter",
    "organization",
    "division",
    "department",
    "manager",
    "linkedObject",
)

_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def scope(texts: Sequence[str]) -> tuple[str, ...]:
    """Resource types in their own spelling; () for all. :raises InvalidValue: listing the known ones."""
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    if [word.casefold() for word in words] == ["all"]:
        return ()
    known = {name.casefold(): name for name in RESOURCE_TYPES}
    unknown = [word for word in words if word.casefold() not in known]
    if unknown or not words:
        raise InvalidValue(f"scope knows {', '.join(RESOURCE_TYPES)} or all, not {', '.join(unknown) or 'nothing'}")
    return tuple(dict.fromkeys(known[word.casefold()] for word in words))


def person_attributes(words: Sequence[str]) -> tuple[str, ...]:
    """Attributes in their own spelling; () for all of them, ("none",) for none. :raises InvalidValue: listing them."""
    known = {name.casefold(): name for name in PERSON_ATTRIBUTES}
    if [word.casefold() for word in words] == ["none"]:
        return ("none",)
    unknown = [word for word in words if word.casefold() not in known]
    if unknown:
        raise InvalidValue(
            f"policy person_attributes knows {', '.join(PERSON_ATTRIBUTES)}, or none alone; not {unknown[0][:40]!r}"
        )
    return tuple(dict.fromkeys(known[word.casefold()] for word in words))


def sources(texts: Sequence[str]) -> tuple[str, ...]:
    """Address ranges in their canonical form; () for any. :raises InvalidValue:"""
    words = [word for text in texts for word in text.replace(",", " ").split()]
    if [word.casefold() for word in words] == ["any"]:
        return ()
    found = []
    for word in words:
        try:
            found.append(str(ipaddress.ip_network(word)))
        except ValueError as error:
            raise InvalidValue(f"source takes ranges such as 203.0.113.0/24 or 2001:db8::/32: {error}") from None
    return tuple(dict.fromkeys(found))


def _once(key: str, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    if len({word.strip().casefold() for word, _ in pairs}) < len(pairs):
        raise InvalidValue(f"{key}: a word of the client stands there twice")
    return dict(pairs)


def policies(given: Mapping[str, str]) -> dict[str, Any]:
    """Policy values from texts. :raises InvalidValue: listing what is allowed."""
    values: dict[str, Any] = {}
    for key, text in given.items():
        name = key.strip().replace("-", "_")
        if name not in Policies.model_fields:
            raise InvalidValue(f"policy knows {', '.join(Policies.model_fields)}; write KEY=VALUE")
        values[name] = policy_value(name, text.strip())
    return values


FOLDER_LEVELS = {level.value.casefold(): level.value for level in FolderLevel}
SECRET_LEVELS = {level.value.casefold(): level.value for level in SecretLevel}
RIGHTS_MAPS = ("container_rights", "secret_rights")


def rights_map(key: str, pairs: Mapping[str, str]) -> dict[str, str]:
    """The client's words for rights, each with a right that the vault has. :raises InvalidValue: listing those."""
    found: dict[str, str] = {}
    for word, text in pairs.items():
        name = word.strip()
        if not name or len(name) > 100 or not name.isprintable() or name.casefold() in {w.casefold() for w in found}:
            raise InvalidValue(f"{key}: each word of the client stands there once, with at most 100 characters")
        found[name] = _right(key, name, text)
    return found


def _right(key: str, word: str, text: str) -> str:
    left, slash, right = (part.strip() for part in text.partition("/"))
    if key == "secret_rights":
        level = SECRET_LEVELS.get(left.casefold())
        if level is None or level == SecretLevel.NONE or slash:
            allowed = ", ".join(name for name in SECRET_LEVELS.values() if name != SecretLevel.NONE)
            raise InvalidValue(f"{key}: {word[:40]} is one of {allowed}")
        return level
    folder, secrets = FOLDER_LEVELS.get(left.casefold()), SECRET_LEVELS.get(right.casefold())
    if folder is None or (right and secrets is None):
        raise InvalidValue(
            f"{key}: {word[:40]} is one of {', '.join(FOLDER_LEVELS.values())}; a secret level may follow, "
            f"as in View/List: {', '.join(SECRET_LEVELS.values())}"
        )
    return f"{folder}/{secrets}" if secrets else folder


def policy_value(key: str, text: str) -> object:
    kind = Policies.model_fields[key].annotation
    if key in RIGHTS_MAPS:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if any(not equals for _, equals, _ in pairs):
            raise InvalidValue(f"policy {key} is written WORD=RIGHT,WORD=RIGHT")
        return rights_map(key, _once(key, [(left, right) for left, _, right in pairs]))
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise InvalidValue(f"policy {key} is one of {', '.join(get_args(kind))}")
        return text
    if kind is str or get_origin(kind) is dict:
        return text
    if kind is bool:
        if text.casefold() not in _YES | _NO:
            raise InvalidValue(f"policy {key} is true or false")
        return text.casefold() in _YES
    if kind is int:
        most = 100 if key.endswith("_percent") else 1_000_000
        if not text.isascii() or not text.isdigit() or int(text) > most:
            raise InvalidValue(f"policy {key} is a whole number from 0 to {most}")
        return int(text)
    entries = tuple(word.strip().casefold() for word in text.replace("\n", ",").split(",") if word.strip())
    return person_attributes(entries) if key == "person_attributes" else entries
