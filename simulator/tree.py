"""The state of folders and secrets: a tree, the grants on it, and who may therefore do what.

A grant belongs to a group (for a person: the personal group).  An inheriting folder or secret has no grants of its own;
its rows are those of the nearest ancestor that does not inherit, shown under row ids of their own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.levels import FOLDER_RANKS, SECRET_RANKS
from simulator.templates import Template, stock

if TYPE_CHECKING:
    from simulator.vault import User, Vault

ROOT = -1
PERSONAL_FOLDER_TYPE = 2


@dataclass(slots=True)
class Folder:
    id: int
    name: str
    parent_id: int = ROOT
    type_id: int = 1
    inherits: bool = False
    inherits_policy: bool = False
    policy_id: int = -1
    owner_id: int = 0
    """The user whose personal folder it is."""
    templates: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Grant:
    """A row of rights.  `on` is the folder or secret; `folder_role` is empty for a secret's row."""

    id: int
    on: int
    group_id: int
    folder_role: str
    secret_role: str


@dataclass(slots=True)
class Secret:
    id: int
    name: str
    template_id: int
    folder_id: int = ROOT
    site_id: int = 1
    active: bool = True
    inherits: bool = True
    created: float = 0.0
    last_accessed: float = 0.0
    values: dict[int, str] = field(default_factory=dict)
    """Field id → value."""
    check_out: bool = False
    check_out_minutes: int = 30
    checked_out_by: int = 0
    requires_comment: bool = False
    more: dict[str, Any] | None = None


class Grants:
    """Rows of one kind with the indexes by object and by group."""

    def __init__(self) -> None:
        self.rows: dict[int, Grant] = {}
        self.of: dict[int, dict[int, Grant]] = {}
        self.by_group: dict[int, dict[int, Grant]] = {}

    def put(self, grant: Grant) -> Grant:
        self.rows[grant.id] = grant
        self.of.setdefault(grant.on, {})[grant.id] = grant
        self.by_group.setdefault(grant.group_id, {})[grant.id] = grant
        return grant

    def drop(self, grant: Grant) -> None:
        self.rows.pop(grant.id, None)
        self.of.get(grant.on, {}).pop(grant.id, None)
        self.by_group.get(grant.group_id, {}).pop(grant.id, None)

    def clear(self, on: int) -> None:
        for grant in list(self.of.get(on, {}).values()):
            self.drop(grant)

    def held(self, on: int, group_id: int) -> Grant | None:
        return next((g for g in self.of.get(on, {}).values() if g.group_id == group_id), None)


