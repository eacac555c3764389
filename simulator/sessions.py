"""The log-ins that are alive: access tokens and refresh tokens, both opaque."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.vault import User, Vault


class Sessions:
    """Who is logged in to one vault, and until when."""

    def __init__(self) -> None:
        self.access: dict[str, tuple[int, float]] = {}
        self.refresh: dict[str, tuple[int, float, int]] = {}

    def open(self, vault: Vault, user: User, seconds: int, *, left: int | None) -> dict[str, Any]:
        """The token answer; `left` is how many refreshes this log-in still has."""
        switches = vault.switches
        token = f"sim-{user.id}-{secrets.token_urlsafe(48)}"
        alive = [t for t, (u, _) in self.access.items() if u == user.id]
        if switches.max_tokens and len(alive) >= switches.max_tokens:
            self.access.pop(alive[0])
        self.access[token] = (user.id, time.monotonic() + seconds)
        found: dict[str, Any] = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": str(seconds) if switches.expires_in == "string" else seconds,
        }
        if switches.refresh_tokens and left:
            again = secrets.token_urlsafe(48)
            self.refresh[again] = (user.id, time.monotonic() + seconds + 900, left - 1)
            found["refresh_token"] = again
        return found

    def user_id(self, token: str) -> int | None:
        entry = self.access.get(token)
        if entry is None:
            return None
        if time.monotonic() >= entry[1]:
            self.access.pop(token, None)
            return None
        return entry[0]

    def close(self, user_id: int | None = None) -> None:
        """End the sessions of one user, or all."""
        self.access = {t: e for t, e in self.access.items() if user_id is not None and e[0] != user_id}
        self.refresh = {t: e for t, e in self.refresh.items() if user_id is not None and e[0] != user_id}
