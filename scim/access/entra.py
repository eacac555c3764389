"""Tokens that Microsoft Entra ID issued: sent with each request (where an application's token field was left blank), or
shown once at /oauth/token as the proof of who asks (RFC 7523, workload identity federation).

Anybody in a tenant can get a token for Entra's provisioning application, so issuer and audience prove little: the
connection names whom it lets in, by object or application id. A token that nobody is named for is refused, and the log
says which id to enter.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from scim.access.jwks import KeySets
from scim.errors import Unauthenticated
from scim.model import Connection

PROVISIONING = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"
"""Entra's application for provisioning: the audience of its tokens for applications outside of the gallery."""
ANY = "any"
SKEW_SECONDS = 300
ALGORITHMS = ("RS256",)
_WHO = ("oid", "sub", "appid", "azp")
_MOST_CHARACTERS = 8 * 1024

log = logging.getLogger("scim.access")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a token of Entra proved. `who`: the id by which its bearer is let in; `person`: his userName, for /Me."""

    who: str
    person: str
    proof: str  # the same for every use of one token
    expires: datetime


class Entra:
    """Verifies tokens of the tenants that connections name."""

    def __init__(self, keys: KeySets, *, authority: str, sts: str) -> None:
        self._keys = keys
        self._authority, self._sts = authority.rstrip("/"), sts.rstrip("/")

    async def find(self, text: str, connections: Iterable[Connection]) -> tuple[Connection, Claimed]:
        """The one connection that lets the bearer of a token in.

        :raises Unauthenticated: none does, or several do. :raises Unavailable: Entra's keys cannot be read.
        """
        said = _unproven(text)
        tenant, audience = said.get("tid"), said.get("aud")
        of_tenant = [c for c in connections if c.entra_tenant and _same(c.entra_tenant, tenant)]
        possible = [c for c in of_tenant if isinstance(audience, str) and audience in audiences(c)]
        if not possible:
            raise Unauthenticated("No connection accepts tokens of this issuer for this audience")
        claims = await self._verified(text, possible[0], [a for c in possible for a in audiences(c)])
        fitting = [c for c in possible if claims["aud"] in audiences(c) and admits(c, claims)]
        if len(fitting) == 1:
            return fitting[0], _claimed(text, claims, fitting[0])
        _explain(claims, len(fitting))
        raise Unauthenticated("No connection lets the bearer of this token in")

    async def check(self, text: str, connection: Connection) -> Claimed:
        """What a token says about a client that names its connection. :raises Unauthenticated: :raises Unavailable:"""
        if not connection.entra_tenant:
            raise Unauthenticated("This connection accepts no tokens of Entra")
        claims = await self._verified(text, connection, list(audiences(connection)))
        if not admits(connection, claims):
            _explain(claims, 0)
            raise Unauthenticated("This connection does not let the bearer of this token in")
        return _claimed(text, claims, connection)

    async def _verified(self, text: str, connection: Connection, accepted: list[str]) -> dict[str, Any]:
        """The claims of a token after everything about it was found right."""
        tenant = connection.entra_tenant.lower()
        key = await self._keys.key(tenant, _key_id(text))
        if key is None:
            raise Unauthenticated("The token is signed with an unknown key")
        issuers = [f"{self._authority}/{tenant}/v2.0", f"{self._sts}/{tenant}/"]
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key,
                algorithms=list(ALGORITHMS),
                audience=accepted,
                issuer=issuers,
                leeway=SKEW_SECONDS,
                options={"require": ["exp", "iat", "iss", "aud", "sub"], "strict_aud": False},
            )
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"The token is not valid ({type(error).__name__.removesuffix('Error')})") from None
        if not isinstance(claims["aud"], str) or not _same(tenant, claims.get("tid")):
            raise Unauthenticated("The token is not valid (tenant or audience)")
        return claims


def is_signed_token(text: str) -> bool:
    """Whether a text has the shape of a JSON Web Token (RFC 7519 §3)."""
    return len(text) <= _MOST_CHARACTERS and text.count(".") == 2 and text.startswith("eyJ")


def audiences(connection: Connection) -> frozenset[str]:
    """Every spelling of a connection's audience: Entra writes `api://{id}` (v1) or the bare id (v2)."""
    wanted = (connection.entra_audience or PROVISIONING).removesuffix("/.default")
    bare = wanted.removeprefix("api://").removeprefix("spn:")
    return frozenset({wanted, bare, f"api://{bare}"}) - {""}


def admits(connection: Connection, claims: Mapping[str, Any]) -> bool:
    """Whether a connection names the bearer. A person's token needs `me_claim` as well: people do not provision."""
    if _is_person(claims) and not connection.me_claim:
        return False
    return ANY in connection.entra_subjects or _named(connection, claims) != ""


def _named(connection: Connection, claims: Mapping[str, Any]) -> str:
    wanted = {subject.casefold() for subject in connection.entra_subjects}
    ids = [str(claims[name]) for name in _WHO if isinstance(claims.get(name), str)]
    return next((one for one in ids if one.casefold() in wanted), "")


def _is_person(claims: Mapping[str, Any]) -> bool:
    """Delegated tokens carry scopes; those of applications do not (Entra's access token claims)."""
    return "scp" in claims or claims.get("idtyp") == "user"


def _claimed(text: str, claims: Mapping[str, Any], connection: Connection) -> Claimed:
    person = claims.get(connection.me_claim) if _is_person(claims) else ""
    if not isinstance(person, str) or (_is_person(claims) and not person.strip()):
        raise Unauthenticated("The token does not say which person it is for")
    unique = claims.get("jti") or claims.get("uti") or text.rpartition(".")[0]
    proof = hashlib.sha256(f"{claims['iss']}|{unique}".encode()).hexdigest()
    who = _named(connection, claims) or str(claims["sub"])
    return Claimed(who, person, proof, datetime.fromtimestamp(int(claims["exp"]) + SKEW_SECONDS, UTC))


def _unproven(text: str) -> dict[str, Any]:
    """What a token says of itself: only to find out whose keys could prove it."""
    try:
        claims = jwt.decode(text, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unauthenticated("The token cannot be read") from None
    return dict(claims)


def _key_id(text: str) -> str:
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unauthenticated("The token cannot be read") from None
    key_id = header.get("kid")
    if header.get("alg") not in ALGORITHMS or not isinstance(key_id, str) or not 0 < len(key_id) <= 128:
        raise Unauthenticated("The token must be signed with RS256 and name its key")
    return key_id


def _same(tenant: str, said: Any) -> bool:
    return isinstance(said, str) and tenant.casefold() == said.casefold()


def _explain(claims: Mapping[str, Any], fitting: int) -> None:
    """A proven token of a tenant of ours that nobody was named for: ids are no secrets, and this one is needed."""
    ids = {name: str(claims[name])[:64] for name in _WHO if isinstance(claims.get(name), str)}
    log.warning("entra.bearer_not_named connections=%d ids=%s", fitting, ids)
