"""A small Entra of our own: publishes keys as `https://login.microsoftonline.com` does, and signs tokens with them."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

TENANT = "11111111-2222-4333-8444-555555555555"
SUBJECT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
AUDIENCE = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"


class Authority:
    """Listens on loopback until `close`. `looks` counts how often the keys were asked for."""

    def __init__(self) -> None:
        self.keys: dict[str, rsa.RSAPrivateKey] = {}
        self.looks = 0
        self.broken = False
        self.add_key("first")
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                authority.looks += 1
                right = self.path == f"/{TENANT}/discovery/v2.0/keys" and not authority.broken
                body = json.dumps(authority.jwks()).encode() if right else b"<html>sorry</html>"
                self.send_response(200 if right else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_key(self, name: str, bits: int = 2048) -> None:
        self.keys[name] = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def jwks(self) -> dict[str, Any]:
        return {"keys": [_public(name, key) for name, key in self.keys.items()]}

    def token(self, *, kid: str | None = "first", alg: str = "RS256", key: Any = None, **claims: Any) -> str:
        """A token as Entra issues it to its provisioning service; claims replace, None takes one away."""
        now = int(time.time())
        said = {
            "iss": f"{self.url}/{TENANT}/v2.0",
            "aud": AUDIENCE,
            "tid": TENANT,
            "sub": SUBJECT,
            "oid": SUBJECT,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "uti": secrets.token_urlsafe(16),
            **claims,
        }
        said = {name: value for name, value in said.items() if value is not None}
        headers = {} if kid is None else {"kid": kid}
        return jwt.encode(said, key or self.keys[kid or "first"], algorithm=alg, headers=headers)


def _public(name: str, key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "RSA", "use": "sig", "kid": name, "n": _b64(numbers.n), "e": _b64(numbers.e)}


def _b64(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
