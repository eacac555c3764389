"""The post-provision hook against a Resource Manager that behaves: keys are made once and never changed."""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

HOOKS = Path(__file__).resolve().parents[2] / "infra" / "hooks"
GROUP = "/subscriptions/s/resourceGroups/rg-test"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
ENVIRONMENT = {
    "AZURE_KEY_VAULT_ID": VAULT,
    "AZURE_WORKSPACE_ID": f"{GROUP}/providers/Microsoft.OperationalInsights/workspaces/log",
    "AZURE_LOCATION": "westeurope",
    "AZURE_ENV_NAME": "test",
    "SCIM_URL": "https://app/scim/v2",
    "OUTBOUND_IP": "203.0.113.7",
    "CONSOLE_URL": "https://app/console",
}


@pytest.fixture(scope="module")
def hooks() -> Iterator[object]:
    """The hook's modules, imported as its script sees them, and gone afterwards: their names are common words."""
    sys.path.insert(0, str(HOOKS))
    try:
        import postprovision

        yield postprovision
    finally:
        sys.path.remove(str(HOOKS))
        for name in ("postprovision", "keys", "arm"):
            sys.modules.pop(name, None)


class ResourceManager:
    """Keeps what was put and answers what was kept; `refuse` maps an end of a path to a status."""

    def __init__(self) -> None:
        self.kept: dict[str, dict] = {}
        self.puts: list[str] = []
        self.refuse: dict[tuple[str, str], int] = {}
        manager = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self, status: int, body: dict) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def _refused(self) -> bool:
                path = self.path.split("?")[0]
                for (verb, end), status in manager.refuse.items():
                    if verb == self.command and path.endswith(end):
                        self._answer(status, {"error": {"code": "No", "message": "because"}})
                        return True
                return False

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                if self._refused():
                    return
                if path in manager.kept:
                    self._answer(200, manager.kept[path])
                else:
                    self._answer(404, {"error": {"code": "NotFound"}})

            def do_PUT(self) -> None:
                path = self.path.split("?")[0]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self._refused():
                    return
                manager.puts.append(path)
                if "/deployments/" in path:
                    body["properties"]["provisioningState"] = "Succeeded"
                manager.kept[path] = body
                self._answer(201, body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def manager() -> Iterator[ResourceManager]:
    one = ResourceManager()
    yield one
    one.server.shutdown()
    one.server.server_close()


def test_first_run_makes_both_keys_of_32_bytes(hooks, manager: ResourceManager):
    arm = hooks.Arm("token", manager.url)
    assert hooks.seed(arm, VAULT) == ["scim-pepper", "scim-data-key"]
    kept = [manager.kept[f"{VAULT}/secrets/{name}"] for name in ("scim-pepper", "scim-data-key")]
    values = [secret["properties"]["value"] for secret in kept]
    assert [len(base64.urlsafe_b64decode(value + "=")) for value in values] == [32, 32]
    assert values[0] != values[1]


def test_later_runs_touch_nothing(hooks, manager: ResourceManager):
    arm = hooks.Arm("token", manager.url)
    hooks.seed(arm, VAULT)
    before = json.dumps(manager.kept)
    assert hooks.seed(arm, VAULT) == []
    assert json.dumps(manager.kept) == before


def test_a_lost_key_does_not_take_the_other_with_it(hooks, manager: ResourceManager):
    arm = hooks.Arm("token", manager.url)
    hooks.seed(arm, VAULT)
    pepper = manager.kept[f"{VAULT}/secrets/scim-pepper"]
    del manager.kept[f"{VAULT}/secrets/scim-data-key"]
    assert hooks.seed(arm, VAULT) == ["scim-data-key"]
    assert manager.kept[f"{VAULT}/secrets/scim-pepper"] is pepper


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_failed_look_is_not_an_absence(hooks, manager: ResourceManager, status: int):
    manager.refuse["GET", "/secrets/scim-pepper"] = status
    with pytest.raises(hooks.ArmError, match=str(status)):
        hooks.seed(hooks.Arm("token", manager.url), VAULT)
    assert manager.puts == []


def test_a_deleted_key_stops_the_deployment_and_says_what_to_do(hooks, manager: ResourceManager):
    manager.refuse["PUT", "/secrets/scim-pepper"] = 409
    with pytest.raises(hooks.ArmError, match="recover it"):
        hooks.seed(hooks.Arm("token", manager.url), VAULT)


def test_it_prints_where_to_go_and_no_key(hooks, manager: ResourceManager):
    lines = "\n".join(hooks.run(hooks.Arm("token", manager.url), ENVIRONMENT))
    for wanted in ("https://app/scim/v2", "203.0.113.7", "https://app/console"):
        assert wanted in lines
    for name in ("scim-pepper", "scim-data-key"):
        assert manager.kept[f"{VAULT}/secrets/{name}"]["properties"]["value"] not in lines
    assert "Budget        none" in lines


def test_a_metrics_token_is_made_once_where_it_is_wanted_and_not_printed(hooks, manager: ResourceManager):
    arm, token = hooks.Arm("token", manager.url), f"{VAULT}/secrets/scim-metrics-token"
    hooks.run(arm, ENVIRONMENT)
    assert token not in manager.kept
    lines = "\n".join(hooks.run(arm, ENVIRONMENT | {"SCIM_SERVE_METRICS": "true"}))
    made = manager.kept[token]["properties"]["value"]
    assert len(base64.urlsafe_b64decode(made + "=")) == 32
    assert made not in lines
    hooks.run(arm, ENVIRONMENT | {"SCIM_SERVE_METRICS": "true"})
    assert manager.kept[token]["properties"]["value"] == made


def test_headers_of_the_collector_go_into_the_vault_and_nowhere_else(hooks, manager: ResourceManager):
    lines = "\n".join(hooks.run(hooks.Arm("token", manager.url), ENVIRONMENT | {"SCIM_TELEMETRY_HEADERS": "api-key=k1"}))
    assert manager.kept[f"{VAULT}/secrets/scim-telemetry-headers"]["properties"]["value"] == "api-key=k1"
    assert "k1" not in lines
    assert "k1" not in json.dumps({k: v for k, v in manager.kept.items() if "/deployments/" in k})


def test_the_workbook_is_deployed_with_its_queries(hooks, manager: ResourceManager):
    hooks.run(hooks.Arm("token", manager.url), ENVIRONMENT)
    sent = manager.kept[f"{GROUP}/providers/Microsoft.Resources/deployments/scim-workbook"]["properties"]
    assert set(sent["parameters"]) == set(sent["template"]["parameters"])
    items = json.loads(sent["parameters"]["serializedData"]["value"])["items"]
    queries = [item["content"].get("query") for item in items]
    assert [query for query in queries if query and "AppTraces" not in query] == []


def test_a_budget_keeps_the_day_it_began(hooks, manager: ResourceManager):
    arm = hooks.Arm("token", manager.url)
    budget = f"{GROUP}/providers/Microsoft.Consumption/budgets/scim-connector"
    assert hooks.first_day(arm, GROUP, dt.date(2026, 5, 17)) == "2026-05-01T00:00:00Z"
    manager.kept[budget] = {"properties": {"timePeriod": {"startDate": "2025-01-01T00:00:00Z"}}}
    assert hooks.first_day(arm, GROUP, dt.date(2026, 5, 17)) == "2025-01-01T00:00:00Z"


def test_a_budget_is_deployed_when_asked_for(hooks, manager: ResourceManager):
    wanted = {"SCIM_MONTHLY_BUDGET": "50", "SCIM_ALERT_EMAILS": "a@b.example,"}
    hooks.run(hooks.Arm("token", manager.url), ENVIRONMENT | wanted)
    sent = manager.kept[f"{GROUP}/providers/Microsoft.Resources/deployments/scim-budget"]["properties"]["parameters"]
    assert (sent["amount"]["value"], sent["emails"]["value"]) == (50, ["a@b.example"])


def test_a_failed_deployment_is_an_error(hooks, manager: ResourceManager):
    manager.refuse["PUT", "/deployments/scim-workbook"] = 400
    with pytest.raises(hooks.ArmError, match="400 No: because"):
        hooks.run(hooks.Arm("token", manager.url), ENVIRONMENT)
