"""What happens at /oauth/token: one form in, an access token or an error of RFC 6749 §5.2 out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from scim.access.access import Access, is_named
from scim.access.basic import basic, has_basic
from scim.access.known import Known
from scim.access.oauth import ASSERTION, LIFE_SECONDS, AccessToken, GrantRefused
from scim.access.rate import Rate
from scim.access.sources import check_source, client_address
from scim.access.tokens import parse
from scim.errors import Forbidden, Unauthenticated, WrongToken
from scim.model import Connection
from scim.store.assertions import Assertions

MOST_BYTES = 64 * 1024
PER_SECOND, BURST = 5.0, 60  # of one address or one connection; a client needs one token an hour
ANYBODY_PER_SECOND, ANYBODY_BURST = 20.0, 100  # of all callers whose address nobody knows, without a front end
WRONG_SECRET = "client_id or client_secret is wrong"  # noqa: S105  # one text for whatever is wrong
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Granted:
    """An access token, and for whom it was issued: the latter is audited."""

    answer: Mapping[str, Any]
    connection: Connection
    key_id: str
    address: str


class Grants:
    """The token endpoint. Every failure is a GrantRefused, a TooManyRequests or an Unavailable."""

    def __init__(self, access: Access, assertions: Assertions, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._access, self._assertions = access, assertions
        self._rate = Rate(PER_SECOND, BURST, clock=clock)
        self._anybody = Rate(ANYBODY_PER_SECOND, ANYBODY_BURST, clock=clock)

    async def grant(self, headers: Mapping[str, str], body: bytes, address: str = "") -> Granted:
        source = address or client_address(headers)
        if source:
            self._rate.take(f"address {source}")
        else:
            self._anybody.take("anybody")
        form = read_form(headers, body)
        if not form.get("grant_type"):
            raise GrantRefused("invalid_request", "grant_type is missing")
        if form["grant_type"] != "client_credentials":
            raise GrantRefused("unsupported_grant_type", "The only grant here is client_credentials")
        try:
            connection, token = await self._client(headers, form)
            if not connection.enabled:
                raise Unauthenticated("This connection is disabled")
            check_source(connection, source)
        except (Unauthenticated, Forbidden) as problem:
            raise GrantRefused("invalid_client", problem.detail, status=401) from None
        self._rate.take(f"connection {connection.id}")
        answer = {
            "access_token": await self._access.issue(token),
            "token_type": "Bearer",
            "expires_in": LIFE_SECONDS,
        }
        if form.get("scope"):
            answer["scope"] = form["scope"]  # there is nothing to choose from: the connection's scope holds
        return Granted(answer, connection, token.key_id or f"entra:{token.who}", source)

    async def _client(self, headers: Mapping[str, str], form: Mapping[str, str]) -> tuple[Connection, AccessToken]:
        in_header = has_basic(headers)
        shown = in_header + ("client_secret" in form) + ("client_assertion" in form)
        if shown > 1:
            raise GrantRefused("invalid_request", "Prove who you are in one way only")
        if "client_assertion" in form:
            return await self._by_assertion(form)
        if in_header:
            name, secret = (unquote_plus(part) for part in basic(headers))  # RFC 6749 §2.3.1
            if form.get("client_id", name) != name:
                raise GrantRefused("invalid_request", "Header and form name different clients")
        else:
            name, secret = form.get("client_id", ""), form.get("client_secret", "")
        known = await self._by_secret(name, secret)
        return known.connection, AccessToken(known.connection.id, key_id=known.token.key_id)

    async def _by_secret(self, name: str, secret: str) -> Known:
        if not name or not secret:
            raise Unauthenticated("Send client_id and client_secret, in the header or in the form")
        token = parse(secret)
        try:
            if token is None:
                raise WrongToken("It has not the form of one")
            known = await self._access.prove(token)
        except WrongToken:
            raise Unauthenticated(WRONG_SECRET) from None
        if not is_named(known.connection, name) or known.token.kind != "client_secret":
            raise Unauthenticated(WRONG_SECRET)
        return known

    async def _by_assertion(self, form: Mapping[str, str]) -> tuple[Connection, AccessToken]:
        if form.get("client_assertion_type") != ASSERTION:
            raise GrantRefused("invalid_request", f"client_assertion_type must be {ASSERTION}")
        name = form.get("client_id", "")
        connection = await self._access.connections.named(name) if name else None
        if connection is None:
            raise Unauthenticated("There is no such client, or it accepts no assertions")
        claimed = await self._access.prove_assertion(form["client_assertion"], connection)
        if claimed.person:
            raise Unauthenticated("The assertion is about a person, not about an application")
        if not await self._assertions.use(connection.id, claimed.proof, claimed.expires):
            raise Unauthenticated("The assertion was used before")
        return connection, AccessToken(connection.id, tenant=connection.entra_tenant, who=claimed.who)


def read_form(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """:raises GrantRefused: not a form, or a parameter given twice (RFC 6749 §3.2)."""
    kind = headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind != _FORM or len(body) > MOST_BYTES:
        raise GrantRefused("invalid_request", f"Send a form of at most 64 KiB, Content-Type {_FORM}")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise GrantRefused("invalid_request", "The form cannot be read") from None
    form: dict[str, str] = {}
    for name, value in pairs:
        if name in form:
            raise GrantRefused("invalid_request", "A parameter is given twice")
        if value:
            form[name] = value
    return form