class Tree:
    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.folders: dict[int, Folder] = {}
        self.children: dict[int, dict[int, None]] = {ROOT: {}}
        self.folder_grants = Grants()
        self.secrets: dict[int, Secret] = {}
        self.secrets_in: dict[int, dict[int, None]] = {}
        self.secret_grants = Grants()
        self.views: list[dict[str, Any]] = []
        self.templates: dict[int, Template] = stock()
        self.personal: dict[int, int] = {}
        self._shadows: dict[tuple[str, int, int], int] = {}
        self._shadow_of: dict[int, tuple[str, int, int]] = {}
        self.next_ids = {"folder": 1, "grant": 1, "secret": 1}

    def new_id(self, kind: str) -> int:
        number = self.next_ids[kind]
        self.next_ids[kind] = number + 1
        return number

    # -- folders
    def add_folder(self, folder: Folder) -> Folder:
        self.folders[folder.id] = folder
        self.children.setdefault(folder.parent_id, {})[folder.id] = None
        return folder

    def move_folder(self, folder: Folder, parent_id: int) -> None:
        self.children.get(folder.parent_id, {}).pop(folder.id, None)
        folder.parent_id = parent_id
        self.children.setdefault(parent_id, {})[folder.id] = None

    def drop_folder(self, folder: Folder) -> None:
        """The folder with all below it.  Its secrets are deactivated and end up outside any folder."""
        for child in list(self.children.get(folder.id, ())):
            self.drop_folder(self.folders[child])
        for secret_id in list(self.secrets_in.get(folder.id, ())):
            secret = self.secrets[secret_id]
            secret.active = False
            self.move_secret(secret, ROOT)
        self.folder_grants.clear(folder.id)
        self.children.get(folder.parent_id, {}).pop(folder.id, None)
        self.children.pop(folder.id, None)
        self.folders.pop(folder.id)

    def path(self, folder: Folder) -> str:
        """Backslashes, one of them in front."""
        names = [folder.name]
        while folder.parent_id in self.folders:
            folder = self.folders[folder.parent_id]
            names.append(folder.name)
        return "\\" + "\\".join(reversed(names))

    def below(self, folder_id: int) -> Iterator[Folder]:
        """All descendants, nearest first on each branch."""
        waiting = list(self.children.get(folder_id, ()))
        while waiting:
            number = waiting.pop()
            yield self.folders[number]
            waiting += self.children.get(number, ())

    def source(self, folder: Folder) -> Folder:
        """The folder whose own rows count here."""
        while folder.inherits and folder.parent_id in self.folders:
            folder = self.folders[folder.parent_id]
        return folder

    def add_personal_folder(self, user: User) -> Folder | None:
        """A person with the permission Personal Folders has one; its owner's right cannot be taken away."""
        parent = self.vault.configuration.get("personal-folders-id")
        if user.application or parent not in self.folders or "Personal Folders" not in self.vault.permissions_of(user):
            return None
        folder = self.add_folder(
            Folder(self.new_id("folder"), user.user_name, parent, type_id=PERSONAL_FOLDER_TYPE, owner_id=user.id)
        )
        self.personal[user.id] = folder.id
        self.grant_folder(folder, user.personal_group_id, "Owner", "Owner")
        return folder

    def rename_personal_folder(self, user: User) -> None:
        folder = self.folders.get(self.personal.get(user.id, 0))
        if folder:
            folder.name = user.user_name

    # -- rows
    def grant_folder(self, folder: Folder, group_id: int, folder_role: str, secret_role: str) -> Grant:
        return self.folder_grants.put(Grant(self.new_id("grant"), folder.id, group_id, folder_role, secret_role))

    def grant_secret(self, secret: Secret, group_id: int, role: str) -> Grant:
        return self.secret_grants.put(Grant(self.new_id("grant"), secret.id, group_id, "", role))

    def folder_rows(self, folder: Folder) -> list[Grant]:
        """What applies to a folder; rows that come from above carry this folder's id and a row id of their own."""
        source = self.source(folder)
        rows = self.folder_grants.of.get(source.id, {}).values()
        if source is folder:
            return list(rows)
        return [self._shadow("folder", folder.id, row) for row in rows]

    def secret_rows(self, secret: Secret) -> list[Grant]:
        folder = self.folders.get(secret.folder_id)
        if not secret.inherits or folder is None:
            return list(self.secret_grants.of.get(secret.id, {}).values())
        rows = self.folder_grants.of.get(self.source(folder).id, {}).values()
        return [self._shadow("secret", secret.id, row) for row in rows if row.secret_role != "None"]

    def _shadow(self, kind: str, on: int, row: Grant) -> Grant:
        key = (kind, on, row.id)
        number = self._shadows.get(key)
        if number is None:
            number = self._shadows[key] = self.new_id("grant")
            self._shadow_of[number] = key
        return Grant(number, on, row.group_id, row.folder_role if kind == "folder" else "", row.secret_role)

    def folder_row(self, number: int) -> tuple[Folder, Grant] | None:
        """A row by its id, inherited ones included, with the folder it is shown on."""
        own = self.folder_grants.rows.get(number)
        if own:
            return self.folders[own.on], own
        kind, on, _ = self._shadow_of.get(number, ("", 0, 0))
        folder = self.folders.get(on) if kind == "folder" else None
        if folder and folder.inherits:
            return next(((folder, row) for row in self.folder_rows(folder) if row.id == number), None)
        return None

    def secret_row(self, number: int) -> tuple[Secret, Grant] | None:
        own = self.secret_grants.rows.get(number)
        if own:
            return self.secrets[own.on], own
        kind, on, _ = self._shadow_of.get(number, ("", 0, 0))
        secret = self.secrets.get(on) if kind == "secret" else None
        if secret and secret.inherits:
            return next(((secret, row) for row in self.secret_rows(secret) if row.id == number), None)
        return None

    def detach_folder(self, folder: Folder, by: User | None = None) -> None:
        """End the inheritance: the folder keeps a copy of what applied to it. Whether it does is a switch."""
        if folder.inherits:
            copied = by is None or self.vault.switches.rows_after_break == "copied"
            for row in self.folder_rows(folder) if copied else ():
                self.folder_grants.put(row)
            folder.inherits = False
            if by is not None and not copied:
                self.grant_folder(folder, by.personal_group_id, "Owner", "Owner")

    def attach_folder(self, folder: Folder) -> None:
        self.folder_grants.clear(folder.id)
        folder.inherits = True

    def detach_secret(self, secret: Secret, by: User | None = None) -> None:
        if secret.inherits:
            copied = by is None or self.vault.switches.rows_after_break == "copied"
            for row in self.secret_rows(secret) if copied else ():
                self.secret_grants.put(row)
            secret.inherits = False
            if by is not None and not copied:
                self.grant_secret(secret, by.personal_group_id, "Owner")

    # -- secrets
    def add_secret(self, secret: Secret) -> Secret:
        self.secrets[secret.id] = secret
        self.secrets_in.setdefault(secret.folder_id, {})[secret.id] = None
        return secret

    def move_secret(self, secret: Secret, folder_id: int) -> None:
        self.secrets_in.get(secret.folder_id, {}).pop(secret.id, None)
        secret.folder_id = folder_id
        self.secrets_in.setdefault(folder_id, {})[secret.id] = None

    def saw(self, secret: Secret, user: User, how: str) -> None:
        """A secret was opened: that goes on record."""
        secret.last_accessed = time.time()
        self.views.append(
            {"secretId": secret.id, "userId": user.id, "when": self.vault.shown_time(time.time()), "how": how}
        )

    # -- rights
    def _levels(self, user: User) -> tuple[dict[int, tuple[int, int]], dict[int, int]]:
        """(folder id → (folder rank, secret rank), secret id → rank) from the rows of the user's groups."""
        folders: dict[int, tuple[int, int]] = {}
        secrets: dict[int, int] = {}
        for group in self.vault.groups_with(user):
            if not group.enabled and not group.personal_of:
                continue
            for row in self.folder_grants.by_group.get(group.id, {}).values():
                has = folders.get(row.on, (0, 0))
                rank = FOLDER_RANKS[row.folder_role], SECRET_RANKS[row.secret_role]
                folders[row.on] = max(has[0], rank[0]), max(has[1], rank[1])
            for row in self.secret_grants.by_group.get(group.id, {}).values():
                secrets[row.on] = max(secrets.get(row.on, 0), SECRET_RANKS[row.secret_role])
        return folders, secrets

    def folder_level(self, user: User, folder: Folder) -> int:
        """0 none, 1 View, 2 Add Secret, 3 Edit, 4 Owner."""
        folders, _ = self.vault.remembered(("levels", user.id), lambda: self._levels(user))
        return int(folders.get(self.source(folder).id, (0, 0))[0])

    def secret_level(self, user: User, secret: Secret) -> int:
        """0 none, 1 List, 2 View, 3 Edit, 4 Owner; the secret's own rows, or its folder's when it inherits."""
        folders, secrets = self.vault.remembered(("levels", user.id), lambda: self._levels(user))
        folder = self.folders.get(secret.folder_id)
        if not secret.inherits or folder is None:
            return int(secrets.get(secret.id, 0))
        return int(folders.get(self.source(folder).id, (0, 0))[1])
