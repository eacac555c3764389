"""Signing people in with Microsoft Entra ID: authorization code with PKCE, over msal. App roles say who may do what.

The answer comes as a form (response_mode=form_post): the Functions host would take a `code` in the query for a key.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scim.access.managed_identity import ManagedIdentity
from scim.errors import Forbidden, Unauthenticated, Unavailable
from scim.settings import Settings

_FEDERATION = "api://AzureADTokenExchange"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What Entra says of a person: verified claims only."""

    name: str
    roles: tuple[str, ...]


class EntraSignIn:
    """msal is synchronous and slow to import: it runs in a thread, and only where Entra is configured."""

    def __init__(self, settings: Settings, assertion: Callable[[], str] | None = None, *, client: Any = None) -> None:
        """:param assertion: A token of the managed identity, for a registration without a secret.

        :param client: Anything with msal's two methods; for tests.
        """
        self._settings, self._assertion, self._client = settings, assertion, client
        self.redirect = f"{settings.public_url.rstrip('/')}/console/callback"

    @property
    def configured(self) -> bool:
        return bool(self._settings.console_tenant_id and self._settings.console_client_id)

    async def begin(self) -> dict[str, Any]:
        """Where to send the browser (`auth_uri`), and what must be remembered until it comes back."""

        def ask() -> dict[str, Any]:
            return dict(
                self._connected().initiate_auth_code_flow(
                    [], redirect_uri=self.redirect, response_mode="form_post", prompt="select_account"
                )
            )

        return await self._in_thread(ask)

    async def finish(self, flow: dict[str, Any], answer: Mapping[str, str]) -> SignedIn:
        """:raises Unauthenticated: the answer does not belong to the flow. :raises Forbidden: no role is assigned."""

        def ask() -> dict[str, Any]:
            try:
                return dict(self._connected().acquire_token_by_auth_code_flow(flow, dict(answer)))
            except ValueError as error:  # msal's word for a state that is not ours
                raise Unauthenticated("This sign-in was not begun here; please begin again") from error

        found = await self._in_thread(ask)
        claims = found.get("id_token_claims")
        if "error" in found or not isinstance(claims, dict):
            reason = str(found.get("error", "no identity in the answer"))[:60]
            raise Unauthenticated(f"Entra did not sign you in ({reason}); please begin again")
        if str(claims.get("tid", "")).casefold() != str(self._settings.console_tenant_id).casefold():
            raise Forbidden("This account belongs to another tenant")
        name = str(claims.get("preferred_username") or claims.get("name") or claims.get("oid") or "unknown")[:120]
        return SignedIn(name, tuple(str(role) for role in claims.get("roles", ())))

    @classmethod
    def from_settings(cls, settings: Settings) -> EntraSignIn:
        """With the secret where there is one, else with the managed identity's word (a federated credential)."""
        if settings.console_client_secret is not None or "IDENTITY_ENDPOINT" not in os.environ:
            return cls(settings)
        identity = ManagedIdentity(settings.identity_client_id)
        return cls(settings, lambda: identity.token_now(_FEDERATION))

    async def _in_thread(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(work)
        except (Unauthenticated, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001  # msal lets whatever its HTTP library raises through
            raise Unavailable(f"Entra cannot be reached ({type(error).__name__})") from None

    def _connected(self) -> Any:
        if self._client is None:
            import msal  # type: ignore[import-untyped]

            settings = self._settings
            authority = f"{settings.entra_authority.rstrip('/')}/{settings.console_tenant_id}"
            if settings.console_client_secret is not None:
                credential: Any = settings.console_client_secret.get_secret_value()
            elif self._assertion is not None:
                credential = {"client_assertion": self._assertion}
            else:
                credential = None
            kind = msal.ConfidentialClientApplication if credential else msal.PublicClientApplication
            arguments = {"client_credential": credential} if credential else {}
            self._client = kind(settings.console_client_id, authority=authority, timeout=10, **arguments)
        return self._client
