"""Azure as the connector meets it without any secret: identity endpoint, Key Vault, tables behind bearer tokens.

The tables are Azurite with its OAuth door, which looks into the tokens; in front of it stands what it does not have:
role assignments. Everything begins without any grant, and a test hands out one at a time.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from local.tables import azurite, node
from scim.store.azure_tables import TABLES
from tests.certificate import throw_away

CLIENT_ID = "11111111-2222-4333-8444-555555555555"
HEADER = "identity-header-of-a-test"


@dataclass(slots=True)
class Azure:
    """What is granted, and what is kept."""

    identities: set[str] = field(default_factory=set)  # client ids assigned to the app
    identity_seconds: float = 0.0  # how long its endpoint takes to say anything
    may_use_tables: bool = False
    may_read_secrets: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    certificate: Path = Path()

    def environment(self) -> dict[str, str]:
        """As infra/bicep gives it to the app, with the addresses of the stand-ins."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{self.ports['identity']}/msi/token",
            "IDENTITY_HEADER": HEADER,
            "SCIM_TABLES_ENDPOINT": f"https://127.0.0.1:{self.ports['front']}/devstoreaccount1",
            "SCIM_KEY_VAULT_URI": f"http://127.0.0.1:{self.ports['vault']}",
            "SCIM_IDENTITY_CLIENT_ID": CLIENT_ID,
            "SCIM_PUBLIC_URL": "https://scim.example.com",
            "SCIM_INSECURE_VAULT_URLS": "true",
            "SSL_CERT_FILE": str(self.certificate),
        }

    def make_tables(self) -> None:
        """What Resource Manager does at deployment."""
        url = f"https://127.0.0.1:{self.ports['tables']}/devstoreaccount1/Tables"
        token = _token("https://storage.azure.com", int(time.time()) + 60)
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2019-02-02", "Accept": "application/json"}
        context = ssl.create_default_context(cafile=str(self.certificate))
        with httpx.Client(headers=headers, verify=context, trust_env=False) as client:
            assert {201} == {client.post(url, json={"TableName": name}).status_code for name in TABLES}


class Answers(BaseHTTPRequestHandler):
    """HTTP/1.1 with JSON answers, and quiet."""

    protocol_version = "HTTP/1.1"
    azure: Azure

    def say(self, status: int, body: Any) -> None:
        self.say_raw(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def say_raw(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


class Identity(Answers):
    """App Service's endpoint for managed identities, 2019-08-01."""

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if self.headers["X-IDENTITY-HEADER"] != HEADER or asked["api-version"] != "2019-08-01":
            return self.say(401, {"statusCode": 401, "message": "Unauthorized"})
        time.sleep(self.azure.identity_seconds)
        if asked.get("client_id") not in self.azure.identities:
            return self.say(400, {"statusCode": 400, "message": "No User Assigned or Delegated Managed Identity found"})
        ends = int(time.time()) + 3600
        return self.say(
            200, {"access_token": _token(asked["resource"], ends), "expires_on": str(ends), "token_type": "Bearer"}
        )


class KeyVault(Answers):
    def do_GET(self) -> None:
        name = urlsplit(self.path).path.removeprefix("/secrets/")
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            return self.say(401, {"error": {"code": "Unauthorized", "message": "AKV10000"}})
        if not self.azure.may_read_secrets:
            message = "Caller is not authorized to perform action on resource."
            inner = {"code": "ForbiddenByRbac"}
            return self.say(403, {"error": {"code": "Forbidden", "message": message, "innererror": inner}})
        if name not in self.azure.secrets:
            return self.say(404, {"error": {"code": "SecretNotFound", "message": f"{name} was not found"}})
        return self.say(200, {"value": self.azure.secrets[name], "id": self.path})


class Tables(Answers):
    """Role assignments in front of Azurite."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.headers.get("Authorization", "").startswith("Bearer "):
            return self.say(401, _odata("NoAuthenticationInformation"))
        if not self.azure.may_use_tables:
            return self.say(403, _odata("AuthorizationPermissionMismatch"))
        context = ssl.create_default_context(cafile=str(self.azure.certificate))
        behind = HTTPSConnection("127.0.0.1", self.azure.ports["tables"], timeout=20, context=context)
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        dropped = ("content-length", "connection", "transfer-encoding", "keep-alive", "date", "server")
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in dropped}
        self.say_raw(answer.status, answer.read(), kept)
        return behind.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_MERGE = do_DELETE = _any  # noqa: N815  # the library's names


def _odata(code: str) -> dict[str, Any]:
    return {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "This request is not authorized."}}}


def _token(resource: str, ends: int) -> str:
    """Azurite reads what a token claims; it does not check who signed it."""
    tenant = "99999999-8888-4777-8666-555555555555"
    claims = {"aud": resource, "iss": f"https://sts.windows.net/{tenant}/", "iat": ends - 3900, "nbf": ends - 3900,
              "exp": ends, "oid": CLIENT_ID, "tid": tenant}  # fmt: skip
    parts = [{"typ": "JWT", "alg": "RS256", "kid": "none"}, claims]
    texts = [_base64(json.dumps(part).encode()) for part in parts]
    return ".".join([*texts, _base64(secrets.token_bytes(64))])


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@contextmanager
def stand_in(directory: Path) -> Iterator[Azure]:
    """The three services on loopback, with nothing granted."""
    certificate, key = throw_away(directory)
    azure = Azure(certificate=certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    servers = []
    for name, kind in (("identity", Identity), ("vault", KeyVault), ("front", Tables)):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type(name, (kind,), {"azure": azure}))
        if name == "front":
            server.socket = context.wrap_socket(server.socket, server_side=True)
        azure.ports[name] = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        azure.ports["tables"] = probe.getsockname()[1]
    command = [node(), str(azurite()), "--tableHost", "127.0.0.1", "--tablePort", str(azure.ports["tables"]),
               "--oauth", "basic", "--cert", str(certificate), "--key", str(key), "--inMemoryPersistence",
               "--skipApiVersionCheck", "--silent", "--disableTelemetry"]  # fmt: skip
    emulator = subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(azure.ports["tables"])
        yield azure
    finally:
        emulator.terminate()
        emulator.wait(10)
        for server in servers:
            server.shutdown()
            server.server_close()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until, "the table emulator did not start"
            time.sleep(0.1)
        else:
            return
