"""What an adapter offers beside the Directory's face: what makes the directory whole, and how the vault itself is.

A new vault is a package with this face and one line in `scim/app.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from scim.content import Folder, Grant, Secret
from scim.directory.port import Directory
from scim.model import Group, Kind, Ref, SecretId, User, UserId


class VaultDirectory(Directory, Protocol):
    """What a vault's adapter can do on top of the common face: what the attributes wrapper needs to make it whole.

    An adapter knows nothing of external ids, aliases and tombstones: it raises ValueError when asked for them. It pages
    by window only.
    """

    async def own_account(self) -> UserId:
        """The connector's own account; asked once in the life of a process."""
        ...

    async def leave_groups(self, user: User) -> tuple[Ref, ...]:
        """Take a user out of all its groups; returns those that the vault's own directory keeps it in."""
        ...

    async def disabled_group(self, name: str) -> Group | None:
        """The disabled group of that name, if there is one: its name stays taken."""
        ...

    async def enable_group(self, group: Group) -> Group: ...

    async def secrets_below(self, folder: Folder) -> tuple[SecretId, ...]:
        """The secrets in a folder and in those below it."""
        ...

    async def rights_on(self, thing: Folder | Secret) -> tuple[Grant, ...]:
        """Every right that applies to an object, also those that come from above and those of our own account."""
        ...

    async def end_inheritance(
        self, kind: Kind, on: int, before: Sequence[Grant], *, ended: bool = False
    ) -> tuple[Grant, ...]:
        """End the inheritance of a folder's or secret's rights, and give again what is missing of `before`.

        :param ended: It has ended already, by our own doing: only the latter. Without it, nothing is given where
            somebody else was faster: that is his to do.
        :return: What the vault refuses to give again.
        """
        ...

    async def members_are_so(self, group: Group, add: tuple[UserId, ...], remove: tuple[UserId, ...]) -> bool:
        """Whether it is sure that this change of members would change nothing.

        False where finding out would cost a call more than the change itself.
        """
        ...


class SignedIn(Protocol):
    """The account that the connector is in a vault."""

    @property
    def name(self) -> str: ...

    @property
    def permissions(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Health:
    """`problem` says in words what is wrong, without secrets; None when nothing is.

    `credentials` is False when the vault refuses our own log-in. `version` is None where the vault hides it.
    """

    reachable: bool
    ms: float
    credentials: bool = True
    account: SignedIn | None = None
    version: str | None = None
    problem: str | None = None


class OpenVault(VaultDirectory, Protocol):
    """An adapter as the process holds it."""

    async def warm(self) -> None:
        """Sign in and read what later requests would otherwise wait for."""
        ...

    async def health(self) -> Health:
        """Never raises for a vault that is ill."""
        ...

    @property
    def circuit_open(self) -> bool:
        """Whether calls are refused for a while because too many in a row were not answered."""
        ...

    def tolerate(self, failures: int) -> None:
        """How many calls in a row may go unanswered before the others are refused for a while."""
        ...

    async def aclose(self) -> None: ...
