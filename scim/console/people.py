"""Who uses the console, with which role, and how a browser remembers it: one sealed cookie, nothing on the server."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

import orjson
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scim.errors import VaultRefusedUs
from scim.store.seal import Seal

IDLE_SECONDS = 30 * 60
LONGEST_SECONDS = 8 * 3600  # then one signs in again: that is when a changed role takes effect at the latest
RENEW_SECONDS = 60  # a cookie is written again when it was last seen longer ago


class Role(IntEnum):
    """Each may do what those before it may."""

    PUBLIC = 0
    AUDITOR = 1  # sees everything but secrets, changes nothing
    OPERATOR = 2  # tests vaults, plans, releases the breaker
    ADMIN = 3

    @property
    def title(self) -> str:
        return {0: "Visitor", 1: "Auditor", 2: "Operator", 3: "Administrator"}[int(self)]


def role_named(text: str) -> Role | None:
    """:param text: As an app role, a setting or a command line says it."""
    names = {"auditor": Role.AUDITOR, "operator": Role.OPERATOR, "admin": Role.ADMIN, "administrator": Role.ADMIN}
    return names.get(text.strip().casefold())


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in. `way`: entra, code, vault, development or key (a script)."""

    name: str
    role: Role
    way: str
    began: int = 0  # epoch seconds
    seen: int = 0


class Cookies:
    """Seals and opens what the browser carries. Its keys are derived: no cookie ever opens a vault's password."""

    def __init__(self, data_keys: Sequence[bytes]) -> None:
        self._seal = Seal([_derived(key) for key in data_keys])

    def close(self, purpose: str, value: dict[str, Any]) -> str:
        sealed = self._seal.close(orjson.dumps(value), f"console|{purpose}")
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, purpose: str, text: str) -> dict[str, Any] | None:
        """None for anything that was not sealed by us, for this purpose."""
        try:
            blob = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return dict(orjson.loads(self._seal.open(blob, f"console|{purpose}")))
        except (binascii.Error, ValueError, VaultRefusedUs):
            return None

    def remember(self, person: Person) -> str:
        return self.close("session", {**asdict(person), "role": int(person.role)})

    def recall(self, text: str) -> Person | None:
        """The person in a session cookie, unless it was idle or lived too long."""
        value = self.open("session", text)
        if value is None:
            return None
        try:
            person = Person(**{**value, "role": Role(int(value["role"]))})
        except (TypeError, ValueError, KeyError):
            return None
        now = time.time()
        alive = now - person.seen < IDLE_SECONDS and now - person.began < LONGEST_SECONDS
        return person if alive and person.role > Role.PUBLIC else None


def _derived(key: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"scim-connector console cookie v1").derive(key)
