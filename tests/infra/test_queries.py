"""Alerts and the workbook ask for what the connector really logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

INFRA = Path(__file__).resolve().parents[2] / "infra"
QUERIES = {path.name: path.read_text("utf-8") for path in (INFRA / "kql").glob("*.kql")}
ALERTS = (INFRA / "bicep" / "modules" / "alerts.bicep").read_text("utf-8")
# One line a request, and named events: the fields that log lines carry.
FIELDS = {"connection", "method", "route", "status", "ms", "upstream", "requestId", "event"}
EVENTS = {"journal.open", "breaker.open", "audit.chain_broken", "vault.unreachable"}


def test_queries_read_only_fields_that_exist():
    for name, query in QUERIES.items():
        assert set(re.findall(r"\bline\.(\w+)", query)) <= FIELDS, name


def test_each_event_has_one_query_and_one_alert():
    named = re.compile(r"line\.event\) == '([\w.]+)'")
    asked = {event: name for name, query in QUERIES.items() for event in named.findall(query)}
    assert set(asked) == EVENTS
    for name in asked.values():
        assert f"loadTextContent('../../kql/{name}')" in ALERTS


def test_every_query_is_used_or_is_for_a_person():
    in_alerts = set(re.findall(r"kql/([\w-]+\.kql)", ALERTS))
    in_workbook = set(re.findall(r'"@([\w-]+\.kql)"', (INFRA / "workbook.json").read_text("utf-8")))
    assert in_alerts | in_workbook | {"one-request.kql"} == set(QUERIES)
    assert {"failed-requests.kql", "refused-callers.kql", "key-vault-refused.kql"} <= in_alerts


def test_each_query_says_what_it_is_for():
    for name, query in QUERIES.items():
        assert query.startswith("// "), name
        assert query.count("(") == query.count(")"), name


def test_a_late_row_is_not_missed():
    """The window is twice the frequency, and one row is enough: thresholds live in the queries."""
    assert "evaluationFrequency: 'PT5M'" in ALERTS
    assert "windowSize: 'PT10M'" in ALERTS
    assert "threshold: 0" in ALERTS


def test_the_workbook_is_json_with_a_title_for_each_query():
    items = json.loads((INFRA / "workbook.json").read_text("utf-8"))["items"]
    assert all(item["content"].get("title") for item in items if "query" in item["content"])
