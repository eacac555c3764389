"""The Authorization header: what may be in it, and what is tolerated because identity platforms send it."""

from __future__ import annotations

from collections.abc import Mapping

from scim.errors import Unauthenticated

_MOST = 8 * 1024


def bearer(headers: Mapping[str, str]) -> str:
    """The token's text. :raises Unauthenticated: without a header, with another scheme, or with nothing after it.

    RFC 6750 §2.1, where schemes ignore case (RFC 9110 §11.1). "Bearer Bearer x" is what comes when somebody pastes the
    word into a field that adds it.
    """
    value = authorization(headers)
    if value is None:
        raise Unauthenticated("Send the connection's token: Authorization: Bearer <token>")
    words = value[:_MOST].split() if len(value) <= _MOST else []
    schemes = 0
    while schemes < len(words) and words[schemes].casefold() == "bearer":
        schemes += 1
    if schemes and len(words) == schemes + 1:
        return words[schemes]
    raise Unauthenticated("The Authorization header must read: Bearer <token>")


def authorization(headers: Mapping[str, str]) -> str | None:
    found = headers.get("authorization") or headers.get("Authorization")
    if found is not None:
        return found
    return next((value for name, value in headers.items() if name.lower() == "authorization"), None)
