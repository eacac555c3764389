"""The one door of the console: who is it, may they, was it really them, and the headers that every answer carries.

Forgery: a browser tells with Sec-Fetch-Site where a request came from; older ones tell the Origin. A request that
changes something must come from our own pages, or carry a key and no cookie (a script). No tokens in forms to forget.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from scim.console.desk import Desk
from scim.console.people import LONGEST_SECONDS, RENEW_SECONDS, Cookies, Person, Role
from scim.errors import ConnectorError, Forbidden, NotAllowed, TooLarge, Unauthenticated

MOST_BODY = 8 * 1024 * 1024  # a set-up document of some thousand connections
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Door:
    """One line of the route table: what is behind it, and who may pass. Nothing is reachable that is not in the table.

    `quiet`: a page that asks by itself; it must not keep an idle session alive. `foreign`: a POST that is meant to come
    from another site (the identity platform's answer), and proves itself in another way.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: Endpoint
    role: Role
    quiet: bool = False
    foreign: bool = False
    title: str = ""  # of an operation of the JSON API
    body: Any = None  # its model
    query: tuple[str, ...] = ()
    answer: tuple[int, tuple[str, ...]] = (200, ("application/json",))  # its status and media types


def loopback(request: Request) -> bool:
    return (urlsplit(f"//{request.headers.get('host', '')}").hostname or "") in {"127.0.0.1", "localhost", "::1"}


def cookie_name(request: Request, name: str = "session") -> str:
    """`__Host-` ties a cookie to this host and to TLS; http on loopback has none."""
    return f"scim-console-{name}" if loopback(request) else f"__Host-scim-console-{name}"


def own_request(request: Request) -> bool:
    """Whether an unsafe request comes from our own pages, or from a program that no browser drives."""
    if "authorization" in request.headers and "cookie" not in request.headers:
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


class Gate:
    """Wraps every endpoint of the route table."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def guard(self, door: Door) -> Endpoint:
        async def serve(request: Request) -> Response:
            wants_json = request.url.path.startswith("/console/api")
            try:
                return await self._pass(door, request)
            except ConnectorError as error:
                if wants_json:
                    return problem(error)
                return await self._desk.error_page(request, error)

        return serve

    async def _pass(self, door: Door, request: Request) -> Response:
        if len(await request.body()) > MOST_BODY:
            raise TooLarge(f"The body is larger than {MOST_BODY:,} bytes")
        if request.method not in SAFE and not door.foreign and not own_request(request):
            raise Forbidden("This request did not come from a page of the console, and was not carried out")
        cookies = await self._desk.cookies()
        person = await self._who(request, cookies)
        request.state.person = person
        if door.role > Role.PUBLIC and person is None:
            return self._stranger(request)
        if person is not None and person.role < door.role:
            raise Forbidden(f"This needs the role {door.role.title}; you are signed in as {person.role.title}")
        response = await door.endpoint(request)
        if person is not None and person.way != "key" and not door.quiet and "set-cookie" not in response.headers:
            keep(request, response, cookies, person)
        return response

    async def _who(self, request: Request, cookies: Cookies) -> Person | None:
        header = request.headers.get("authorization")
        if header is not None and request.url.path.startswith("/console/api"):
            return await self._desk.key_holder(header)
        person = cookies.recall(request.cookies.get(cookie_name(request), ""))
        if person is not None and person.way == "development" and not self._desk.development(request):
            return None
        if person is not None and person.began < (await self._desk.connector.switches.read()).sessions_from:
            return None
        return person

    def _stranger(self, request: Request) -> Response:
        if request.url.path.startswith("/console/api"):
            raise Unauthenticated("Send a console key: Authorization: Bearer …; `scim.cli console key` makes one")
        target = "/console/sign-in"
        if request.headers.get("hx-request"):  # a part of a page cannot become the sign-in page: the whole one does
            return Response(status_code=204, headers={"hx-redirect": target})
        if request.method in {"GET", "HEAD"} and request.url.path not in {"/console", "/console/"}:
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            target += f"?next={_quoted(asked)}"
        return RedirectResponse(target, status_code=303)


def keep(request: Request, response: Response, cookies: Cookies, person: Person) -> None:
    """Write the session cookie, at sign-in and then about once a minute."""
    now = int(time.time())
    if now - person.seen < RENEW_SECONDS:
        return
    person = replace(person, seen=now, began=person.began or now)
    set_cookie(request, response, cookie_name(request), cookies.remember(person), seconds=LONGEST_SECONDS)


def set_cookie(request: Request, response: Response, name: str, value: str, *, seconds: int, site: Any = "lax") -> None:
    response.set_cookie(
        name, value, max_age=seconds, path="/", httponly=True, samesite=site, secure=not loopback(request)
    )


def problem(error: ConnectorError) -> JSONResponse:
    """An error of the JSON API (RFC 9457)."""
    body = {"type": "about:blank", "status": error.status, "title": type(error).__name__, "detail": error.detail}
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    if error.status == 401:
        headers["www-authenticate"] = 'Bearer realm="console"'
    return JSONResponse(body, error.status, headers, "application/problem+json")


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="/")


class Hardened:
    """Puts the headers on every answer, whatever made it, and turns unknown methods into words."""

    def __init__(self, application: Any, headers: Mapping[str, str] = HEADERS) -> None:
        self._application = application
        self._headers = [(n.encode(), v.encode()) for n, v in headers.items()]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def dressed(event: Any) -> None:
            if event["type"] == "http.response.start":
                there = {name for name, _ in event["headers"]}
                event["headers"] = [*event["headers"], *((n, v) for n, v in self._headers if n not in there)]
            await send(event)

        await self._application(scope, receive, dressed)


def not_allowed(methods: tuple[str, ...]) -> NotAllowed:
    return NotAllowed(f"This address answers to {', '.join(methods)}", allowed=methods)
