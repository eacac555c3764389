"""What Secret Server's refusals mean, as errors of the connector.

Secret Server declares 400, 403 and 500 on every operation and nothing else; the texts are not documented, a code may
stand in `errorCode` or in `message`, and the token endpoint says `error` (facts 3, 12.5, 12.6). So meaning is read by
a small table of rules over code and text, in this order:

    401                                     our token: handled by the client, here VaultRefusedUs
    429, 503                                VaultBusy with Retry-After
    other 5xx, 408                          VaultUnreachable
    3xx                                     VaultMisbehaved: the base URL is wrong
    no JSON                                 403: VaultRefusedUs (a firewall's page); else VaultMisbehaved
    access denied (403, or 400 by text)     VaultDenied, naming the permission that the operation needs
    licence or account limit                BadRequest: no retry will help
    owned by a directory                    Mutability
    password policy                         InvalidValue, only where a password was sent
    a name that is taken, or 409            Uniqueness
    already disabled                        AlreadyDone, which the caller counts as success
    the id does not exist                   NotFound, only for an id in the path of the operation
    anything else                           writes: InvalidValue; reads: VaultMisbehaved

NotFound needs a JSON answer that says so, with 404 or with 400 (facts 13: the status is not known): an empty or HTML
404 is what a wrong base URL, a proxy or a firewall sends, and ASP.NET's JSON for an unknown route is told apart by
its text. Unknown is never absent.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from scim.errors import (
    BadRequest,
    ConnectorError,
    InvalidValue,
    Mutability,
    NotFound,
    PasswordRefused,
    Uniqueness,
    VaultBusy,
    VaultDenied,
    VaultMisbehaved,
    VaultRefusedUs,
    VaultUnreachable,
    excerpt,
)
from scim.secretserver.operations import Operation

LONGEST_WAIT = 3600
"""The most seconds that we pass on as Retry-After, whatever the vault says."""


class AlreadyDone(BadRequest):
    """The vault refuses to disable what is disabled: for us a success."""


class PageRefused(VaultMisbehaved):
    """A search was refused for the way it was paged. `most` is the page size that the vault named, if it did."""

    def __init__(self, detail: str, *, about: str, most: int | None = None) -> None:
        super().__init__(detail)
        self.about = about
        self.most = most


class Busy(VaultBusy):
    """429 or 503. `told` is the wait that the vault asked for, None when it named none."""

    def __init__(self, detail: str, told: int | None) -> None:
        super().__init__(detail, retry_after=30 if told is None else told)
        self.told = told


class UnknownRoute(VaultMisbehaved):
    """The vault does not know the path at all: another version, or another thing than a Secret Server."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error body, whichever dialect it is in. `text` is lower case and for reading only."""

    code: str
    message: str
    text: str
    fields: tuple[str, ...]
    json: bool


_DENIED = re.compile(r"access\s*denied|not authori[sz]ed|unauthori[sz]ed|(do|does) not have .{0,40}permission")
_LIMIT = re.compile(r"licen[sc]e|api_metapplicationapilimit|account limit")
_MANAGED = re.compile(r"directory.{0,24}(managed|user|group)|managed by .{0,20}directory|synchroni[sz]ed")
_TAKEN = re.compile(r"already (exists|in use|taken|used)|duplicate|must be unique|not unique|is taken")
_DONE = re.compile(r"already (been )?(disabled|inactive|deactivated|deleted)")
_MISSING = re.compile(
    r"not (be )?found|notfound|does ?n[o']t ?exist|doesnotexist|no longer exists|(could|can) ?not find"
)
_NO_ROUTE = re.compile(r"no http resource|matches the request uri|no type was found|no action was found|no route")
_PASSWORD = re.compile(r"password")
_SORT = re.compile(r"\bsort")
_TAKE = re.compile(r"\btake\b")


def complaint(content_type: str, body: bytes) -> Complaint:
    """Read an error body; what cannot be read is a Complaint without JSON."""
    if "json" not in content_type:
        return Complaint("", "", "", (), json=False)
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return Complaint("", "", "", (), json=False)
    if not isinstance(value, dict):
        return Complaint("", "", "", (), json=isinstance(value, str))
    said = [str(value[k]) for k in ("message", "messageDetail", "error", "error_description") if value.get(k)]
    state = value.get("modelState")
    fields = tuple(str(k) for k in state) if isinstance(state, dict) else ()
    spoken = [str(t) for v in (state or {}).values() for t in (v if isinstance(v, list) else [v])] if fields else []
    code = str(value.get("errorCode") or "")
    if not code:
        code = next((s for s in said if s.startswith("API_")), "")
    text = " ".join((code, *said, *spoken)).lower()
    return Complaint(code, next(iter((*spoken, *said)), ""), text, fields, json=True)


