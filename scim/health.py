"""What the connector's account may do in a vault, and which features are thereby on or off.

The list follows the vendor's requirements page for its own connector (topologies): we name which feature needs which
permission, work with the least, and read no secret value.
"""

from __future__ import annotations

from typing import Any

from scim.directory.port_vault import Health
from scim.model import Vault

FEATURES: dict[str, tuple[str, ...]] = {
    "read users": ("View Users",),
    "create, change and disable users": ("Administer Users",),
    "read and change groups": ("Administer Groups",),
    "read roles": ("View Roles",),
    "grant and take roles": ("Administer Role Assignment",),
    "folders": ("Administer Folders",),
    "create folders at the root": ("Create Root Folders",),
    "list secrets": ("View Secret",),
    "create secrets": ("Add Secret",),
    "move, rename and deactivate secrets": ("Edit Secret", "Deactivate Secret"),
    "secret permissions": ("Own Secret",),
    "bulk reading through reports": ("Administer Reports",),
}
"""Feature → the permissions it needs, all of them. Unlimited Administrator stands for every one."""


def vault_report(vault: Vault, health: Health) -> dict[str, Any]:
    """`status` is "healthy" when the vault answers and the account can sign in."""
    account = health.account
    held = {_plain(p) for p in account.permissions} if account else set()
    everything = _plain("Unlimited Administrator") in held
    features = {
        feature: "on" if everything or all(_plain(n) in held for n in needed) else f"off: needs {', '.join(needed)}"
        for feature, needed in FEATURES.items()
    }
    healthy = health.reachable and health.credentials and account is not None
    report: dict[str, Any] = {
        "status": "healthy" if healthy else "unhealthy",
        "name": vault.name,
        "reachable": health.reachable,
        "credentials": health.credentials,
        "version": health.version,
        "ms": round(health.ms, 1),
    }
    if account is not None:
        report |= {"account": account.name, "permissions": sorted(account.permissions), "features": features}
    if health.problem:
        report["problem"] = health.problem
    return report


def _plain(permission: str) -> str:
    return "".join(permission.split()).casefold()
