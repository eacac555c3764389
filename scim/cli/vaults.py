"""`vault …`"""

from __future__ import annotations

import getpass
import os
import sys
from argparse import Namespace
from typing import Any, TextIO

from pydantic import SecretStr

from scim.administration.verbs import remove_vault
from scim.cli.answer import Answer, sheet, table
from scim.cli.office import Office, Refused
from scim.cli.parser import Usage
from scim.model import Vault
from scim.store.vaults import vault_url

_PROTECTED = ("user", "group", "role")


async def add(office: Office, args: Namespace, stdin: TextIO) -> Answer:
    if args.auth == "platform" and not args.platform_url:
        raise Usage("--auth platform needs --platform-url")
    vault = await office.vaults.add(
        args.name,
        _url(office, args.url),
        _secret(args, stdin),
        auth=args.auth,
        username=args.username,
        domain=args.domain,
        platform_url=_url(office, args.platform_url) if args.platform_url else "",
        protected_users=tuple(sorted(set(args.protect_user))),
        protected_groups=tuple(sorted(set(args.protect_group))),
        protected_roles=tuple(sorted(set(args.protect_role))),
    )
    return Answer(_shown(vault), f"vault {vault.name} added ({vault.id})")


async def edit(office: Office, args: Namespace, stdin: TextIO) -> Answer:
    vault = await office.vaults.need(args.name)
    changes: dict[str, Any] = {
        field: value
        for field, value in (
            ("name", args.rename),
            ("url", _url(office, args.url) if args.url else None),
            ("auth", args.auth),
            ("username", args.username),
            ("domain", args.domain),
            ("platform_url", _url(office, args.platform_url) if args.platform_url else args.platform_url),
        )
        if value is not None
    }
    for what in _PROTECTED:
        more, fewer = getattr(args, f"protect_{what}"), getattr(args, f"unprotect_{what}")
        if more or fewer:
            before: tuple[int, ...] = getattr(vault, f"protected_{what}s")
            changes[f"protected_{what}s"] = tuple(sorted({*before, *more} - set(fewer)))
    if not changes:
        raise Usage("vault edit: nothing to change was named")
    given = args.password_stdin or args.password_env is not None
    changed = await office.vaults.update(vault.id, credential=_secret(args, stdin) if given else None, **changes)
    return Answer(_shown(changed), f"vault {changed.name} changed: {', '.join(sorted(changes))}")


async def credential(office: Office, args: Namespace, stdin: TextIO) -> Answer:
    vault = await office.vaults.need(args.name)
    await office.vaults.set_credential(vault.id, _secret(args, stdin))
    return Answer({"id": vault.id, "name": vault.name}, f"the credential of {vault.name} was replaced")


async def show_all(office: Office, _: Namespace, __: TextIO) -> Answer:
    rows = [_shown(vault) for vault in await office.vaults.list()]
    return Answer(rows, table(rows, ("name", "id", "url", "auth", "username")))


async def show(office: Office, args: Namespace, _: TextIO) -> Answer:
    vault = await office.vaults.need(args.name)
    values = {**_shown(vault), "credential_set": await office.vaults.credential_set_at(vault.id)}
    return Answer(values, sheet(values))


async def test(office: Office, args: Namespace, _: TextIO) -> Answer:
    vault = await office.vaults.need(args.name)
    found = dict(await office.probe(vault, await office.vaults.credential(vault.id)))
    return Answer({"id": vault.id, "name": vault.name, **found}, sheet({"vault": vault.name, **found}))


async def remove(office: Office, args: Namespace, _: TextIO) -> Answer:
    vault = await office.vaults.need(args.name)
    await remove_vault(office.vaults, office.connections, vault)
    return Answer({"id": vault.id, "name": vault.name}, f"vault {vault.name} removed")


def _url(office: Office, text: str) -> str:
    return vault_url(text, insecure=office.settings.insecure_vault_urls)


def _secret(args: Namespace, stdin: TextIO) -> SecretStr:
    """From where the command says, else asked for without echo."""
    if args.password_env is not None:
        text = os.environ.get(args.password_env, "")
    elif args.password_stdin:
        text = stdin.readline().rstrip("\r\n")
    elif stdin is sys.stdin and stdin.isatty():
        text = getpass.getpass("Password or client secret: ")
    else:
        raise Usage("give the password with --password-stdin or --password-env VAR, never as an argument")
    if not text:
        raise Refused("The password is empty")
    return SecretStr(text)


def _shown(vault: Vault) -> dict[str, Any]:
    return vault.model_dump()
