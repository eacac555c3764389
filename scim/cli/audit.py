"""`audit …`"""

from __future__ import annotations

import asyncio
import re
from argparse import Namespace
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from scim.audit.chain import Head
from scim.audit.export import as_csv, as_jsonl
from scim.audit.trail import search
from scim.audit.verify import Report, logged_heads, verify
from scim.cli.answer import Answer
from scim.cli.office import Office, Refused
from scim.cli.parser import Usage

_AGO = re.compile(r"(\d{1,5})([dh])")


class Broken(Refused):
    """The trail was tampered with; carries the report."""

    def __init__(self, report: Report) -> None:
        lines = [f"{f.kind}: {f.partition} number {f.seq}: {f.detail}" for f in report.findings]
        super().__init__(f"{report.rows} events in {report.chains} chains, NOT in order\n" + "\n".join(lines))
        self.report = report


async def check(office: Office, args: Namespace, _: TextIO) -> Answer:
    heads: dict[str, Head] = {}
    if args.heads is not None:
        heads = await asyncio.to_thread(_heads, Path(args.heads))
    first_day = "" if args.since is None else f"{moment(args.since):%Y%m%d}"
    report = await verify(office.store.table("audit"), heads=heads, first_day=first_day)
    if not report.fine:
        raise Broken(report)
    return Answer(
        {"rows": report.rows, "chains": report.chains, "findings": [asdict(f) for f in report.findings]},
        f"{report.rows} events in {report.chains} chains, all in order",
    )


async def export(office: Office, args: Namespace, _: TextIO) -> Answer:
    since = moment(args.since or "30d")
    until = moment(args.until) if args.until else datetime.now(UTC) + timedelta(minutes=5)
    entries = search(office.store.table("audit"), since, until)
    return Answer(None, "", lines=(as_csv if args.format == "csv" else as_jsonl)(entries))


def _heads(path: Path) -> dict[str, Head]:
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return logged_heads(lines)
    except OSError as error:
        raise Refused(f"--heads: {error.strerror}") from None


def moment(text: str) -> datetime:
    """A day, a time or "30d"/"12h" ago. :raises Usage:"""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return datetime.now(UTC) - timedelta(**{"days" if ago[2] == "d" else "hours": int(ago[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(f"{text[:40]!r} is not a time: write 2026-01-31, 2026-01-31T12:00:00Z or 30d") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
