"""SECURITY.md 12: who shows nothing gets nothing, by enumeration of every function of the app."""

from __future__ import annotations

import httpx
import pytest

from tests.door import HOST, Door, function_app

OPEN = {"health", "oauth_token", "console", "zz_anything"}
"""Up or not; where credentials are shown; its own sign-in; the 404 for what does not exist."""
NOT_HTTP = {"timer_upkeep"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def routes() -> dict[str, str]:
    app = function_app(lambda: None)
    found = {}
    for function in app.get_functions():
        name = function.get_function_name()
        for binding in function.get_bindings():
            route = getattr(binding, "route", None)
            if route is not None:
                found[name] = "/" + route.replace("{*rest}", "1")
    return found


def test_every_function_is_known_to_this_test():
    names = {function.get_function_name() for function in function_app(lambda: None).get_functions()}
    assert names - NOT_HTTP == set(routes())
    assert set(routes()) >= OPEN


@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer ssc_00000000_x", "Basic Og==", "Bearer ey.ey.ey"])
async def test_every_other_route_demands_credentials(header):
    door = Door()
    await door.connection()
    headers = {} if header is None else {"Authorization": header}
    transport = httpx.ASGITransport(app=await door.host())
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as client:
        for name, path in routes().items():
            if name in OPEN:
                continue
            for method in METHODS:
                answer = await client.request(method, path, content=b"{}" if method in METHODS[2:5] else None)
                assert answer.status_code in {401, 404, 405}, (method, path, answer.status_code)
                if name.startswith("scim_"):
                    assert answer.status_code == 401, (method, path, answer.status_code)
    assert door.changes() == []
