"""`python -m scim.cli`: one command, or a batch of them, against the connector's tables."""

from __future__ import annotations

import asyncio
import getpass
import io
import os
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from scim.administration.deeds import ANNOUNCED
from scim.audit.events import AuditEvent, Outcome
from scim.audit.trail import AuditTrail
from scim.cli import audit, connections, console, daytwo, settings, tokens, vaults
from scim.cli.answer import Answer, as_json
from scim.cli.office import Office, open_office
from scim.cli.parser import Parser, Usage, build
from scim.errors import ConnectorError, StoreUnavailable
from scim.store.schema import prepare

DONE, REFUSED, USAGE = 0, 1, 2

Command = Callable[[Office, Namespace, TextIO], Awaitable[Answer]]


async def _setup(office: Office, _: Namespace, __: TextIO) -> Answer:
    await office.store.ensure_tables()
    version = await prepare(office.store)
    data = {"tables": "ready", "keys": "ready", "schema": version}
    return Answer(data, f"tables and keys are ready (tables of version {version})")


COMMANDS: dict[tuple[str, str | None], Command] = {
    ("setup", None): _setup,
    ("vault", "add"): vaults.add,
    ("vault", "edit"): vaults.edit,
    ("vault", "credential"): vaults.credential,
    ("vault", "list"): vaults.show_all,
    ("vault", "show"): vaults.show,
    ("vault", "test"): vaults.test,
    ("vault", "remove"): vaults.remove,
    ("connection", "add"): connections.add,
    ("connection", "edit"): connections.edit,
    ("connection", "list"): connections.show_all,
    ("connection", "show"): connections.show,
    ("connection", "enable"): connections.enable,
    ("connection", "disable"): connections.disable,
    ("connection", "remove"): connections.remove,
    ("token", "add"): tokens.add,
    ("token", "list"): tokens.show_all,
    ("token", "revoke"): tokens.revoke,
    ("settings", "show"): settings.show,
    ("settings", "edit"): settings.edit,
    ("backup", None): daytwo.backup,
    ("restore", None): daytwo.restore,
    ("rotate-pepper", None): daytwo.rotate_pepper,
    ("rotate-data-key", None): daytwo.rotate_data_key,
    ("breaker", "show"): daytwo.breaker_show,
    ("breaker", "release"): daytwo.breaker_release,
    ("verify-audit", None): audit.check,
    ("console", "code"): console.code,
    ("console", "key"): console.key,
    ("console", "list"): console.show_all,
    ("console", "remove"): console.remove,
    ("audit", "verify"): audit.check,
    ("audit", "export"): audit.export,
}


