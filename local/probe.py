"""One GET over a plain socket. Cancellable at any moment, and nothing to import that takes long."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


class Refused(Exception):
    """Nobody listens there, or no answer came in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes


async def get(url: str, headers: Mapping[str, str] | None = None, timeout: float = 5) -> Reply:  # noqa: ASYNC109
    """HTTP/1.1 with `Connection: close`, on plain http only: it is meant for loopback."""
    return await send("GET", url, headers or {}, b"", timeout)


async def send(method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Reply:  # noqa: ASYNC109
    parts = urlsplit(url)
    port = parts.port or 80
    lines = [f"{method} {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1"]
    lines += [f"Host: {parts.hostname}:{port}", "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        async with asyncio.timeout(timeout):
            raw = await _exchange(str(parts.hostname), port, ("\r\n".join(lines) + "\r\n\r\n").encode() + body)
    except (OSError, TimeoutError) as error:
        raise Refused(f"{url}: {type(error).__name__} {error}".rstrip()) from error
    head, _, rest = raw.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise Refused(f"{url}: no HTTP answer")
    return Reply(int(words[1]), _unchunked(rest) if b"transfer-encoding: chunked" in head.lower() else rest)


async def _exchange(host: str, port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.read(-1)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _unchunked(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        body += raw[:length]
        raw = raw[length + 2 :]
    return body
