"""What was asked of the vault: a journal of calls with its stamps, and bodies with the passwords taken out."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

KEPT_CALLS = 200_000
KEPT_BYTES = 64 * 1024 * 1024
LARGEST_BODY = 65_536
_HIDDEN = ("password", "token", "secret_value", "itemvalue", "client_secret", "passphrase", "privatekey")
_BARE_VALUES = ("/fields/", "/generate-password/")
"""Paths whose bodies are a secret's value and nothing else."""
_START = time.perf_counter()


def stamp() -> float:
    """Milliseconds since the process began."""
    return round((time.perf_counter() - _START) * 1000, 3)


@dataclass(slots=True)
class Record:
    method: str
    path: str
    query: str
    status: int
    started: float
    ended: float
    request: bytes = b""
    answer: bytes = b""
    form: bool = False


class Journal:
    def __init__(self) -> None:
        self.records: deque[Record] = deque(maxlen=KEPT_CALLS)
        self._bodied: deque[Record] = deque()
        self._bytes = 0
        self.count = 0

    def add(self, record: Record) -> None:
        self.count += 1
        self.records.append(record)

    def keep(self, record: Record, request: bytes, answer: bytes) -> None:
        """Keep the bodies of a call; the oldest bodies go when there are too many bytes."""
        record.request = request if len(request) <= LARGEST_BODY else b""
        record.answer = answer if len(answer) <= LARGEST_BODY else b""
        self._bodied.append(record)
        self._bytes += len(record.request) + len(record.answer)
        while self._bytes > KEPT_BYTES:
            old = self._bodied.popleft()
            self._bytes -= len(old.request) + len(old.answer)
            old.request = old.answer = b""

    def clear(self) -> None:
        self.records.clear()
        self._bodied.clear()
        self._bytes = self.count = 0

    def shown(self, *, full: bool) -> list[dict[str, Any]]:
        return [_shown(r, full=full) for r in self.records]


def _shown(record: Record, *, full: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "method": record.method,
        "path": record.path,
        "query": record.query,
        "status": record.status,
    }
    if full:
        bare = any(part in record.path.lower() for part in _BARE_VALUES)
        found |= {
            "started": record.started,
            "ended": record.ended,
            "request": "***" if bare else _body(record.request, form=record.form),
            "answer": "***" if bare else _body(record.answer, form=False),
        }
    return found


def _body(raw: bytes, *, form: bool) -> Any:
    if not raw:
        return None
    if form:
        return redacted(dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)))
    try:
        return redacted(orjson.loads(raw))
    except orjson.JSONDecodeError:
        return "(not JSON)"


def redacted(value: Any) -> Any:
    """The same JSON with every password, token and secret value replaced."""
    if isinstance(value, dict):
        return {k: "***" if _hides(k, v) else redacted(v) for k, v in value.items()}
    if isinstance(value, list):
        return [redacted(v) for v in value]
    return value


def _hides(name: str, value: Any) -> bool:
    lower = name.lower()
    if lower == "secretfields":
        return True
    if isinstance(value, dict) and set(value) <= {"dirty", "value"}:
        return lower.endswith("password")
    return isinstance(value, str) and any(h in lower for h in _HIDDEN) and lower != "token_type"
