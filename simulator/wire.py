"""Unpleasant ways to answer: connections cut, bodies that never end, or end too early.

Over a socket the connection is really closed; in process there is none, so a ConnectionError takes its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from simulator.faults import HUGE
from simulator.http import JSON, Answer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def _transport(send: Send) -> Any:
    """The server's transport, which the ASGI server's send is bound to; None in process."""
    return getattr(getattr(send, "__self__", None), "transport", None)


async def cut(send: Send, receive: Receive) -> None:
    """Close without a word."""
    transport = _transport(send)
    if transport is None:
        raise ConnectionResetError("the simulator cut the connection")
    transport.abort()
    await hang(receive, 5)


async def hang(receive: Receive, seconds: float = 3600) -> None:
    """Nothing, until the client goes away."""
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
            while message["type"] != "http.disconnect":
                message = await receive()
    except TimeoutError:
        return


async def _start(send: Send, length: int, status: int = 200, content_type: bytes = JSON) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_truncated(send: Send, receive: Receive, found: Answer) -> None:
    """Half of the promised length, then the end of the connection."""
    await _start(send, len(found.body), found.status, found.content_type)
    await send({"type": "http.response.body", "body": found.body[: len(found.body) // 2], "more_body": True})
    transport = _transport(send)
    if transport is None:
        raise ConnectionResetError("the simulator cut the connection")
    transport.close()
    await hang(receive, 5)


async def send_dripping(send: Send, found: Answer) -> None:
    """One byte a second."""
    await _start(send, len(found.body), found.status, found.content_type)
    for place in range(len(found.body)):
        await send(
            {
                "type": "http.response.body",
                "body": found.body[place : place + 1],
                "more_body": place + 1 < len(found.body),
            }
        )
        await asyncio.sleep(1)


async def send_huge(send: Send) -> None:
    """Fifty megabytes of valid JSON."""
    head, tail, block = b'{"padding":"', b'"}', b"x" * 1_048_576
    await _start(send, HUGE + len(head) + len(tail))
    await send({"type": "http.response.body", "body": head, "more_body": True})
    for _ in range(HUGE // len(block)):
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": tail})
