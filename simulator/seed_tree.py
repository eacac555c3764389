"""Seeded folders, grants, secrets and personal folders.  The account owns the root folders, and so what inherits."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from simulator.names import PLACES
from simulator.tree import ROOT, Folder, Secret

if TYPE_CHECKING:
    from simulator.vault import Vault

_SYSTEMS = ("Production", "Staging", "Test", "Archive", "Shared", "Vendors", "Keys", "Services", "Routers", "Servers")
_FOLDER_ROLES = ("View", "View", "View", "Edit", "Add Secret", "Owner")
_SECRET_ROLES = ("View", "List", "View", "Edit", "None", "Owner")
_PERSONAL = 10
"""So many of the first people have a personal folder from the start."""


def plant(vault: Vault, dice: random.Random, now: float) -> None:
    if not vault.options.folders:
        return
    _folders(vault, dice)
    _grants(vault, dice)
    _secrets(vault, dice, now)
    _secret_grants(vault, dice)
    _personal(vault)


def _folders(vault: Vault, dice: random.Random) -> None:
    """One root folder in ten, three levels; one folder in eight has rows of its own."""
    tree, options = vault.tree, vault.options
    mine = vault.users[vault.account_id].personal_group_id
    admin = vault.users[vault.account_id + 1].personal_group_id
    roots: list[Folder] = []
    middle: list[Folder] = []
    for number in range(1, options.folders + 1):
        name = f"{PLACES[number % len(PLACES)]} {_SYSTEMS[number // len(PLACES) % len(_SYSTEMS)]} {number}"
        if number <= max(options.folders // 10, 3):
            folder = tree.add_folder(Folder(tree.new_id("folder"), name, ROOT))
            tree.grant_folder(folder, admin, "Owner", "Owner")
            if number > options.hidden_folders:
                tree.grant_folder(folder, mine, "Owner", "Owner")
            roots.append(folder)
            continue
        above = dice.choice(roots if len(middle) < options.folders // 3 else middle)
        folder = tree.add_folder(Folder(tree.new_id("folder"), name, above.id, inherits=True, inherits_policy=True))
        if above.parent_id == ROOT:
            middle.append(folder)
        if number % 8 == 0:
            tree.detach_folder(folder)


def _grants(vault: Vault, dice: random.Random) -> None:
    """Rows for groups and people on the folders that do not inherit."""
    tree = vault.tree
    own = [f for f in tree.folders.values() if not f.inherits]
    groups = [g.id for g in vault.real_groups.values()] + [
        u.personal_group_id for u in vault.users.values() if u.id > vault.account_id + 1
    ]
    taken = {(f.id, r.group_id) for f in own for r in tree.folder_rows(f)}
    wanted = min(vault.options.folder_permissions or min(2 * len(own), 20), len(own) * len(groups) - len(taken))
    made = 0
    pick = dice.random
    while made < wanted:
        folder, group = own[int(pick() * len(own))], groups[int(pick() * len(groups))]
        if (folder.id, group) in taken:
            continue
        taken.add((folder.id, group))
        level = int(pick() * len(_FOLDER_ROLES))
        tree.grant_folder(folder, group, _FOLDER_ROLES[level], _SECRET_ROLES[level])
        made += 1


def _secrets(vault: Vault, dice: random.Random, now: float) -> None:
    """Two in fifty are guarded: one by check-out, one by a comment."""
    tree = vault.tree
    folders = list(tree.folders)
    templates = list(tree.templates.values())
    pick = dice.random
    for number in range(1, vault.options.secrets + 1):
        template = templates[number % len(templates)]
        values = {f.id: f"Seeded-{number}-{f.slug}" for f in template.fields if f.required}
        tree.add_secret(
            Secret(
                tree.new_id("secret"),
                f"{PLACES[int(pick() * len(PLACES))].lower()}-{template.name.split()[0].lower()}-{number}",
                template.id,
                folders[int(pick() * len(folders))],
                created=now - pick() * 1e8,
                values=values,
                check_out=number % 50 == 7,
                requires_comment=number % 50 == 11,
            )
        )


def _secret_grants(vault: Vault, dice: random.Random) -> None:
    """Rows on secrets of their own, which therefore do not inherit."""
    tree, wanted = vault.tree, vault.options.secret_permissions
    secrets = list(tree.secrets.values())
    groups = [g.id for g in vault.real_groups.values()]
    if not wanted or not secrets:
        return
    chosen = secrets[: max(wanted // 4, 1)]
    for secret in chosen:
        tree.detach_secret(secret)
    taken = {(r.on, r.group_id) for r in tree.secret_grants.rows.values()}
    made, most = 0, len(chosen) * len(groups) - sum(r.group_id in groups for r in tree.secret_grants.rows.values())
    while made < min(wanted, most):
        secret, group = dice.choice(chosen), dice.choice(groups)
        if (secret.id, group) not in taken:
            taken.add((secret.id, group))
            tree.grant_secret(secret, group, dice.choice(("List", "View", "Edit", "Owner")))
            made += 1


def _personal(vault: Vault) -> None:
    """The folder that holds the personal folders shows to those who have one, and to the account."""
    tree = vault.tree
    top = tree.add_folder(Folder(tree.new_id("folder"), "Personal Folders", ROOT))
    tree.grant_folder(top, vault.users[vault.account_id].personal_group_id, "View", "None")
    vault.configuration["personal-folders-id"] = top.id
    for user in list(vault.users.values())[2 : 2 + _PERSONAL]:
        tree.add_personal_folder(user)
