# ruff: noqa: INP001 - scripts, run by path
"""Runs after `azd provision`: keys, workbook, budget, then what to do next. Safe to run again at any time."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arm import Arm, ArmError, sign_in
from keys import give, make_token, seed

INFRA = Path(__file__).resolve().parent.parent
BUDGETS = "2023-11-01"


def workbook() -> str:
    """The workbook's JSON with each @file.kql replaced by the query in infra/kql."""
    content = json.loads((INFRA / "workbook.json").read_text("utf-8"))
    for item in content["items"]:
        query = item["content"].get("query", "")
        if query.startswith("@"):
            item["content"]["query"] = (INFRA / "kql" / query[1:]).read_text("utf-8")
    return json.dumps(content)


def first_day(arm: Arm, group_id: str, today: dt.date) -> str:
    """Where the budget begins: an existing one keeps its day, since Azure refuses to move it."""
    found = arm.get(f"{group_id}/providers/Microsoft.Consumption/budgets/scim-connector", BUDGETS)
    if found:
        return found["properties"]["timePeriod"]["startDate"]
    return today.replace(day=1).strftime("%Y-%m-%dT00:00:00Z")


def template(name: str) -> Any:
    return json.loads((INFRA / "arm" / f"{name}.json").read_text("utf-8"))


def run(arm: Arm, environment: Mapping[str, str]) -> list[str]:
    """Finish the environment and return the lines to print. None of them holds a secret."""
    vault_id = environment["AZURE_KEY_VAULT_ID"]
    group_id = vault_id.split("/providers/", 1)[0]
    written = seed(arm, vault_id)
    if environment.get("SCIM_SERVE_METRICS", "").lower() == "true" and make_token(arm, vault_id, "scim-metrics-token"):
        written.append("scim-metrics-token")
    if headers := environment.get("SCIM_TELEMETRY_HEADERS", ""):
        give(arm, vault_id, "scim-telemetry-headers", headers)
    arm.deploy(
        group_id,
        "scim-workbook",
        template("workbook"),
        {
            "location": environment["AZURE_LOCATION"],
            "workspaceId": environment["AZURE_WORKSPACE_ID"],
            "serializedData": workbook(),
            "tags": {"azd-env-name": environment.get("AZURE_ENV_NAME", "")},
        },
    )
    budget = "none (set SCIM_MONTHLY_BUDGET and SCIM_ALERT_EMAILS)"
    amount = int(environment.get("SCIM_MONTHLY_BUDGET") or 0)
    emails = [address for address in environment.get("SCIM_ALERT_EMAILS", "").split(",") if address]
    if amount and emails:
        start = first_day(arm, group_id, dt.datetime.now(dt.UTC).date())
        values = {"amount": amount, "emails": emails, "startDate": start}
        arm.deploy(group_id, "scim-budget", template("budget"), values)
        budget = f"{amount} a month"
    return [
        "",
        f"  SCIM URL      {environment['SCIM_URL']}",
        f"  Outbound IP   {environment['OUTBOUND_IP']}",
        f"  Console       {environment['CONSOLE_URL']}",
        f"  Keys          {'written: ' + ', '.join(written) if written else 'kept as they were'}",
        f"  Budget        {budget}",
        "",
        "Next:",
        f"  1. Allow {environment['OUTBOUND_IP']} where Secret Server restricts addresses.",
        "  2. Register the console in Entra ID, set SCIM_CONSOLE_CLIENT_ID, azd provision again (docs/deploy.md).",
        "  3. azd deploy, unless azd up is doing it now; then open the console, add a vault and a connection.",
        "  4. Walk through the first contact checklist in docs/deploy.md.",
        "",
    ]


def main() -> int:
    try:
        print("\n".join(run(sign_in(), os.environ)))
    except KeyError as missing:
        advice = "run it through azd, or export the outputs of main.bicep"
        print(f"postprovision: {missing} is not set; {advice}", file=sys.stderr)
        return 1
    except ArmError as error:
        print(f"postprovision: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