def main(
    argv: Sequence[str] | None = None,
    *,
    office: Office | None = None,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """Run a command line and return its exit code: 0 done, 1 refused, 2 not understood."""
    streams = (stdin or sys.stdin, stdout or sys.stdout, stderr or sys.stderr)
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = build()
    try:
        args = parser.parse_args(arguments)
    except Usage as error:
        print(error, file=streams[2])
        return USAGE
    except SystemExit:  # --help has been printed
        return DONE
    return asyncio.run(_run(parser, args, office, streams))


async def _run(parser: Parser, args: Namespace, given: Office | None, streams: tuple[TextIO, TextIO, TextIO]) -> int:
    stdin, stdout, stderr = streams
    try:
        office = given or await open_office()
    except ConnectorError as error:
        print(error.detail, file=stderr)
        return REFUSED
    try:
        if args.noun == "batch":
            return await _batch(parser, office, stdin, stdout)
        code, answer, complaint = await carry_out(office, args, stdin)
        if answer is None:
            print(as_json({"error": complaint}) if args.json else complaint, file=stderr)
            return code
        if answer.lines is not None:
            return await _pour(answer.lines, stdout, stderr)
        print(as_json(answer.data) if args.json else answer.text, file=stdout)
        if answer.note and not args.json:
            print(answer.note, file=stderr)
        return code
    finally:
        if given is None:
            await office.close()


AUDITED_ALONE = {"backup", "restore", "rotate-data-key"}
AUDITED = {
    (noun, verb)
    for noun, verb in COMMANDS
    if (verb or noun)
    in {"add", "edit", "credential", "remove", "enable", "disable", "revoke", "release", "code", "key", *AUDITED_ALONE}
}


async def carry_out(office: Office, args: Namespace, stdin: TextIO) -> tuple[int, Answer | None, str]:
    """One parsed command, told to the audit trail before and after when it changes something."""
    noun, verb = args.noun, getattr(args, "verb", None)
    if (noun, verb) not in AUDITED:
        return await _carry_out(office, args, stdin)
    trail = AuditTrail(office.store.table("audit"), "cli")
    try:
        await trail.record(_event(args, "unknown", ANNOUNCED))
        code, answer, complaint = await _carry_out(office, args, stdin)
        outcome: Outcome = "done" if answer is not None else "refused"
        await trail.record(_event(args, outcome, complaint))
    except StoreUnavailable as error:
        return REFUSED, None, error.detail
    finally:
        await trail.close()
    return code, answer, complaint


def _event(args: Namespace, outcome: Outcome, detail: str) -> AuditEvent:
    verb = getattr(args, "verb", None)
    words = (args.noun, verb) if verb else (args.noun,)
    target = getattr(args, "name", None) or getattr(args, "connection", None) or getattr(args, "keyid", "")
    return AuditEvent(
        at=datetime.now(UTC),
        request_id=f"cli-{os.getpid()}",
        action=".".join(words) if verb else f"tables.{args.noun}",
        outcome=outcome,
        connection_name=f"administrator {_user()}",
        route=f"cli {' '.join(words)}",
        kind=args.noun,
        object_name=str(target),
        detail=detail,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run under a number without a name
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


async def _carry_out(office: Office, args: Namespace, stdin: TextIO) -> tuple[int, Answer | None, str]:
    """One parsed command: its exit code, and its answer or a complaint."""
    try:
        return DONE, await COMMANDS[args.noun, getattr(args, "verb", None)](office, args, stdin), ""
    except Usage as error:
        return USAGE, None, str(error)
    except ConnectorError as error:
        return REFUSED, None, error.detail
    except ValueError as error:
        return REFUSED, None, str(error)


async def _batch(parser: Parser, office: Office, stdin: TextIO, stdout: TextIO) -> int:
    """Commands from stdin, one JSON object a line; an answer a line, each with the exit code it would have had.

    In: `{"argv": ["vault", "add", …], "stdin": "password"}`. Out: `{"exit": 0, "answer": …}` or
    `{"exit": 1, "error": "…"}`. One that fails does not stop the next; the whole exits with the highest code.
    """
    worst = DONE
    while line := await asyncio.to_thread(stdin.readline):
        if not line.strip():
            continue
        answer = await _one_of_batch(parser, office, line)
        worst = max(worst, int(answer["exit"]))
        print(as_json(answer), file=stdout, flush=True)
    return worst


async def _one_of_batch(parser: Parser, office: Office, line: str) -> dict[str, Any]:
    try:
        given = orjson.loads(line)
        args = parser.parse_args([str(word) for word in given["argv"]])
        if args.noun == "batch":
            raise Usage("a batch within a batch")
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {"exit": USAGE, "error": 'each line is {"argv": [...], "stdin": "..."}'}
    except Usage as error:
        return {"exit": USAGE, "error": str(error)}
    except SystemExit:
        return {"exit": DONE, "answer": None}
    code, answer, complaint = await carry_out(office, args, io.StringIO(str(given.get("stdin") or "")))
    if answer is None:
        return {"exit": code, "error": complaint}
    if answer.lines is not None:
        return {"exit": USAGE, "error": "an export does not fit into a batch"}
    return {"exit": code, "answer": answer.data}


async def _pour(lines: AsyncIterator[str], stdout: TextIO, stderr: TextIO) -> int:
    try:
        async for line in lines:
            stdout.write(line)
    except ConnectorError as error:
        print(f"the export is not complete: {error.detail}", file=stderr)
        return REFUSED
    except BrokenPipeError:  # the reader has seen enough, e.g. `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that leaving does not try once more
    return DONE
