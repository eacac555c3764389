"""OAuth 2 for machines: a client proves who it is at /oauth/token and gets an access token for an hour.

Grants: client_credentials with a secret, in the header or in the form (RFC 6749 §4.4, §2.3.1), or with an assertion of
Entra (RFC 7523 §2.2). An access token is a JWT of our own (RFC 9068 in shape), signed with a key that is derived from
the pepper: verified without a table read of its own, while the secret, the connection or the federation that it came
from is looked up as for any token, so that a revocation holds within a minute.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scim.access.entra import ANY
from scim.errors import ConnectorError, Unauthenticated
from scim.model import Connection, ConnectionId

LIFE_SECONDS = 3600
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ISSUER = "scim-connector"
_TYPE = "at+jwt"


class GrantRefused(ConnectorError):
    """An error as RFC 6749 §5.2 has it."""

    def __init__(self, code: str, detail: str, *, status: int = 400) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What one of our access tokens says: for which connection, by which secret, or by whom in which tenant."""

    connection: ConnectionId
    key_id: str = ""  # of the client secret
    tenant: str = ""
    who: str = ""


@lru_cache(maxsize=4)
def signing_key(pepper: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"scim-connector access token v1").derive(pepper)


def issue(token: AccessToken, pepper: bytes) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {"iss": _ISSUER, "aud": _ISSUER, "sub": token.connection, "iat": now}
    claims |= {"exp": now + LIFE_SECONDS, "jti": secrets.token_hex(16)}
    claims |= {"key": token.key_id} if token.key_id else {"tid": token.tenant, "who": token.who}
    return jwt.encode(claims, signing_key(pepper), algorithm="HS256", headers={"typ": _TYPE})


def is_ours(text: str) -> bool:
    """Whether a JWT claims to be one of ours, which `read` then finds out."""
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return False
    return header.get("alg") == "HS256" and header.get("typ") == _TYPE


def read(text: str, *peppers: bytes) -> AccessToken:
    """Signed under any of the peppers. :raises Unauthenticated: not issued by us, or too old."""
    for older in peppers[:-1]:
        try:
            return _read(text, older)
        except _WrongKey:
            continue
    return _read(text, peppers[-1])


class _WrongKey(Unauthenticated): ...


def _read(text: str, pepper: bytes) -> AccessToken:
    try:
        claims = jwt.decode(
            text,
            signing_key(pepper),
            algorithms=["HS256"],
            audience=_ISSUER,
            issuer=_ISSUER,
            options={"require": ["exp", "iat", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("The access token has expired") from None
    except jwt.InvalidSignatureError:
        raise _WrongKey("The token is not valid") from None
    except jwt.PyJWTError:
        raise Unauthenticated("The token is not valid") from None
    return AccessToken(
        ConnectionId(str(claims["sub"])),
        str(claims.get("key") or ""),
        str(claims.get("tid") or ""),
        str(claims.get("who") or ""),
    )


def still_named(connection: Connection, who: str) -> bool:
    """Whether a connection lets somebody in today whom it let in when his access token was issued."""
    named = {subject.casefold() for subject in connection.entra_subjects}
    return ANY in named or who.casefold() in named
