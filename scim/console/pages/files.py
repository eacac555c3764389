"""The files that browsers load: few, named one by one in the folder, never a path from outside."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from scim.console.drawing import STATIC
from scim.errors import NotFound

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
_FILES = {path.name: path for path in STATIC.iterdir() if path.suffix.lstrip(".") in TYPES}
_READ: dict[str, bytes] = {}


async def static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        raise NotFound("There is no such file")
    if name not in _READ:
        _READ[name] = _FILES[name].read_bytes()  # small, and once a process
    kept = "public, max-age=31536000, immutable" if request.query_params.get("v") else "no-cache"
    media = TYPES[name.rpartition(".")[2]]
    return Response(_READ[name], media_type=media, headers={"cache-control": kept})
