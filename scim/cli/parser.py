"""The words of the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from scim.administration.words import RESOURCE_TYPES
from scim.model import Policies
from scim.store.tokens import DEFAULT_DAYS, KINDS, LIVE_AT_ONCE, MOST_DAYS

EXAMPLES = """\
examples:
  first start: create the tables, tell the connector about a vault, let one identity platform in
    python -m scim.cli setup
    python -m scim.cli vault add production --url https://acme.secretservercloud.com \\
        --username svc-scim --password-env SCIM_VAULT_PASSWORD
    python -m scim.cli connection add entra --vault production --scope User,Group
    python -m scim.cli token add entra

  change a token without an outage: two may live at once
    python -m scim.cli token add entra
    python -m scim.cli token list entra
    python -m scim.cli token revoke 3f9a01bc

  copy the tables before an upgrade, and put them back (docs/operations.md)
    python -m scim.cli backup ./copy
    python -m scim.cli restore ./copy --replace

  prove that nobody edited the audit trail, and hand it to an auditor
    python -m scim.cli audit verify
    python -m scim.cli audit export --since 30d --format csv > audit.csv

Passwords are never arguments: other users of a machine can read those.
The environment is the app's own (SCIM_TABLES_ENDPOINT, SCIM_KEY_VAULT_URI, ...).
"""


class Usage(Exception):
    """The command line is not understood: exit code 2."""


class Parser(argparse.ArgumentParser):
    """argparse that raises instead of leaving the process, because a batch goes on with its next line."""

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{self.prog}: {message}\n{self.format_usage().strip()}")


def build() -> Parser:
    top = Parser(
        prog="scim.cli",
        description="Administer the SCIM connector: vaults, connections, tokens, audit.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--json", action="store_true", help="answer in JSON, for programs")
    nouns = top.add_subparsers(dest="noun", required=True, metavar="NOUN")
    nouns.add_parser("setup", help="create the tables that are missing, and check the keys")
    nouns.add_parser(
        "batch",
        help="read commands from stdin, one JSON object a line: "
        '{"argv": ["vault", "list"], "stdin": ""}; one JSON answer a line',
    )
    _vault(_noun(nouns, "vault", "the Secret Servers that the connector writes to"))
    _connection(_noun(nouns, "connection", "the identity platforms that may call the connector"))
    _token(_noun(nouns, "token", "what an identity platform shows to be let in"))
    _audit(_noun(nouns, "audit", "the trail of everything that was asked and done"))
    _console(_noun(nouns, "console", "ways into the web console that need no identity platform"))
    _settings(_noun(nouns, "settings", "what holds on every instance: maintenance, limits, times"))
    _breaker(_noun(nouns, "breaker", "the limit on mass changes of a connection"))
    _day_two(nouns)
    return top


if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[Parser]  # noqa: SLF001  # argparse has no public name for it


def _noun(nouns: Verbs, name: str, text: str) -> Verbs:
    noun: Parser = nouns.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    return noun.add_subparsers(dest="verb", required=True, metavar="VERB")


def _verb(verbs: Verbs, name: str, text: str, *positional: str) -> Parser:
    verb: Parser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    for argument in positional:
        verb.add_argument(argument.lower(), metavar=argument)
    return verb


def _vault(verbs: Verbs) -> None:
    add = _verb(verbs, "add", "tell the connector about a Secret Server", "NAME")
    add.add_argument(
        "--url", required=True, help="e.g. https://acme.secretservercloud.com or https://pam.acme.com/SecretServer"
    )
    _vault_fields(add, required=True)
    _secret(add)
    edit = _verb(verbs, "edit", "change a vault; what is not named stays as it is", "NAME")
    edit.add_argument("--rename", metavar="NEW", help="another name")
    edit.add_argument("--url")
    _vault_fields(edit, required=False)
    edit.add_argument("--unprotect-user", type=int, action="append", default=[], metavar="ID")
    edit.add_argument("--unprotect-group", type=int, action="append", default=[], metavar="ID")
    edit.add_argument("--unprotect-role", type=int, action="append", default=[], metavar="ID")
    _secret(edit, "needed with another scheme, host or port")
    _secret(_verb(verbs, "credential", "replace the stored password or client secret", "NAME"))
    _verb(verbs, "list", "all vaults")
    _verb(verbs, "show", "one vault, without its credential", "NAME")
    _verb(verbs, "test", "log in to a vault and tell who the connector is there", "NAME")
    _verb(verbs, "remove", "forget a vault; refused while a connection uses it", "NAME")


def _vault_fields(verb: Parser, *, required: bool) -> None:
    verb.add_argument(
        "--auth",
        choices=("password", "platform", "sdk"),
        default="password" if required else None,
        help="password: application account; platform: Delinea Platform service user; sdk: onboarded SDK client",
    )
    verb.add_argument("--username", required=required, help="login name, platform client id or SDK client id")
    verb.add_argument("--domain", default="" if required else None, help="of a domain account")
    verb.add_argument("--platform-url", default="" if required else None, help="with --auth platform")
    for what in ("user", "group", "role"):
        verb.add_argument(
            f"--protect-{what}",
            type=int,
            action="append",
            default=[],
            metavar="ID",
            help=f"a {what} that SCIM must never change, by its id in the vault; may be repeated",
        )


def _secret(verb: Parser, text: str = "") -> None:
    where = verb.add_argument_group("password", text).add_mutually_exclusive_group()
    where.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    where.add_argument("--password-env", metavar="VAR", help="read it from an environment variable")


def _connection(verbs: Verbs) -> None:
    add = _verb(verbs, "add", "let an identity platform in; then give it a token", "NAME")
    add.add_argument("--vault", required=True, help="name or id of the vault it works on")
    add.add_argument("--read-only", action="store_true", help="refuse every write")
    _connection_fields(add)
    edit = _verb(verbs, "edit", "change a connection; what is not named stays as it is", "NAME")
    edit.add_argument("--rename", metavar="NEW", help="another name")
    way = edit.add_mutually_exclusive_group()
    way.add_argument("--read-only", action="store_true", default=None)
    way.add_argument("--read-write", action="store_false", dest="read_only", default=None)
    _connection_fields(edit)
    _verb(verbs, "list", "all connections")
    _verb(verbs, "show", "one connection, its policies and its tokens", "NAME")
    _verb(verbs, "enable", "accept its requests again", "NAME")
    _verb(verbs, "disable", "refuse its requests, and keep everything else", "NAME")
    _verb(verbs, "remove", "revoke its tokens and forget it", "NAME")


def _connection_fields(verb: Parser) -> None:
    verb.add_argument("--scope", metavar="TYPE,TYPE", help=f"resource types, or 'all': {', '.join(RESOURCE_TYPES)}")
    verb.add_argument(
        "--source",
        action="append",
        metavar="CIDR",
        help="an address range that requests must come from, or 'any'; may be repeated",
    )
    verb.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"may be repeated; keys: {', '.join(Policies.model_fields)}",
    )
    _sign_in_fields(verb)


def _sign_in_fields(verb: Parser) -> None:
    verb.add_argument(
        "--basic", action=argparse.BooleanOptionalAction, default=None, help="accept HTTP Basic: name and a token"
    )
    verb.add_argument("--entra-tenant", metavar="GUID", help="accept tokens that this Entra tenant issues, or 'none'")
    verb.add_argument("--entra-audience", metavar="TEXT", help="their audience, e.g. api://…; by default Entra's own")
    verb.add_argument(
        "--entra-subject",
        action="append",
        metavar="GUID",
        help="the object or application id that may come with them; may be repeated; 'any' for all of the tenant",
    )
    verb.add_argument("--me-claim", metavar="CLAIM", help="claim of a person's token that holds the userName, for /Me")


def _token(verbs: Verbs) -> None:
    add = _verb(verbs, "add", "make a token; it is shown this once and never again", "CONNECTION")
    add.add_argument("--days", type=int, help=f"1 to {MOST_DAYS}, by default as the settings say ({DEFAULT_DAYS})")
    add.add_argument(
        "--kind", choices=KINDS, default="bearer", help="client_secret: to be exchanged at /oauth/token (OAuth 2)"
    )
    add.add_argument("--force", action="store_true", help=f"when {LIVE_AT_ONCE} are live, revoke the oldest")
    _verb(verbs, "list", "the tokens of a connection, by key id", "CONNECTION")
    _verb(verbs, "revoke", "refuse a token, everywhere within a minute", "KEYID")


def _audit(verbs: Verbs) -> None:
    _verify_fields(
        _verb(verbs, "verify", "look for edited, removed, added, moved or cut rows; exit code 1 when there are any")
    )
    export = _verb(verbs, "export", "write the trail to standard output")
    export.add_argument("--since", metavar="WHEN", help="2026-01-31, 2026-01-31T12:00:00Z or 30d; by default 30d")
    export.add_argument("--until", metavar="WHEN")
    export.add_argument("--format", choices=("csv", "jsonl"), default="jsonl", help="jsonl is the faithful one")


def _verify_fields(verify: Parser) -> None:
    verify.add_argument("--since", metavar="DAY", help="when older days were deleted on purpose")
    verify.add_argument("--heads", metavar="FILE", help="a log with the app's 'audit head' lines, as a second witness")


def _console(verbs: Verbs) -> None:
    roles = ("admin", "operator", "auditor")
    code = _verb(verbs, "code", "a code that lets one person in, once")
    code.add_argument("--role", choices=roles, default="admin")
    code.add_argument("--name", default="local administrator", help="how the audit trail calls him")
    code.add_argument("--minutes", type=int, default=15, help="by default 15")
    key = _verb(verbs, "key", "a key for scripts; it is shown this once and never again", "NAME")
    key.add_argument("--role", choices=roles, default="auditor")
    key.add_argument("--days", type=int, default=90, help="by default 90")
    _verb(verbs, "list", "codes and keys that are there")
    _verb(verbs, "remove", "take a code or a key away", "KEYID")


def _settings(verbs: Verbs) -> None:
    _verb(verbs, "show", "the settings that hold on every instance")
    edit = _verb(verbs, "edit", "change settings; every instance follows within a minute")
    edit.add_argument("settings", metavar="NAME=VALUE", nargs="+", help="`settings show` lists them")


def _breaker(verbs: Verbs) -> None:
    _verb(verbs, "show", "what was counted in the last hour", "CONNECTION")
    release = _verb(verbs, "release", "let the changes of a connection pass for a while", "CONNECTION")
    release.add_argument("--minutes", type=int, default=60, help="by default 60")


def _day_two(nouns: Verbs) -> None:
    copy = _verb(nouns, "backup", "copy every table but audit and messages into files; credentials stay sealed")
    copy.add_argument("directory", metavar="DIRECTORY", help="new or empty")
    back = _verb(nouns, "restore", "put a backup back, after checking it; the journal is not repeated")
    back.add_argument("directory", metavar="DIRECTORY")
    back.add_argument("--replace", action="store_true", help="into tables that hold rows: what is not in it is removed")
    _verb(nouns, "rotate-pepper", "how many tokens still need the old pepper; exit code 1 while any does")
    _verb(nouns, "rotate-data-key", "seal the stored credentials with the current data key")
    _verify_fields(_verb(nouns, "verify-audit", "the same as `audit verify`"))
