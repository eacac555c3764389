"""The audit trail: search, one object's history, export, and the proof that nobody edited it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from scim.administration.deeds import ANNOUNCED
from scim.audit.events import OUTCOMES, Entry
from scim.audit.export import as_csv, as_jsonl
from scim.audit.newest import NotFurther, search_newest
from scim.audit.verify import Report, verify
from scim.console.desk import Desk
from scim.errors import InvalidValue, TooLarge
from scim.names import fold

PAGE = 100
PATIENCE = 2.0  # seconds that one search walks; then it says how far it came
FIRST_PATIENCE = 0.15  # of the page that a person waits for: it shows what there is and looks further by itself
MOST_EXPORTED = 50_000
VERIFY_SECONDS = 180.0  # within the host's 230
SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30),
         "365d": timedelta(days=365)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. `text` is looked for in names, actions, details, ids and actors, whatever its case."""

    since: datetime
    until: datetime
    span: str = "24h"
    connection: str = ""
    outcome: str = ""
    object_id: str = ""
    kind: str = ""
    text: str = ""
    reads: bool = False

    def meets(self, entry: Entry) -> bool:
        event = entry.event
        announced = event.outcome == "unknown" and event.detail == ANNOUNCED
        if not self.reads and not self.outcome and (event.outcome == "read" or announced):
            return False
        if self.kind and event.kind != self.kind:
            return False
        if not self.text:
            return True
        whole = (event.object_name, event.action, event.detail, event.request_id, event.connection_name,
                 event.token_key, event.address, event.object_id)  # fmt: skip
        return any(fold(self.text) in fold(part) for part in whole)


class AuditPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        wanted = asked(request)
        itself = request.headers.get("hx-request") is not None  # the page looks further, and nobody waits
        page, connections = await asyncio.gather(
            page_of(self._desk, wanted, PATIENCE if itself else FIRST_PATIENCE), self._desk.connections.list()
        )
        older = _older(request, page, wanted.since)
        return self._desk.page(request, "audit.html", page=page, wanted=wanted, connections=connections, older=older,
                               outcomes=OUTCOMES, spans=list(SPANS), full=len(page.rows) >= PAGE,
                               rest="rest" in request.query_params)  # fmt: skip

    async def export(self, request: Request) -> Response:
        """The same search as a file. The host cannot stream, so a larger one belongs to the command line."""
        wanted, kind = asked(request), request.query_params.get("format", "csv")
        writer = as_csv if kind == "csv" else as_jsonl
        count = 0

        async def entries() -> AsyncIterator[Entry]:
            nonlocal count
            async for entry in found(self._desk, wanted):
                if not wanted.meets(entry):
                    continue
                count += 1
                if count > MOST_EXPORTED:
                    raise TooLarge(
                        f"More than {MOST_EXPORTED:,} rows: choose a shorter time, or use `scim.cli audit export`"
                    )
                yield entry

        text = "".join([line async for line in writer(entries())])
        await self._desk.do(request, "audit.export", _nothing, name=f"{count} rows as {kind}")
        name = f"audit-{wanted.since:%Y%m%d}-{wanted.until:%Y%m%d}.{'csv' if kind == 'csv' else 'jsonl'}"
        media = "text/csv" if kind == "csv" else "application/x-ndjson"
        return Response(text, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})

    async def verify(self, request: Request) -> Response:
        report = await verified(self._desk)
        return self._desk.page(request, "_verified.html", report=report)


async def verified(desk: Desk) -> Report:
    """:raises TooLarge: the trail is longer than what the host gives time for."""
    try:
        async with asyncio.timeout(VERIFY_SECONDS):
            return await verify(desk.connector.store.table("audit"))
    except TimeoutError:
        raise TooLarge("The trail is too long to be verified here: use `scim.cli verify-audit`") from None


async def _nothing() -> None:
    return None


def found(desk: Desk, wanted: Search, patience: float | None = None) -> AsyncIterator[Entry]:
    return search_newest(
        desk.connector.store.table("audit"),
        wanted.since,
        wanted.until,
        connection=wanted.connection or None,
        object_id=wanted.object_id or None,
        outcome=wanted.outcome or None,
        patience=patience,
    )


@dataclass(slots=True)
class Page:
    """The newest rows that meet a search. `until`: where to go on, when there may be more."""

    rows: list[Entry]
    looked: int = 0
    until: datetime | None = None


async def page_of(desk: Desk, wanted: Search, patience: float = PATIENCE) -> Page:
    """At most a page, and at most a few seconds: then it says how far it came.

    A page ends between two moments, never within one: the next one begins with what is older than its last row.
    """
    page, started = Page([]), time.monotonic()
    try:
        async for entry in found(desk, wanted, patience):
            if page.until is not None and entry.event.at < page.until:
                break
            page.looked += 1
            if wanted.meets(entry):
                page.rows.append(entry)
            if len(page.rows) == PAGE or (page.looked % 50 == 0 and time.monotonic() - started > patience):
                page.until = entry.event.at
        else:
            page.until = None  # nothing is older
    except NotFurther as reached:
        page.until = page.until or reached.until
    return page


def asked(request: Request) -> Search:
    """:raises InvalidValue: a time that is none."""
    q = request.query_params
    span = q.get("span", "24h") if q.get("span", "24h") in SPANS else "24h"
    until = _moment(q.get("until", "")) or datetime.now(UTC) + timedelta(minutes=1)
    since = _moment(q.get("since", "")) or until - SPANS[span]
    outcome = q.get("outcome", "")
    return Search(since, until, span, q.get("connection", "")[:64], outcome if outcome in OUTCOMES else "",
                  q.get("object", "")[:40], q.get("kind", "")[:40], q.get("text", "")[:100].strip(),
                  bool(q.get("reads")))  # fmt: skip


def _older(request: Request, page: Page, since: datetime) -> str:
    """The query of the page after this one; "" when this is the last."""
    if page.until is None:
        return ""
    ours = {"until", "since", "rest"}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in ours]
    # with the same beginning: the day before the last row is not what was asked for
    return urlencode([*kept, ("since", since.isoformat()), ("until", page.until.isoformat())])


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValue("A time is written 2026-01-31T12:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