def refusal(operation: Operation, status: int, content_type: str, body: bytes, retry_after: str) -> ConnectorError:
    """The error that an answer other than 2xx means. It repeats nothing of bodies that may hold a secret."""
    if status in (429, 503):
        return Busy(f"Secret Server is busy (HTTP {status})", seconds(retry_after))
    if status >= 500 or status == 408:
        return VaultUnreachable(f"Secret Server failed (HTTP {status}) at {operation.method} {operation.path}")
    if status < 400:
        return VaultMisbehaved(f"Secret Server redirected (HTTP {status}): the vault's URL is not its base URL")
    said = complaint(content_type, body)
    if status == 401:
        return VaultRefusedUs("Secret Server refuses our token")
    if not said.json:
        if status == 403:
            return VaultRefusedUs("Something before Secret Server (a web firewall or proxy?) refuses us with HTTP 403")
        detail = f"Secret Server answered {operation.method} {operation.path} with HTTP {status} and no JSON"
        return UnknownRoute(detail) if status in (404, 405) else VaultMisbehaved(detail)
    return _meaning(operation, status, said)


def _meaning(operation: Operation, status: int, said: Complaint) -> ConnectorError:
    text = said.text
    if status == 403 or _DENIED.search(text):
        needs = f"; it needs the role permission {operation.needs}" if operation.needs else ""
        return VaultDenied(f"Secret Server denies our account {operation.method} {operation.path}{needs}")
    if _LIMIT.search(text):
        return BadRequest(_quoted(operation, said, "Secret Server's licence does not allow it"))
    if _MANAGED.search(text):
        return Mutability(_quoted(operation, said, "owned by the directory that Secret Server synchronises with"))
    if (
        operation.secret
        and operation.path.startswith("/v1/users")
        and (_PASSWORD.search(text) or any("password" in f.lower() for f in said.fields))
    ):
        return PasswordRefused("password: it does not meet Secret Server's policy for local user passwords")
    if status == 409 or _TAKEN.search(text):
        return Uniqueness(_quoted(operation, said, "Secret Server already has an object of that name"))
    if _DONE.search(text):
        return AlreadyDone("already disabled")
    if status in (404, 405) and _NO_ROUTE.search(text):
        return UnknownRoute(f"Secret Server does not know {operation.method} {operation.path}")
    if operation.lookup and (status == 404 or _MISSING.search(text)) and not _NO_ROUTE.search(text):
        return NotFound(f"Secret Server has no such {operation.lookup}")
    if operation.method == "GET":
        return _read_refused(operation, said)
    named = f"{', '.join(words)}: " if (words := _attributes(operation, said.fields)) else ""
    return InvalidValue(_quoted(operation, said, f"{named}Secret Server does not accept the value"))


_ATTRIBUTES = {
    "username": "userName",
    "displayname": "displayName",
    "emailaddress": "emails",
    "password": "password",
    "enabled": "active",
    "foldername": "name",
    "secretname": "name",
    "parentfolderid": "parent",
    "folderid": "folder",
    "secrettemplateid": "template",
    "items": "fields",
    "secretitems": "fields",
    "roleids": "roles",
    "roleid": "roles",
    "userids": "members",
    "addeduserids": "members",
    "removeuserids": "members",
    "folderaccessrolename": "rights",
    "folderaccessroleid": "rights",
    "secretaccessrolename": "rights",
    "secretaccessroleid": "rights",
}
"""What the vault's fields are called by who sent the value; of others the client knows nothing."""


def _attributes(operation: Operation, fields: tuple[str, ...]) -> list[str]:
    """The attributes that the vault complains of, in the client's words: `data.items[0].itemValue` is `fields`."""
    found: dict[str, None] = {}
    names = {**_ATTRIBUTES, "name": "displayName" if "/groups" in operation.path else "name"}
    for field in fields[:5]:
        parts = [names[part] for part in re.split(r"[^a-z]+", field.lower()) if part in names]
        found.update(dict.fromkeys(parts[:1]))
    return list(found)


def _read_refused(operation: Operation, said: Complaint) -> ConnectorError:
    """A read is ours from end to end: no client can be blamed. Paging has limits that only the vault knows."""
    detail = _quoted(operation, said, f"Secret Server refuses to answer {operation.path}")
    if _SORT.search(said.text):
        return PageRefused(detail, about="sort")
    if _TAKE.search(said.text):
        numbers = [int(n) for n in re.findall(r"\d{1,9}", said.text)]
        return PageRefused(detail, about="take", most=max(numbers, default=0) or None)
    return VaultMisbehaved(detail)


def _quoted(operation: Operation, said: Complaint, meaning: str) -> str:
    """The meaning, and where no secret was sent the vault's own words, cut short."""
    if operation.secret:
        return f"{meaning} ({said.code})" if said.code.startswith("API_") and len(said.code) < 64 else meaning
    words = said.code or said.message
    return f"{meaning}: {excerpt(words)}" if words else meaning


def seconds(retry_after: str) -> int | None:
    """Retry-After as whole seconds from 1 to 3600 (a number or a date, RFC 9110 §10.2.3); None when it says nothing."""
    text = retry_after.strip()
    if not text:
        return None
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        return int(min(max(float(text[:20]), 1), LONGEST_WAIT))
    try:
        wait = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None
    return int(min(max(wait, 1), LONGEST_WAIT))
