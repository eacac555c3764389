"""The reports of the vendor's own SCIM connector, where a vault has them: all permissions in a few calls.

`POST /v1/reports/execute` runs SQL that an administrator (or the vendor's connector) put there (facts 11). Its columns
are not documented, so they are found by name, and its rows are not trusted before grant_index.py compared a sample
with what the permission searches say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from scim.errors import BadRequest, NotFound, VaultMisbehaved, VaultRefusedUs
from scim.secretserver import operations
from scim.secretserver import wire_content as content
from scim.secretserver.client import VaultClient

FOLDER_PERMISSIONS = "SCIM Folders Permission"
SECRET_PERMISSIONS = "SCIM Secrets Permission"  # noqa: S105
ROWS_A_CALL = 50_000
"""About 3 MB; a report of everything could pass the size that we read in one answer."""

NAMES: dict[str, tuple[str, ...]] = {
    "row": ("folderpermissionid", "secretpermissionid", "permissionid", "id"),
    "on": ("folderid", "secretid"),
    "group": ("groupid",),
    "user": ("userid",),
    "folder": ("folderaccessrole", "folderaccessrolename", "folderpermission"),
    "secret": ("secretaccessrole", "secretaccessrolename", "secretpermission"),
}
ReportRow = tuple[int, int, int, int, str, str]
"""Row id, object, group (0: none), user (0: none), folder level, secret level."""


class NoReport(Exception):
    """The report is not there, may not be run, or does not say what is needed."""


class Reports:
    def __init__(self, client: VaultClient) -> None:
        self._client = client

    async def rows(self, name: str) -> AsyncIterator[list[ReportRow]]:
        """The rows, page by page. :raises NoReport:"""
        page, seen = 1, 0
        while True:
            report = await self._run(name, page)
            places = _places(report.columns)
            try:
                yield [_row(row, places) for row in report.rows]
            except (TypeError, ValueError, IndexError):
                raise NoReport(f"{name}: a row is not understood") from None
            seen += len(report.rows)
            total = int(report.total_row_count or 0)
            if not report.rows or seen >= total:
                if seen < total:
                    raise NoReport(f"{name}: {seen} of {total} rows")
                return
            page += 1

    async def _run(self, name: str, page: int) -> content.Report:
        body = {
            "name": name,
            "useDefaultParameters": True,
            "pageNumber": str(page),
            "recordsPerPage": str(ROWS_A_CALL),
        }
        try:
            return await self._client.call(operations.RUN_REPORT, content.Report, body=body)
        except (NotFound, BadRequest, VaultRefusedUs, VaultMisbehaved) as error:
            raise NoReport(f"{name}: {error.detail}") from error


def _places(columns: Sequence[str]) -> dict[str, int | None]:
    known = {"".join(c for c in column.casefold() if c.isalnum()): at for at, column in enumerate(columns)}
    places = {part: next((known[n] for n in names if n in known), None) for part, names in NAMES.items()}
    if any(places[part] is None for part in ("on", "group", "user", "secret")):
        raise NoReport("its columns do not tell object, holder and right")
    return places


def _row(row: list[object], places: dict[str, int | None]) -> ReportRow:
    def number(part: str) -> int:
        at = places[part]
        value = row[at] if at is not None else None
        return int(str(value)) if value not in (None, "") else 0

    def text(part: str) -> str:
        at = places[part]
        value = row[at] if at is not None else None
        return str(value) if value is not None else ""

    return number("row"), number("on"), number("group"), number("user"), text("folder"), text("secret")
