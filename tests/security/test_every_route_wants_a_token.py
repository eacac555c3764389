"""Every route demands authentication: the running app is asked which routes there are (Casdoor CVE-2025-4210)."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from scim.access.tokens import digest, mint
from scim.store.tokens import Tokens
from tests.door import ERROR, HOST, Door, function_app, patch, user

OPEN = {"health", "oauth_token", "console", "metrics"}
"""Functions with a door of their own: an open "up", a log-in, people's sign-in, a token from the settings."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def routes() -> list[tuple[str, str]]:
    """Function name and a path that it answers, for each HTTP trigger of function_app.py."""
    found = []
    for function in function_app(lambda: None).get_functions():
        trigger = function.get_trigger()
        if hasattr(trigger, "route"):
            found.append((str(function.get_function_name()), "/" + str(trigger.route)))
    return found


def paths(route: str) -> list[str]:
    rest = "{*rest}"
    return (
        [route.replace(rest, more).rstrip("/") or "/" for more in ("", "2", ".search", "2/x")]
        if rest in route
        else [route]
    )


async def ask(door: Door, method: str, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=await door.host()), base_url=HOST) as client:
        return await client.request(
            method, path, headers=headers, content=b"{}" if method in {"POST", "PUT", "PATCH"} else None
        )


@pytest.mark.parametrize(("name", "route"), routes())
async def test_no_route_answers_without_a_token(name: str, route: str) -> None:
    """N of N: discovery, errors of routing and search included; and the vault is not asked."""
    if name in OPEN or name == "zz_anything":
        return
    door = Door(bare=True)
    for path in paths(route):
        for method in METHODS:
            answer = await ask(door, method, path)
            if name == "health_deep" and method != "GET":
                assert answer.status_code in {401, 404, 405}
                continue
            assert 401 == answer.status_code, f"{method} {path}: {answer.status_code}"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            if method != "HEAD" and "/v1/" not in path and not path.endswith("/v1"):
                assert ERROR in answer.json()["schemas"]
    assert [] == door.calls()


def test_the_routes_are_the_ones_that_were_judged() -> None:
    """A new function that is open by design has to be named here."""
    names = {name for name, _ in routes()}
    assert {"scim_users", "scim_groups", "scim_schemas", "scim_bulk", "health_deep"} <= names
    assert OPEN - names <= {"metrics"}


async def test_what_nothing_serves_is_404_and_says_nothing() -> None:
    door = Door(bare=True)
    for path in ("/", "/scim", "/admin", "/api/Users", "/.env", "/scim/v3/Users"):
        answer = await ask(door, "GET", path)
        assert answer.status_code in {200, 404}
        assert "svc-scim" not in answer.text
    assert [] == door.calls()


async def test_health_is_open_and_says_only_that_the_process_answers() -> None:
    door = Door(bare=True)
    answer = await ask(door, "GET", "/health")
    assert (200, {"status": "up"}) == (answer.status_code, answer.json())
    assert [] == door.calls()


