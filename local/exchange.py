"""One HTTP exchange in the host's terms: what becomes of a request before a function sees it, and of its answer.

Everything here is a property of the real host that an app can trip over: `%2F` stays encoded in a path, empty query
values vanish, repeated names are joined by commas, the second of two equal response headers is lost.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, quote, unquote_to_bytes

RawHeaders = Iterable[tuple[bytes, bytes]]


class BadPath(Exception):
    """A path that Kestrel refuses with 400."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the host tells the worker about a request."""

    method: str
    url: str
    headers: dict[str, str]
    query: dict[str, str]
    route: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Cookie:
    name: str
    value: str
    domain: str = ""
    path: str = ""
    expires: datetime | None = None
    max_age: float | None = None
    secure: bool = False
    http_only: bool = False
    same_site: str = ""

    def header(self) -> str:
        """As ASP.NET writes it: the value is escaped once more and the attribute names are in lower case."""
        parts = [f"{self.name}={quote(self.value, safe='-._~')}"]
        if self.expires is not None:
            parts.append(self.expires.strftime("expires=%a, %d %b %Y %H:%M:%S GMT"))
        if self.max_age is not None:
            parts.append(f"max-age={int(self.max_age)}")
        parts += [f"{name}={value}" for name, value in (("domain", self.domain), ("path", self.path)) if value]
        if self.secure:
            parts.append("secure")
        if self.same_site:
            parts.append(f"samesite={self.same_site}")
        if self.http_only:
            parts.append("httponly")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function returned."""

    status: int = 200
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""
    cookies: tuple[Cookie, ...] = field(default=())

    def wire_headers(self) -> list[tuple[bytes, bytes]]:
        """The first header of a name wins, whatever its case; only Set-Cookie may come twice."""
        seen: set[bytes] = set()
        sent = []
        for name, value in self.headers:
            key = name.lower().encode("latin-1")
            if key not in seen:
                seen.add(key)
                sent.append((key, value.encode("utf-8")))
        if b"content-type" not in seen and self.body:
            sent.append((b"content-type", b"text/plain; charset=utf-8"))
        if b"content-length" not in seen and self.status not in (204, 304):
            sent.append((b"content-length", str(len(self.body)).encode()))
        sent += [(b"set-cookie", cookie.header().encode("utf-8")) for cookie in self.cookies]
        return sent


# A path that decoding, dot segments and re-encoding leave as it is. `/.` may begin a dot segment: the long way.
_PLAIN = re.compile(rb"(?:/(?!\.)[A-Za-z0-9\-._~]*)+")
_ENCODED = re.compile(rb"%[0-9A-Fa-f]{2}")
_KEPT_SLASH = re.compile(rb"%2[Ff]")
_LOST = re.compile("[\ud800-\udfff]+")
# PathString leaves these as they are, and whatever already looks percent-encoded.
_PATH_SAFE = "-._~!$&'()*+,;=:@/"


def paths(raw: bytes) -> tuple[str, str]:
    """The path that routes are matched against, and the path that `req.url` shows."""
    if _PLAIN.fullmatch(raw):
        text = raw.decode("ascii")
        return text, text
    decoded = _without_dots(_unescaped(raw))
    return decoded, _escaped(decoded)


def _unescaped(raw: bytes) -> str:
    """Kestrel unescapes everything except %2F and leaves bytes alone that are not UTF-8."""
    if b"%00" in raw:
        raise BadPath
    pieces = _KEPT_SLASH.split(raw)
    kept = [*_KEPT_SLASH.findall(raw), b""]
    text = b"".join(unquote_to_bytes(piece) + slash for piece, slash in zip(pieces, kept, strict=True))
    decoded = text.decode("utf-8", "surrogateescape")
    return _LOST.sub(lambda found: quote(found.group().encode("utf-8", "surrogateescape")), decoded)


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _escaped(path: str) -> str:
    raw = path.encode("utf-8")
    shown, at = "", 0
    for found in _ENCODED.finditer(raw):
        shown += quote(raw[at : found.start()], safe=_PATH_SAFE) + found.group().decode()
        at = found.end()
    return shown + quote(raw[at:], safe=_PATH_SAFE)


def query_of(raw: bytes) -> dict[str, str]:
    """`req.params`: names ignore case, repeats are joined by commas, empty values are gone."""
    if not raw:
        return {}
    query: dict[str, str] = {}
    spelling: dict[str, str] = {}
    for name, value in parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True):
        if value:
            known = spelling.setdefault(name.lower(), name)
            query[known] = f"{query[known]},{value}" if known in query else value
    return query


def headers_of(raw: RawHeaders) -> dict[str, str]:
    """Names in lower case (the server's parser did that), repeats joined by a comma."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("utf-8", "replace")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


def forwarded(known: str | None, client: tuple[str, int] | None) -> str:
    """Azure's front end appends the caller as `address:port`. Only the last entry of the list can be trusted."""
    caller = f"{client[0]}:{client[1]}" if client else "unknown"
    return f"{known}, {caller}" if known else caller
