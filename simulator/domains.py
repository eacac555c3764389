"""Domains that users and groups come from, and the sites secrets live at."""

from __future__ import annotations

from typing import Any

from simulator.http import Call, Routes
from simulator.paging import envelope
from simulator.vault import LOCAL

routes = Routes()


@routes.on("GET", "/api/v1/domains")
def domains(call: Call) -> dict[str, Any]:
    """The directory's domains; the local one is not among them."""
    found = [(i, n) for i, n in call.vault.domains.items() if i != LOCAL]
    return envelope(call, found, lambda d: {"domainId": d[0], "domainName": d[1]})


@routes.on("GET", "/api/v1/sites")
def sites(call: Call) -> list[dict[str, Any]]:
    """A bare array, unlike every other list."""
    del call
    return [{"siteId": 1, "siteName": "Local", "active": True}]
