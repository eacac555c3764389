"""Reports: list, read, create, change and run.  There is no SQL here: a known name gives that name's rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.errors import ApiError
from simulator.fields import read
from simulator.http import Call, Routes, missing
from simulator.paging import envelope
from simulator.report_rows import REPORTS
from simulator.vault import Vault

routes = Routes()

READ = ("View Reports", "Administer Reports")
WRITE = "Administer Reports"
CATEGORIES = {1: "Secrets", 2: "Users", 3: "Folders", 4: "Secrets by SCIM", 7: "Groups"}

_BODY: dict[str, type | str] = {
    "categoryId": int,
    "description": str,
    "name": str,
    "reportSql": str,
    "chartType": str,
    "pageSize": int,
    "is3DReport": bool,
    "useDatabasePaging": bool,
}


@dataclass
class Report:
    id: int
    name: str
    category: int
    description: str = ""
    sql: str = ""
    enabled: bool = True


def _all(vault: Vault) -> dict[int, Report]:
    """The reports that are there; the SCIM reports from the start only by switch."""
    found: dict[int, Report] = vault.configuration.setdefault("reports", {})
    if vault.switches.reports_present and not vault.configuration.get("reports stocked"):
        vault.configuration["reports stocked"] = True
        for name in REPORTS:
            _add(vault, Report(0, name, 2, "", "SELECT 1"))
    return found


def _add(vault: Vault, report: Report) -> Report:
    reports: dict[int, Report] = vault.configuration.setdefault("reports", {})
    report.id = max(reports, default=100) + 1
    reports[report.id] = report
    return report


def _find(vault: Vault, number: int) -> Report:
    report = _all(vault).get(number)
    if report is None:
        raise missing(vault, "Report")
    return report


def _model(report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "name": report.name,
        "categoryId": report.category,
        "description": report.description,
        "reportSql": report.sql,
        "enabled": report.enabled,
        "systemReport": False,
        "chartType": "",
        "pageSize": 0,
        "is3DReport": False,
        "useDatabasePaging": False,
        "enableInheritPermissions": True,
    }


def _matching(call: Call) -> list[Report]:
    category = call.number("filter.categoryId")
    text = (call.text("filter.reportName") or call.text("filter.searchText")).casefold()
    inactive = call.flag("filter.includeInactive")
    return [
        r
        for r in _all(call.vault).values()
        if (inactive or r.enabled) and text in r.name.casefold() and category in {None, r.category}
    ]


@routes.on("GET", "/api/v1/reports", *READ)
def search(call: Call) -> dict[str, Any]:
    return envelope(
        call, _matching(call), lambda r: {"id": r.id, "name": r.name, "categoryId": r.category, "enabled": r.enabled}
    )


@routes.on("GET", "/api/v1/reports/lookup", *READ)
def lookup(call: Call) -> dict[str, Any]:
    return envelope(call, _matching(call), lambda r: {"id": r.id, "value": r.name})


@routes.on("GET", "/api/v1/reports/categories", *READ)
def categories(call: Call) -> list[dict[str, Any]]:
    del call
    return [{"id": number, "name": name, "description": ""} for number, name in CATEGORIES.items()]


@routes.on("GET", "/api/v1/reports/{id}", *READ)
def get(call: Call) -> dict[str, Any]:
    return _model(_find(call.vault, call.id()))


@routes.on("POST", "/api/v1/reports", WRITE)
def create(call: Call) -> dict[str, Any]:
    body = read(call.json, _BODY, ("categoryId", "description", "name", "reportSql"), empty=("description",))
    if body["categoryId"] not in CATEGORIES:
        raise missing(call.vault, "Report category")
    _free(call.vault, body["name"], 0)
    return _model(_add(call.vault, Report(0, body["name"], body["categoryId"], body["description"], body["reportSql"])))


def _free(vault: Vault, name: str, own_id: int) -> None:
    if any(r.name.casefold() == name.casefold() and r.enabled and r.id != own_id for r in _all(vault).values()):
        raise ApiError("A report with this name already exists.", status=vault.switches.duplicate_status)


@routes.on("PUT", "/api/v1/reports/{id}", WRITE)
def replace(call: Call) -> dict[str, Any]:
    report = _find(call.vault, call.id())
    body = read(call.json, {"id": int, **_BODY}, ("id",))
    if body["id"] != report.id:
        raise ApiError("The id does not match the path.")
    _free(call.vault, body.get("name", report.name), report.id)
    report.name = body.get("name", report.name)
    report.category = body.get("categoryId", report.category)
    report.description = body.get("description", report.description)
    report.sql = body.get("reportSql", report.sql)
    return _model(report)


@routes.on("DELETE", "/api/v1/reports/{id}", WRITE)
@routes.on("DELETE", "/api/v2/reports/{id}", WRITE)
def delete(call: Call) -> Any:
    """v1 answers a bare boolean, v2 the usual result."""
    report = _find(call.vault, call.id())
    report.enabled = False
    if call.path.lower().startswith("/api/v1"):
        return True
    return {"id": report.id, "objectType": "Report", "responseCodes": []}


@routes.on("PUT", "/api/v1/reports/{reportId}/undelete", WRITE)
def undelete(call: Call) -> dict[str, Any]:
    _find(call.vault, call.id("reportId")).enabled = True
    return {"success": True}


@routes.on("POST", "/api/v1/reports/execute", *READ)
def execute(call: Call) -> dict[str, Any]:
    """By id or by name, all rows at once unless a page is asked for."""
    vault = call.vault
    shape: dict[str, type | str] = {
        "id": int,
        "previewSql": str,
        **dict.fromkeys(("name", "pageNumber", "recordsPerPage", "startRecordNumber", "endRecordNumber"), str),
    }
    body = read(call.json, shape)
    if body.get("previewSql"):
        raise ApiError("SQL is not simulated: create a report with one of the known names.")
    report = _chosen(vault, body)
    rows_of = REPORTS.get(report.name)
    if rows_of is None:
        raise ApiError(f"The report '{report.name}' is not simulated; there are: {', '.join(REPORTS)}.")
    columns, rows = vault.remembered(("report", report.name), lambda: rows_of(vault))
    total = len(rows)
    size = int(body.get("recordsPerPage") or 0)
    if size > 0:
        start = (max(int(body.get("pageNumber") or 1), 1) - 1) * size
        rows = rows[start : start + size]
    return {
        "id": report.id,
        "name": report.name,
        "enabled": True,
        "systemReport": False,
        "columns": columns,
        "localizedColumns": columns,
        "columnTypes": ["String"] * len(columns),
        "rows": rows,
        "totalRowCount": str(total),
        "reportPreviewSql": "",
    }


def _chosen(vault: Vault, body: dict[str, Any]) -> Report:
    if body.get("id"):
        report = _find(vault, body["id"])
    else:
        wanted = (body.get("name") or "").casefold()
        found = [r for r in _all(vault).values() if r.name.casefold() == wanted and r.enabled]
        if not found:
            raise missing(vault, "Report")
        report = found[0]
    if not report.enabled:
        raise missing(vault, "Report")
    return report
