"""Logging in: three kinds of credentials, one token per process, one log-in at a time.

Facts 2: `POST {base}/oauth2/token` (password; SDK client credentials) or the Platform's token endpoint, whose tokens
open the vault that `/vaultbroker/api/vaults` names. Refresh tokens are single-use and few, so they are not used.

PROMISES
* A token is renewed at 80 % of its life in the background; requests go on with the old one while it is good.
* Whatever asks for a token while a log-in runs waits for that log-in.
* The account is never locked by us: after three log-ins in a row with refused credentials no further one is sent for
  five minutes, then one, with doubling pauses. A vault whose fresh tokens it refuses itself counts the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlencode

from pydantic import SecretStr, ValidationError

from scim.errors import ConnectorError, VaultMisbehaved, VaultRefusedUs
from scim.secretserver import answers, wire
from scim.secretserver.connection import base_url
from scim.secretserver.flight import Flight
from scim.secretserver.operations import Operation

_log = logging.getLogger(__name__)

LOG_IN = Operation("POST", "/oauth2/token", "", secret=True)
PLATFORM_LOG_IN = Operation("POST", "/identity/api/oauth2/token/xpmplatform", "", secret=True)
PLATFORM_VAULTS = Operation("GET", "/vaultbroker/api/vaults", "")

TRIES = 3
PAUSE_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 1800.0
RENEW_AT = 0.8
YOUNG_SECONDS = 60.0
"""A token refused at a lower age than this makes the log-in that gave it a failed one."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The account that the connector uses. `username` is a login name, an `sdk-client-…` id or a platform client id."""

    kind: Literal["password", "platform", "sdk"]
    username: str
    secret: SecretStr
    domain: str = ""
    platform_url: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """`base` is the vault that it opens. Times are those of the monotonic clock."""

    value: str
    base: str
    born: float
    renew_at: float
    expires: float

    def __repr__(self) -> str:
        return "Token(…)"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    content_type: str
    retry_after: str
    body: bytes


class Exchange(Protocol):
    """One round trip, without retries; see client.py."""

    async def __call__(
        self, operation: Operation, url: str, headers: list[tuple[str, str]], content: bytes | None
    ) -> Reply: ...


class Authentication:
    """The token of one vault and process."""

    def __init__(
        self,
        base: str,
        credentials: Credentials,
        exchange: Exchange,
        *,
        insecure: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = base
        self._insecure = insecure
        self._credentials = credentials
        self._exchange = exchange
        self._clock = clock
        self._flight: Flight[Token] = Flight(seconds=25)
        self._token: Token | None = None
        self._failures = 0
        self._died_young = False
        self._next_try = 0.0

    async def token(self) -> Token:
        """A token that is good now.

        :raises VaultRefusedUs: Our credentials are wrong. Other errors as of any request.
        """
        token, now = self._token, self._clock()
        if token is None or now >= token.expires:
            return await self._flight.join(self._log_in)
        if now >= token.renew_at and self._may_try():
            self._flight.start(self._log_in)
        return token

    async def replacement(self, refused: Token) -> Token:
        """Another token than the one that the vault just refused; one log-in serves all who were refused."""
        token = self._token
        if token is not None and token is not refused:
            return token
        if token is not None:
            self._token = None
            self._died_young = self._clock() - token.born < YOUNG_SECONDS
            if self._died_young:
                self._count_failure()
        return await self._flight.join(self._log_in)

    @property
    def refused(self) -> bool:
        """Whether the last log-ins failed because of the credentials."""
        return self._failures > 0

    def forget(self) -> Token | None:
        """Give the token back, for logging out."""
        token, self._token = self._token, None
        return token

    def _may_try(self) -> bool:
        return self._failures < TRIES or self._clock() >= self._next_try

    def _count_failure(self) -> None:
        self._failures += 1
        over = self._failures - TRIES
        if over >= 0:
            self._next_try = self._clock() + min(PAUSE_SECONDS * 2 ** min(over, 10), LONGEST_PAUSE_SECONDS)

    async def _log_in(self) -> Token:
        if not self._may_try():
            wait = max(1, round(self._next_try - self._clock()))
            raise VaultRefusedUs(
                "Secret Server refused the connector's own credentials; no further log-in is tried for now, so that "
                "the account is not locked",
                retry_after=wait,
            )
        begun = self._clock()
        answer = await self._ask()
        base = self._base
        if self._credentials.kind == "platform":
            base = await self._find_vault(answer.access_token)
        life = float(max(answer.expires_in, 1))
        token = Token(answer.access_token, base, begun, begun + RENEW_AT * life, begun + max(life - 5.0, life * 0.9))
        if self._token is not None or not self._died_young:  # what it replaces lived long enough
            self._failures, self._died_young = 0, False
        self._token = token
        return token

    async def _ask(self) -> wire.Token:
        account = self._credentials
        form = {"grant_type": "client_credentials", "client_id": account.username}
        operation, url = LOG_IN, self._base + LOG_IN.path
        secret = account.secret.get_secret_value()
        if account.kind == "password":
            form = {"grant_type": "password", "username": account.username, "password": secret}
            if account.domain:
                form["domain"] = account.domain
        else:
            form["client_secret"] = secret
        if account.kind == "platform":
            form["scope"] = "xpmheadless"
            operation, url = PLATFORM_LOG_IN, account.platform_url.rstrip("/") + PLATFORM_LOG_IN.path
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        reply = await self._exchange(operation, url, headers, urlencode(form).encode())
        if reply.status != 200:
            raise self._refusal(operation, reply)
        if "json" not in reply.content_type:
            raise VaultMisbehaved("Secret Server answered the log-in with a page, not with a token")
        try:
            return wire.Token.model_validate_json(reply.body)
        except ValidationError:
            raise VaultMisbehaved("Secret Server answered the log-in with something that is no token") from None

    def _refusal(self, operation: Operation, reply: Reply) -> ConnectorError:
        """400, 401 and 403 in JSON are about the credentials; their text may name the account and is not repeated."""
        said = answers.complaint(reply.content_type, reply.body)
        if reply.status in (400, 401, 403) and said.json:
            self._count_failure()
            _log.warning("log-in refused (HTTP %d), %d in a row", reply.status, self._failures)
            return VaultRefusedUs("Secret Server refused the connector's own credentials")
        return answers.refusal(operation, reply.status, reply.content_type, reply.body, reply.retry_after)

    async def _find_vault(self, token: str) -> str:
        if self._base:
            return self._base
        url = self._credentials.platform_url.rstrip("/") + PLATFORM_VAULTS.path
        reply = await self._exchange(PLATFORM_VAULTS, url, [("Authorization", f"Bearer {token}")], None)
        if reply.status != 200:
            raise answers.refusal(PLATFORM_VAULTS, reply.status, reply.content_type, reply.body, reply.retry_after)
        try:
            vaults = wire.PlatformVaults.model_validate_json(reply.body).vaults
        except ValidationError:
            raise VaultMisbehaved("The Platform's list of vaults cannot be read") from None
        for vault in vaults:
            if vault.is_default and vault.is_active and vault.connection:
                return base_url(vault.connection.url, insecure=self._insecure)
        raise VaultMisbehaved("The Platform names no active default vault")
