"""Requests, answers and the routing table: just enough HTTP for one API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from simulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from simulator.vault import User, Vault

JSON = b"application/json; charset=utf-8"
HTML = b"text/html; charset=utf-8"


@dataclass
class Answer:
    status: int
    body: bytes
    content_type: bytes = JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


def answer(value: Any, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))


def page(title: str, text: str, status: int) -> Answer:
    """An HTML page such as IIS, a login redirect or a web application firewall sends."""
    body = (
        f"<!DOCTYPE html>\r\n<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    )
    return Answer(status, body.encode(), HTML)


@dataclass
class Call:
    """One request, as the handlers see it.  `account` is the user whose token came along."""

    vault: Vault
    method: str
    path: str
    raw_query: str
    body: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    user: User | None = None

    @property
    def account(self) -> User:
        assert self.user is not None
        return self.user

    def id(self, name: str = "id") -> int:
        return int(self.params[name])

    # -- query, whose names .NET reads without regard to case
    @cached_property
    def query(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        legacy = self.vault.switches.legacy_paging
        for key, value in parse_qsl(self.raw_query, keep_blank_values=True):
            name = key.lower()
            if legacy:
                name = name.removeprefix("paging.")
            found.setdefault(name.removesuffix("[]"), []).append(value)
        return found

    def text(self, name: str) -> str:
        return self.query.get(name.lower(), [""])[-1]

    def texts(self, name: str) -> list[str]:
        return [v for v in self.query.get(name.lower(), []) if v]

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name).lower()
        if not value:
            return default
        if value not in {"true", "false"}:
            raise invalid({name: [f"The value '{value}' is not valid."]})
        return value == "true"

    def number(self, name: str) -> int | None:
        value = self.text(name)
        return _integer(name, value) if value else None

    def numbers(self, name: str) -> list[int]:
        return [_integer(name, v) for v in self.texts(name)]

    # -- body
    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as an object; property names keep their spelling, as vendor clients send camelCase."""
        if not self.body:
            raise ApiError("The request body is empty.")
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ApiError("The request body is not JSON.") from error
        if not isinstance(value, dict):
            raise ApiError("The request body is not an object.")
        return value

    # -- rights
    def may(self, *permissions: str) -> bool:
        held = self.vault.permissions_of(self.account)
        return any(p in held for p in permissions)

    def need(self, *permissions: str) -> None:
        if not self.may(*permissions):
            raise denied(self.vault)


def denied(vault: Vault) -> ApiError:
    """403 since 10.9.33, 400 before; the code is the same."""
    return ApiError("Access Denied", status=vault.switches.denied_status, code="API_AccessDenied")


def missing(vault: Vault, what: str) -> ApiError:
    """The facts declare no status for an id that is not there; the text is ours."""
    return ApiError(f"{what} not found.", status=vault.switches.missing_status)


def _integer(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise invalid({name: [f"The value '{value}' is not valid."]}) from error


Handler = Callable[[Call], Any]


@dataclass
class Route:
    method: str
    template: str
    handler: Handler
    needs: tuple[str, ...] = ()
    public: bool = False


class Routes:
    """A module's part of the routing table, filled by decorators."""

    def __init__(self) -> None:
        self.rows: list[Route] = []

    def on(self, method: str, template: str, *needs: str, public: bool = False) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            self.rows.append(Route(method, template, handler, needs, public))
            return handler

        return keep


class Router:
    """Path templates to handlers.  A fixed segment wins over a parameter; `{id}`-like parameters are integers only."""

    TEXT = frozenset({"slug", "name", "adGuid", "platformUserId"})

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = list(routes)
        self._fixed: dict[tuple[str, str], Route] = {}
        self._open: dict[tuple[str, int], list[tuple[list[str], Route]]] = {}
        self._templates: list[list[str]] = []
        for route in self.routes:
            parts = route.template.lower().split("/")
            if "{" in route.template:
                shown = route.template.split("/")
                parts = [s if s.startswith("{") else p for s, p in zip(shown, parts, strict=True)]
                self._open.setdefault((route.method, len(parts)), []).append((parts, route))
            else:
                self._fixed[route.method, route.template.lower()] = route
            self._templates.append(parts)
        for rows in self._open.values():
            rows.sort(key=lambda row: sum(part.startswith("{") for part in row[0]))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        path = path.rstrip("/")
        lower = path.lower()
        route = self._fixed.get((method, lower))
        if route:
            return route, {}
        segments = path.split("/")
        for parts, candidate in self._open.get((method, len(segments)), ()):
            params = self._match(parts, segments)
            if params is not None:
                return candidate, params
        return None

    def knows(self, path: str) -> bool:
        """Is there any method for this path?  Then the answer is 405, not 404."""
        segments = path.split("/")
        return any(len(t) == len(segments) and self._match(t, segments) is not None for t in self._templates)

    def _match(self, parts: list[str], segments: list[str]) -> dict[str, str] | None:
        params = {}
        for part, segment in zip(parts, segments, strict=True):
            if part.startswith("{"):
                name = part[1:-1]
                if name not in self.TEXT and not segment.removeprefix("-").isdecimal():
                    return None
                params[name] = segment
            elif part != segment.lower():
                return None
        return params
