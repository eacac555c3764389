"""Step 1 for clients of SCIM 1.1 (Okta's on-prem agent, PingFederate): translated here, served like any other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from scim.errors import Unimplemented
from scim.protocol.limits import parse_json
from scim.protocol.scim11 import from_v2_response, to_v2_request, v1_location
from scim.triggers.exchange import WITH_BODY, Incoming, Outgoing

V1, V2 = "/scim/v1", "/scim/v2"
_LOCATIONS = ("Location", "Content-Location")


class Scim11:
    """The edge of /scim/v1."""

    def inward(self, incoming: Incoming) -> Incoming:
        """:raises InvalidSyntax: not JSON. :raises Unimplemented: 1.1's own bulk."""
        body: Any = parse_json(incoming.body) if incoming.method in WITH_BODY and incoming.body.strip() else None
        path = incoming.path[len(V1) :]
        method, path, query, body = to_v2_request(incoming.method, path, incoming.raw_query, incoming.headers, body)
        if path == "/Bulk":
            raise Unimplemented("Bulk is offered in SCIM 2.0 only")
        headers = {**incoming.headers, "content-type": "application/scim+json"}
        raw = b"" if body is None else orjson.dumps(body)
        return replace(incoming, method=method, path=V2 + path, raw_query=query, headers=headers, body=raw)

    def outward(self, incoming: Incoming, outgoing: Outgoing, base_url: str) -> Outgoing:
        """The answer in the words of 1.1; its media type is plain JSON (SCIM 1.1 protocol §3)."""
        base_v1 = base_url.removesuffix(V2) + V1
        for name in _LOCATIONS:
            if name in outgoing.headers:
                outgoing.headers[name] = v1_location(outgoing.headers[name], base_url, base_v1)
        if outgoing.status == 401:
            outgoing.headers["WWW-Authenticate"] = 'Bearer realm="SCIM", Basic realm="SCIM"'
        if outgoing.body:
            path = incoming.path[len(V1) :]
            body = from_v2_response(
                outgoing.status, path, orjson.loads(outgoing.body), base_v2=base_url, base_v1=base_v1
            )
            outgoing.body = orjson.dumps(body)
        outgoing.media_type = "application/json"
        return outgoing
