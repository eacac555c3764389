# ruff: noqa: INP001 - scripts, run by path
"""Puts the pepper and the data key into Key Vault, once in the life of an environment, and what else the app reads there.

They go through Resource Manager and not through the vault's own address: that address answers only inside the network,
and the machine that deploys stands outside. Why they are not made inside the template: docs/decisions/infra-keys.md.
"""

from __future__ import annotations

import secrets

from arm import Arm, ArmError

NAMES = ("scim-pepper", "scim-data-key")
VERSION = "2024-11-01"


def seed(arm: Arm, vault_id: str) -> list[str]:
    """Write each key that is missing and return the names written. A key that is there is never touched.

    A new pepper would refuse every token in use, a new data key would lose every stored credential. So a failed look is
    an error and not an absence, and a key that was deleted but can be recovered stops the deployment.
    """
    written = []
    for name in NAMES:
        secret_id = f"{vault_id}/secrets/{name}"
        if arm.get(secret_id, VERSION) is not None:
            continue
        # 32 bytes from the operating system's generator, as base64url: what the connector expects to read.
        value = secrets.token_urlsafe(32)
        try:
            arm.put(secret_id, VERSION, {"properties": {"value": value, "contentType": "base64url, 32 random bytes"}})
        except ArmError as error:
            advice = f"If {name} was deleted, recover it: a new one would not open what the old one closed"
            raise ArmError(f"{error}. {advice}") from None
        written.append(name)
    return written


def make_token(arm: Arm, vault_id: str, name: str) -> bool:
    """Write a random bearer token where there is none; whether it was written. Who scrapes reads it in the vault."""
    secret_id = f"{vault_id}/secrets/{name}"
    if arm.get(secret_id, VERSION) is not None:
        return False
    arm.put(secret_id, VERSION, {"properties": {"value": secrets.token_urlsafe(32), "contentType": "bearer token"}})
    return True


def give(arm: Arm, vault_id: str, name: str, value: str) -> None:
    """Write what the person who deploys said."""
    arm.put(f"{vault_id}/secrets/{name}", VERSION, {"properties": {"value": value, "contentType": "given at deployment"}})