SHAPES: dict[str, str] = {
    "nothing": "",
    "the word alone": "Bearer",
    "the word and blanks": "Bearer    ",
    "another scheme": "Token abc",
    "basic": "Basic Og==",
    "basic without colon": "Basic YWJj",
    "garbage": "Bearer " + "x" * 60,
    "a header of 9 kB": "Bearer " + "x" * 9000,
    "two tokens": "Bearer a b",
    "non-ASCII": "Bearer é☃",
    "a JWT without signature": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    "a JWT": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "null": "Bearer null",
    "undefined": "Bearer undefined",
    "NUL": "Bearer ssc_\x00",
    "SQL": "Bearer ' or '1'='1",
    "a well-formed stranger": "Bearer " + mint().text,
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_whatever_is_no_token_of_ours_is_401(shape: str) -> None:
    """Never a 500, never a word about what was sent; the vault is not asked."""
    door = Door(bare=True)
    await door.client()
    transport = httpx.ASGITransport(app=await door.host())
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        headers = httpx.Headers([(b"authorization", SHAPES[shape].encode())])
        answer = await client.get("/scim/v2/Users", headers=headers)
    assert 401 == answer.status_code
    assert [ERROR] == answer.json()["schemas"]
    secret = SHAPES[shape].partition(" ")[2]
    assert not secret.strip() or len(secret) < 4 or secret not in answer.text
    assert [] == door.calls()


async def test_a_revoked_an_expired_and_a_mistyped_token_are_401() -> None:
    door = Door(bare=True)
    connection = await door.connection()
    tokens = Tokens(door.store.table("tokens"))
    revoked, expired, good = await door.token(connection), mint(), await door.token(connection)
    await tokens.revoke(revoked.key_id)
    await make_expired(door, connection.id, expired)
    for token in (revoked, expired):
        async with await door.open(token) as client:
            assert 401 == (await client.get("/Users")).status_code
    for wrong in (good.text[:-1], good.text + "x", good.text.swapcase(), good.text[:20] + "A" + good.text[21:]):
        async with await door.open(None) as client:
            answer = await client.get("/Users", headers={"Authorization": f"Bearer {wrong}"})
        assert 401 == answer.status_code
    async with await door.open(good) as client:
        assert 200 == (await client.get("/Users")).status_code


async def make_expired(door: Door, connection: Any, token: Any) -> None:
    pepper = (await door.connector.keys.keys()).pepper
    await Tokens(door.store.table("tokens")).add(connection, token.key_id, digest(token, pepper))
    table = door.store.table("tokens")
    for key, row in list(table.rows.items()):
        if key[1] == f"key|{token.key_id}":
            late = {
                n: (datetime.now(UTC) - timedelta(seconds=1) if n == "expires" else v) for n, v in row.values.items()
            }
            table.rows[key] = replace(row, values=late)


async def test_a_revoked_token_is_refused_within_the_time_that_rows_are_believed() -> None:
    """Under load, with a short time: refused after it at the latest, and never accepted again."""
    door = Door(bare=True, settings={"connection_cache_seconds": 0.3})
    connection = await door.connection()
    token = await door.token(connection)
    async with await door.open(token) as client:
        assert 200 == (await client.get("/ServiceProviderConfig")).status_code
        await Tokens(door.store.table("tokens")).revoke(token.key_id)
        await asyncio.sleep(0.35)
        answers = await asyncio.gather(*(client.get("/ServiceProviderConfig") for _ in range(20)))
    assert {401} == {a.status_code for a in answers}


async def test_a_disabled_connection_is_refused() -> None:
    door = Door(bare=True, settings={"connection_cache_seconds": 0.1})
    connection = await door.connection()
    async with await door.open(await door.token(connection)) as client:
        assert 200 == (await client.get("/ServiceProviderConfig")).status_code
        await door.connector.connections.update(connection.id, enabled=False)
        await asyncio.sleep(0.15)
        assert 401 == (await client.get("/ServiceProviderConfig")).status_code


async def test_more_requests_than_allowed_are_429_and_leave_others_alone() -> None:
    door = Door(bare=True, settings={"requests_per_second": 5, "burst": 5})
    flood, other = await door.client("flood"), await door.client("other")
    answers = await asyncio.gather(*(flood.get("/ServiceProviderConfig") for _ in range(30)))
    refused = [a for a in answers if a.status_code == 429]
    assert len(refused) >= 20
    assert {200, 429} == {a.status_code for a in answers}
    assert all(int(a.headers["retry-after"]) >= 1 for a in refused)
    assert all(a.json()["schemas"] == [ERROR] for a in refused)
    assert 200 == (await other.get("/ServiceProviderConfig")).status_code


async def test_the_tables_hold_no_token() -> None:
    """Not in clear, not in base64, not in part: without the pepper a dump of the tables opens nothing."""
    door = Door(bare=True)
    token = await door.token(await door.connection())
    async with await door.open(token) as client:
        await client.post("/Users", json=user("ann"))
        await client.patch("/Users/99", json=patch())
    await door.connector.recorder.flush()
    await door.connector.trail.close()
    dump = repr([row for name in door.store.tables for row in door.rows(name)])
    secret = token.text.split("_", 2)[2]
    for form in (token.text, secret, secret[:16], base64.b64encode(token.text.encode()).decode()[:40]):
        assert form not in dump
    assert token.key_id in dump
