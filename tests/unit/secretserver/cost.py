"""CPU per upstream call, with `.venv/bin/python -m simulator --port 7999` running beside it:

    .venv/bin/python tests/unit/secretserver/cost.py

Prints CPU ms and wall ms a call at concurrency 1 and 16, for the whole client and for the transport alone, and the
CPU of a page of 100 users from bytes to words. Figures of one machine, to compare with each other.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import httpx
from pydantic import SecretStr

from scim.model import UserId, Vault, VaultId
from scim.secretserver import operations, wire
from scim.secretserver.connection import open_transport
from scim.secretserver.directory import SecretServerDirectory

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7999"
CALLS = 2000


async def measure(name: str, call: object, width: int) -> None:
    async def worker(count: int) -> None:
        for _ in range(count):
            await call()  # type: ignore[operator]

    await worker(50)
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker(CALLS // width) for _ in range(width)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{name:22} concurrency {width:2}: {cpu / CALLS * 1000:.2f} ms CPU, {wall / CALLS * 1000:.2f} ms wall a call")


async def main() -> None:
    vault = Vault(id=VaultId("v"), name="v", url=URL, username="svc-scim")
    directory = SecretServerDirectory.connect(vault, SecretStr("simulator-only"), insecure=True)
    token = await directory.client.authentication.token()
    bare = open_transport(32, loopback=True)

    async def plain() -> None:
        headers = [("Authorization", f"Bearer {token.value}")]
        answer = await bare.handle_async_request(httpx.Request("GET", f"{URL}/api/v1/users/1", headers=headers))
        await answer.aread()
        await answer.aclose()

    async def read() -> None:
        await directory.client.call(operations.READ_USER, wire.UserRow, 1, query=(("includeInactive", "true"),))

    for width in (1, 16):
        await measure("transport alone", plain, width)
        await measure("client.call", read, width)
        await measure("directory.user", lambda: directory.user(UserId(1)), width)
    page = json.dumps({"records": [row(i) for i in range(100)], "total": 100, "hasNext": False}).encode()
    cpu = time.process_time()
    for _ in range(300):
        [wire.to_user(r) for r in wire.Page[wire.UserRow].model_validate_json(page).records]
    print(f"page of 100 users: {(time.process_time() - cpu) / 300 * 1000:.2f} ms CPU")
    await bare.aclose()
    await directory.aclose()


def row(number: int) -> dict[str, object]:
    return {
        "id": number + 1,
        "userName": f"ann{number}",
        "displayName": f"Ann {number}",
        "emailAddress": f"ann{number}@corp.example",
        "domainId": -1,
        "domainName": "Local",
        "enabled": True,
        "created": "2024-05-01T10:11:12.123",
        "isApplicationAccount": False,
        "isLockedOut": False,
        "lastLogin": "2024-05-01T10:11:12.123",
        "loginFailures": 0,
        "twoFactorMethod": "None",
    }


if __name__ == "__main__":
    asyncio.run(main())
