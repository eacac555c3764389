"""/metrics: what it says, to whom, and that nobody can make it grow."""

from __future__ import annotations

import re

import httpx
import pytest
from pydantic import SecretStr

from scim.context import UpstreamCall
from scim.metrics import BUCKETS, Gauge, Metrics
from scim.settings import Settings
from tests.door import HOST, Door, user

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? (\+Inf|-?[0-9.e+-]+)')


def samples(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in lines), [line for line in lines if not SAMPLE.fullmatch(line)]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def scrape(door: Door, *, method: str = "GET", **headers: str | bytes) -> httpx.Response:
    transport = httpx.ASGITransport(app=await door.host())
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        return await client.request(method, "/metrics", headers=headers)


def test_buckets_add_up_and_end_with_the_count():
    metrics = Metrics()
    for ms in (1, 7, 60_000):
        metrics.note("GET", "/Users", 200, ms, [UpstreamCall("GET", "/v1/users", 200, 3.0)])
    found = samples(metrics.text())
    series = 'scim_request_seconds_bucket{method="GET",route="/Users",le="%s"}'
    assert [1, 2, 2, 3] == [found[series % le] for le in ("0.005", "0.01", "45", "+Inf")]
    assert found['scim_request_seconds_count{method="GET",route="/Users"}'] == 3
    assert found['scim_requests_total{method="GET",route="/Users",status="200"}'] == 3
    assert found['scim_upstream_calls_total{method="GET",path="/v1/users",status="200"}'] == 3
    assert list(BUCKETS) == sorted(BUCKETS)


def test_labels_are_escaped():
    gauge = Gauge("scim_x", "Any.", {(("vault", 'a"b\\c\nd'),): 1.0})
    assert 'scim_x{vault="a\\"b\\\\c\\nd"} 1' in Metrics().text([gauge])


def test_made_up_routes_do_not_make_endless_series():
    metrics = Metrics()
    for number in range(5_000):
        metrics.note("GET", f"/{number}", 404, 1, [])
    assert len(metrics.text().splitlines()) < 12_000
    assert 'route="other"' in metrics.text()


async def test_without_a_token_in_the_settings_there_is_nothing():
    for settings in ({}, {"metrics_token": SecretStr("")}):
        door = Door(settings=settings)
        assert (await scrape(door, authorization="Bearer ")).status_code == 404
        assert (await scrape(door)).status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic canary", "Bearer canary-metric", "bearer é"])
async def test_only_the_token_opens_it(header: str):
    door = Door(settings={"metrics_token": SecretStr("canary-metrics")})
    headers = {"authorization": header.encode()} if header else {}
    assert (await scrape(door, **headers)).status_code == 401
    assert (await scrape(door, authorization="Bearer canary-metrics")).status_code == 200
    assert (await scrape(door, method="POST", authorization="Bearer canary-metrics")).status_code == 404


async def test_it_tells_requests_calls_and_what_waits_for_a_human():
    door = Door(settings={"metrics_token": SecretStr("canary-metrics")})
    client = await door.client()
    made = (await client.post("/Users", json=user("ann"))).json()["id"]
    assert (await client.get(f"/Users/{made}")).status_code == 200
    stranger = await door.open(None)
    assert (await stranger.get("/Canary/1")).status_code == 401
    answer = await scrape(door, authorization="Bearer canary-metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = samples(answer.text)
    assert found['scim_requests_total{method="POST",route="/Users",status="201"}'] == 1
    assert found['scim_requests_total{method="GET",route="/Users/{id}",status="200"}'] == 1
    assert found['scim_requests_total{method="GET",route="-",status="401"}'] == 1
    assert found['scim_upstream_calls_total{method="POST",path="/v1/users",status="200"}'] == 1
    assert found['scim_journal_open{vault="vault"}'] == 0
    assert found['scim_breaker_changes{connection="entra"}'] == 0
    assert found['scim_vault_circuit_open{vault="vault"}'] == 0
    assert "scim_audit_backlog" in found
    assert found["scim_storage_reachable"] == 1
    assert "Canary" not in answer.text
    assert "ann" not in answer.text.replace("Answered", "").replace("announced", "").replace("Announced", "")


async def test_tables_that_are_away_are_a_number_and_no_error():
    door = Door(settings={"metrics_token": SecretStr("canary-metrics")})
    await door.client()
    door.store.fail_next(100)
    answer = await scrape(door, authorization="Bearer canary-metrics")
    assert answer.status_code == 200
    assert samples(answer.text)["scim_storage_reachable"] == 0


def test_a_reference_that_the_platform_could_not_resolve_is_no_token() -> None:
    """Else its text, which everybody can write down, would open /metrics."""
    unresolved = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/scim-metrics-token)"
    assert Settings(metrics_token=unresolved, console_client_secret=unresolved).metrics_token is None
    assert Settings(metrics_token=unresolved, console_client_secret=unresolved).console_client_secret is None
