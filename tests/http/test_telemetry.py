"""OpenTelemetry by switch: the spans of a request over the running stack, and nothing of it where it is off."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.conftest import KEYS, ROOT, Stack, start_stack, stop_stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("telemetry")]
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CANARY = "canary-7c1e"


class Collector:
    """What an OpenTelemetry collector would have received."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self, trace: str) -> list[Any]:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                found += [s for scope in resource.scope_spans for s in scope.spans if s.trace_id.hex() == trace]
        return found


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Collector]]:
    collector = Collector()
    switches = {"SCIM_OPEN_TELEMETRY": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    stack, process = start_stack(
        tmp_path_factory.mktemp("watched"), "--users", "10", **KEYS, **switches, OTEL_BSP_SCHEDULE_DELAY="100"
    )
    yield stack, collector
    stop_stack(process)
    collector.server.shutdown()


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_a_request_is_a_child_of_its_caller_and_each_vault_call_a_child_of_it(watched: tuple[Stack, Collector]) -> None:
    stack, collector = watched
    sent = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-Id": "request-of-a-test"}
    stack.forget_calls()
    answer = stack.client.get(f'/Users?filter=userName eq "{CANARY}"', headers=sent)
    assert answer.status_code == 200
    until = time.monotonic() + 15
    while not any(s.kind == 2 for s in collector.spans(TRACE)):
        assert time.monotonic() < until, "no span arrived"
        time.sleep(0.1)
    spans = collector.spans(TRACE)
    (request,) = [s for s in spans if s.kind == 2]
    assert request.parent_span_id.hex() == CALLER
    assert request.name == "GET /Users"
    told = attributes(request)
    assert (200, "/Users", "request-of-a-test") == (
        told["http.response.status_code"], told["http.route"], told["scim.request_id"]
    )  # fmt: skip
    calls = [s for s in spans if s.kind == 3]
    assert len(stack.calls()) == len(calls) == told["scim.upstream_calls"]
    assert {request.span_id} == {s.parent_span_id for s in calls}
    assert all("{" in s.name or "/v1/" in s.name for s in calls)
    assert all(request.start_time_unix_nano <= s.start_time_unix_nano for s in calls)


def test_spans_hold_no_query_no_token_and_no_name(watched: tuple[Stack, Collector]) -> None:
    stack, collector = watched
    stack.client.get(f'/Users?filter=userName eq "{CANARY}"')
    made = stack.new_user(f"{CANARY}.person", displayName=CANARY)
    assert 204 == stack.client.delete(f"/Users/{made['id']}").status_code
    time.sleep(1)
    everything = b"".join(collector.bodies)
    assert everything
    for secret in (CANARY, stack.token, stack.token.split("_", 2)[2][:12], KEYS["SCIM_PEPPER"], "simulator-only"):
        assert secret.encode() not in everything


def test_nothing_of_it_is_imported_where_it_is_off() -> None:
    code = "import sys, function_app; sys.exit(any(m.partition('.')[0] == 'opentelemetry' for m in sys.modules))"
    assert 0 == subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode
