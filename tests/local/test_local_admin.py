"""The host's own routes belong to the host, whatever the app catches."""

from __future__ import annotations

import httpx

from local.host import Host
from tests.door import HOST, ROOT, Door, _Indexed, function_app


async def test_a_catch_all_does_not_swallow_the_hosts_own_routes() -> None:
    """`POST /admin/functions/timer_upkeep` fires the timer, as in Azure, although the app answers every other path."""
    door = Door(bare=True)
    host = Host(_Indexed(function_app(lambda: door.connector)), ROOT)
    await host.load()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=host), base_url=HOST) as client:
        assert 202 == (await client.post("/admin/functions/timer_upkeep", json={})).status_code
        assert 404 == (await client.post("/admin/functions/none", json={})).status_code
        assert "scim_users" in {f["name"] for f in (await client.get("/admin/functions")).json()}
    await host.stop(within=1)
