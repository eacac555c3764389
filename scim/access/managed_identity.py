"""The connector's own identity in Azure: tokens for Table Storage and Key Vault, without any secret in the settings.

`ManagedIdentity` is an async token credential as azure-core understands it, over msal's managed identity client. msal
is synchronous, so it runs in a thread: a slow identity endpoint must not stop every other request of this process.
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Self

from azure.core.credentials import AccessToken

from scim.errors import NotSetUp, Unavailable

_RENEW_AT = 0.8  # of a token's life
_ENOUGH = 60.0  # seconds a token must still live to be used while its renewal fails
_WAITS = {"https://storage.azure.com": 2.5}  # seconds: less than a table call may take, else tables would be blamed
_WAIT = 7.0  # for any other resource
_PATIENCE = (1.0, 5.0)  # seconds to connect, to read: without an identity there is nobody to connect to


class ManagedIdentity:
    """Tokens of a managed identity, cached per resource, renewed at 80 % of their life by one caller at a time."""

    def __init__(self, client_id: str | None = None, *, client: Any = None) -> None:
        """:param client_id: Of a user-assigned identity; None for the system-assigned one.

        :param client: Anything with msal's `acquire_token_for_client(resource=)`; for tests.
        """
        self._client_id = client_id
        self._client = client
        self._tokens: dict[str, tuple[AccessToken, float]] = {}  # resource → token, when to renew
        self._asking: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[AccessToken]] = {}

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for one scope, e.g. "https://storage.azure.com/.default".

        :raises Unavailable: When the platform gives none; the detail says what to look at.
        """
        resource = scopes[0].removesuffix("/.default")
        cached = self._tokens.get(resource)
        if cached is not None and time.time() < cached[1]:
            return cached[0]
        wait = _WAITS.get(resource, _WAIT)
        try:
            async with asyncio.timeout(wait):
                return await asyncio.shield(self._ask(resource))
        except TimeoutError:
            refused: Unavailable = NotSetUp(
                f"The managed identity endpoint has not answered for {wait} s: is a managed identity assigned to the "
                "function app, and does the platform's endpoint for it (IDENTITY_ENDPOINT) answer?"
            )
        except Unavailable as error:
            refused = error
        if cached is not None and cached[0].expires_on - time.time() > _ENOUGH:
            return cached[0]
        raise refused

    def _ask(self, resource: str) -> asyncio.Task[AccessToken]:
        """One question at a time for a resource. It goes on when nobody waits any more, for the next one to find."""
        loop = asyncio.get_running_loop()
        asking = self._asking.get((loop, resource))
        if asking is None or asking.done():
            asking = self._asking[loop, resource] = loop.create_task(self._renew(resource))
            asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return asking

    async def _renew(self, resource: str) -> AccessToken:
        token = await asyncio.to_thread(self._acquire, resource)
        now = time.time()
        self._tokens[resource] = (token, now + (token.expires_on - now) * _RENEW_AT)
        return token

    def token_now(self, resource: str) -> str:
        """For a library that is synchronous and calls from its own thread. :raises Unavailable:"""
        return self._acquire(resource).token

    async def close(self) -> None:
        self._tokens.clear()
        self._asking.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.close()

    def _acquire(self, resource: str) -> AccessToken:
        try:
            answer = self._connected().acquire_token_for_client(resource=resource)
        except Exception as error:  # noqa: BLE001  # msal lets whatever its HTTP library raises through
            raise NotSetUp(
                f"The managed identity endpoint cannot be used ({type(error).__name__}): "
                "is a managed identity assigned to the function app?"
            ) from None
        if not isinstance(answer, dict) or "access_token" not in answer:
            reason = answer.get("error", "no reason given") if isinstance(answer, dict) else "no reason given"
            raise NotSetUp(
                f"The managed identity gave no token for {resource} ({reason}): "
                "is the identity assigned to the function app, and SCIM_IDENTITY_CLIENT_ID its client id?"
            )
        return AccessToken(str(answer["access_token"]), int(time.time() + int(answer.get("expires_in", 0))))

    def _connected(self) -> Any:
        if self._client is None:
            # imported here: the emulator and the tests never need msal, and it costs a quarter of a second to import
            import msal  # type: ignore[import-untyped]
            import requests

            identity = (
                msal.UserAssignedManagedIdentity(client_id=self._client_id)
                if self._client_id
                else msal.SystemAssignedManagedIdentity()
            )
            self._client = msal.ManagedIdentityClient(identity, http_client=_Brisk(requests.Session()))
        return self._client


class _Brisk:
    """The HTTP client that msal is given: with time-outs, and past any proxy, which must not see tokens."""

    def __init__(self, session: Any) -> None:
        session.trust_env = False
        self._session = session

    def get(self, url: str, **options: Any) -> Any:
        return self._session.get(url, timeout=_PATIENCE, **options)

    def post(self, url: str, **options: Any) -> Any:
        return self._session.post(url, timeout=_PATIENCE, **options)

    def close(self) -> None:
        self._session.close()
