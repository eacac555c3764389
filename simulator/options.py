"""How one simulated vault is started: sizes, account, timing and switches."""

from dataclasses import dataclass, field

from simulator.switches import Switches

__all__ = ["Options", "Switches"]


@dataclass
class Options:
    """Everything `python -m simulator` accepts, with the same defaults."""

    users: int = 25
    groups: int = 5
    folders: int = 10
    secrets: int = 20
    folder_permissions: int = 0
    """Extra folder grants beyond the account's own, spread over the folders."""
    secret_permissions: int = 0
    seed: int = 1
    bare: bool = False
    """Nothing but the calling account, the stock roles and the domains."""

    account: str = "svc-scim"
    password: str = "simulator-only"
    permissions: tuple[str, ...] | None = None
    """When given, exactly these role permissions are what the account holds, whatever its roles say."""
    hidden_folders: int = 0
    """So many of the seeded root folders give the account no right at all."""

    base: str = ""
    latency_ms: float = 0.0
    token_seconds: int = 1200
    switches: Switches = field(default_factory=Switches)
