"""The vault's first content, the same for the same seed: people, groups, then folders and secrets."""

from __future__ import annotations

import gc
import random
import time

from simulator.names import FIRST, LAST, PLACES, TEAMS
from simulator.permissions import NAMES, STOCK_ROLES
from simulator.seed_tree import plant
from simulator.vault import LOCAL, Group, Role, User, Vault

DOMAIN_ID = 1
DOMAIN = "corp.example"
YEAR = 365 * 86400


def fill(vault: Vault) -> None:
    """Garbage collection rests meanwhile: nothing made here is garbage."""
    options = vault.options
    dice = random.Random(options.seed)  # noqa: S311 - test data
    now = float(int(time.time()) // 86400 * 86400)
    collecting = gc.isenabled()
    gc.disable()
    try:
        _roles(vault, now - 6 * YEAR)
        _account(vault, now - 5 * YEAR)
        if not options.bare:
            _administrator(vault, now - 6 * YEAR)
            _people(vault, dice, now)
            _teams(vault, dice, now)
            plant(vault, dice, now)
    finally:
        if collecting:
            gc.enable()
    vault.changed()


def _roles(vault: Vault, when: float) -> None:
    vault.domains[DOMAIN_ID] = DOMAIN
    vault.permission_names = dict(enumerate(NAMES, 1))
    ids = {name: number for number, name in vault.permission_names.items()}
    for name, permissions in STOCK_ROLES.items():
        role = Role(vault.new_id("role"), name, created=when, system=name == "Administrator")
        role.permissions = {ids[p] for p in permissions}
        vault.roles[role.id] = role
        if name == "User":
            vault.default_role_id = role.id


def role_id(vault: Vault, name: str) -> int:
    return next(r.id for r in vault.roles.values() if r.name == name)


def _account(vault: Vault, when: float) -> None:
    """The calling account: an application account, without log-in to the web page."""
    options = vault.options
    user = User(
        vault.new_id("user"),
        options.account,
        "SCIM service account",
        "",
        created=when,
        password=options.password,
        application=True,
    )
    vault.add_user(user, frozenset({role_id(vault, "SCIM Connector")}))
    vault.account_id = user.id


def _administrator(vault: Vault, when: float) -> None:
    administrator = frozenset({role_id(vault, "Administrator")})
    user = User(
        vault.new_id("user"), "admin", "Vault Administrator", f"admin@{DOMAIN}", created=when, password="Admin-only-1"
    )
    vault.add_user(user, administrator)
    group = vault.add_group(Group(vault.new_id("group"), "Vault Administrators", created=when))
    vault.group_roles[group.id] = administrator
    vault.join(group.id, user.id)


def _people(vault: Vault, dice: random.Random, now: float) -> None:
    """Seeded users; of any ten or more, a few belong to the directory."""
    count = vault.options.users
    roles = frozenset({vault.default_role_id})
    managed = min(count // 10, 5)
    pick = dice.random
    step = 4 * YEAR / max(count, 1)
    for number in range(1, count + 1):
        first, last = FIRST[int(pick() * len(FIRST))], LAST[int(pick() * len(LAST))]
        name = f"{first}.{last}.{number}".lower()
        vault.add_user(
            User(
                vault.new_id("user"),
                name,
                f"{first} {last}",
                f"{name}@{DOMAIN}",
                domain_id=DOMAIN_ID if number <= managed else LOCAL,
                created=now - 4 * YEAR + step * number + pick() * 3600,
                password="Seeded-user-1",
            ),
            roles,
        )


def _teams(vault: Vault, dice: random.Random, now: float) -> None:
    """Groups with members, and one synchronized group of the directory."""
    people = [u for u in vault.users.values() if u.id > vault.account_id + 1]
    count = vault.options.groups
    for number in range(1, count + 1):
        name = f"{PLACES[(number - 1) % len(PLACES)]} {TEAMS[(number - 1) // len(PLACES) % len(TEAMS)]}"
        if number > len(PLACES) * len(TEAMS):
            name += f" {number}"
        group = vault.add_group(Group(vault.new_id("group"), name, created=now - 3 * YEAR + number * 3600.0))
        for user in dice.sample(people, min(len(people), dice.randint(2, 12))):
            vault.join(group.id, user.id)
    group = vault.add_group(
        Group(
            vault.new_id("group"),
            "Directory Staff",
            domain_id=DOMAIN_ID,
            synchronized=True,
            created=now - 3 * YEAR,
            ad_guid="6f0b5a5e-0000-4000-8000-000000000001",
        )
    )
    for user in people:
        if user.domain_id == DOMAIN_ID:
            vault.join(group.id, user.id)
