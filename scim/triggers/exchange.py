"""Step 1: from the host's request to ours and back. Host quirks end here (azure-functions 2.x, Functions host v4)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import azure.functions as func

from scim.errors import LengthRequired, TooLarge

ALL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WITH_BODY = ("POST", "PUT", "PATCH")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as the steps below see it. Header names are lower case; `path` is decoded; the query is raw."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """The client's X-Request-Id where it is a harmless one, else our own."""
        given = self.headers.get("x-request-id", "")
        return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


@dataclass(slots=True)
class Outgoing:
    """An answer. `body` None: no content."""

    status: int
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "application/scim+json"


def read(request: func.HttpRequest) -> Incoming:
    """The host drops empty query values and joins repeated ones, so the query is taken from the URL."""
    parts = urlsplit(request.url)
    headers = {str(name).lower(): str(value) for name, value in request.headers.items()}
    return Incoming(
        method=(request.method or "GET").upper(),
        path=unquote(parts.path),
        raw_query=parts.query,
        headers=headers,
        body=request.get_body() or b"",
    )


def check_body(incoming: Incoming, most: int) -> None:
    """:raises LengthRequired: A chunked body, which the host delivers empty. :raises TooLarge:"""
    if incoming.method not in WITH_BODY:
        return
    if not incoming.body and "transfer-encoding" in incoming.headers:
        raise LengthRequired("Send the body with a Content-Length: a chunked body does not arrive here")
    if len(incoming.body) > most:
        raise TooLarge(f"The body has {len(incoming.body)} bytes; at most {most} are read")


def write(outgoing: Outgoing, *, head: bool = False) -> func.HttpResponse:
    """A media type is always set: the host would invent text/plain even for 204."""
    return func.HttpResponse(
        body=None if head else outgoing.body,
        status_code=outgoing.status,
        headers=outgoing.headers,
        mimetype=outgoing.media_type,
    )


def media_type(headers: Mapping[str, str]) -> str:
    """application/scim+json, unless the client asks for plain JSON only (OneLogin; RFC 7644 §3.1, §8.1)."""
    accepted = headers.get("accept", "").casefold()
    plain = "application/json" in accepted and "application/scim+json" not in accepted
    return "application/json" if plain else "application/scim+json"
