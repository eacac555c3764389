"""Every way a request can fail, as one tree.

    ConnectorError
    ├── BadRequest                 400  the request can never succeed as sent
    │   ├── InvalidFilter          400  invalidFilter   RFC 7644 §3.4.2.2
    │   ├── InvalidPath            400  invalidPath     RFC 7644 §3.5.2
    │   ├── InvalidSyntax          400  invalidSyntax   RFC 7644 §3.12
    │   ├── InvalidValue           400  invalidValue    RFC 7644 §3.12
    │   │   └── PasswordRefused    400  invalidValue    the vault's policy for passwords
    │   │   └── UnknownMembers     400  invalidValue    members that are no users; tells which
    │   ├── Mutability             400  mutability      RFC 7644 §3.5.2: the vault or a policy owns the attribute
    │   ├── NoTarget               400  noTarget        RFC 7644 §3.5.2.2
    │   └── TooMany                400  tooMany         RFC 7644 §3.4.2
    ├── Unauthenticated            401  no, wrong or expired credentials of the SCIM client (never of ours)
    │   └── WrongToken             401  no such token, or another secret than its own
    ├── Forbidden                  403  known client, not allowed
    │   ├── Protected              403  the guard: a protected principal, its groups or its roles
    │   ├── NotOurs                403  the guard: an object that another connection or nobody manages
    │   └── OutOfScope             403  read-only connection, resource type or source address not allowed
    ├── NotFound                   404
    ├── NotAllowed                 405
    ├── Uniqueness                 409  uniqueness      RFC 7644 §3.3
    ├── LengthRequired             411  a chunked body arrived empty
    ├── PreconditionFailed         412  RFC 7644 §3.14
    ├── TooLarge                   413
    ├── UnsupportedMedia           415
    ├── TooManyRequests            429  with Retry-After
    ├── Unimplemented              501
    ├── VaultMisbehaved            502  with Retry-After; Secret Server answered nonsense
    └── Unavailable                503  with Retry-After; never 401 and never an empty list for an outage of ours
        ├── VaultUnreachable       503  no connection, time-out, 5xx
        ├── VaultBusy              503  429 or 503 from Secret Server
        ├── VaultRefusedUs         503  our own credentials or permissions are wrong
        │   └── VaultDenied        503  our account may not do this, or not with this object
        ├── NotSetUp               503  a setting, an identity, a role or a key of ours is missing
        ├── StoreUnavailable       503  Table Storage
        ├── OutcomeUnknown         503  an answer was lost; the same request again finishes the work
        ├── ChangedMeanwhile       503  two requests changed one object; a fresh read and one retry did not help
        └── Held                   503  the mass-change breaker waits for a human

Details are written for the reader of an identity platform's log: what was wrong, with which attribute, what to do.
They never hold a secret, and echo at most 64 characters of what was sent.
"""

from __future__ import annotations

from collections.abc import Iterable


class ConnectorError(Exception):
    """An error with an HTTP status and, for some, a SCIM type (RFC 7644 §3.12)."""

    status: int = 500
    scim_type: str | None = None

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class BadRequest(ConnectorError):
    status = 400


class InvalidFilter(BadRequest):
    scim_type = "invalidFilter"


class InvalidPath(BadRequest):
    scim_type = "invalidPath"


class InvalidSyntax(BadRequest):
    scim_type = "invalidSyntax"


class InvalidValue(BadRequest):
    scim_type = "invalidValue"


class UnknownMembers(InvalidValue):
    def __init__(self, detail: str, members: tuple[int, ...]) -> None:
        super().__init__(detail)
        self.members = members

    @classmethod
    def of(cls, members: Iterable[int]) -> UnknownMembers:
        """One text for ids that never were and for those of the deleted."""
        unknown = tuple(int(member) for member in members)
        return cls(f"members: Secret Server has no user {', '.join(map(str, unknown[:10]))}", unknown)


class PasswordRefused(InvalidValue): ...


class Mutability(BadRequest):
    scim_type = "mutability"


class NoTarget(BadRequest):
    scim_type = "noTarget"


class TooMany(BadRequest):
    scim_type = "tooMany"


class Unauthenticated(ConnectorError):
    status = 401


class WrongToken(Unauthenticated):
    """There is no such token; who has proven one, however old, is told more."""


class Forbidden(ConnectorError):
    status = 403


class Protected(Forbidden): ...


class NotOurs(Forbidden): ...


class OutOfScope(Forbidden): ...


class NotFound(ConnectorError):
    status = 404


class NotAllowed(ConnectorError):
    status = 405

    def __init__(self, detail: str, *, allowed: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.allowed = allowed


class Uniqueness(ConnectorError):
    status = 409
    scim_type = "uniqueness"


class LengthRequired(ConnectorError):
    status = 411


class PreconditionFailed(ConnectorError):
    status = 412


class TooLarge(ConnectorError):
    status = 413


class UnsupportedMedia(ConnectorError):
    status = 415


class TooManyRequests(ConnectorError):
    status = 429


class Unimplemented(ConnectorError):
    status = 501


class VaultMisbehaved(ConnectorError):
    status = 502

    def __init__(self, detail: str, *, retry_after: int | None = 60) -> None:
        super().__init__(detail, retry_after=retry_after)


class Unavailable(ConnectorError):
    status = 503

    def __init__(self, detail: str, *, retry_after: int | None = 30) -> None:
        super().__init__(detail, retry_after=retry_after)


class VaultUnreachable(Unavailable): ...


class VaultBusy(Unavailable): ...


class VaultRefusedUs(Unavailable): ...


class VaultDenied(VaultRefusedUs): ...


class NotSetUp(Unavailable): ...


class StoreUnavailable(Unavailable): ...


class OutcomeUnknown(Unavailable): ...


class ChangedMeanwhile(Unavailable): ...


class Held(Unavailable): ...


def excerpt(value: object) -> str:
    """At most 64 printable characters of something that a client sent, quoted: what an error may echo."""
    text = "".join(c if c.isprintable() else "?" for c in str(value))
    text = text if len(text) <= 64 else text[:61] + "…"
    return f'"{text}"' if "'" in text and '"' not in text else f"'{text}'"  # a backslash stays one, unlike in repr


def path_excerpt(path: object) -> str:
    """A PATCH path as an error may echo it: without what its filter looks for, which may be a secret's value."""
    head, bracket, rest = str(path).partition("[")
    head, space, _ = head.partition(" ")
    tail = rest.rpartition("]")[2] if "]" in rest else ""
    shown = f"{head}[…]{tail if tail.startswith('.') else ''}" if bracket and not space else head
    return excerpt(shown + (" …" if space else ""))
