"""A first deployment where something is missing: the answer and the log name it, and granting it is all it takes.

The function app runs as in Azure, with a managed identity and no secret in its settings, against `cloud.py`.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scim.access.tokens import mint
from tests.conftest import ROOT
from tests.faults.cloud import CLIENT_ID, Azure, stand_in
from tests.served import App

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("grants")]
ANY_TOKEN = mint().text  # of the right form, and nobody's


def key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Azure, App, Path]]:
    directory = tmp_path_factory.mktemp("azure")
    with stand_in(directory) as azure:
        app, log = App(ROOT, azure.environment()), directory / "app.log"
        with app.served(log):
            yield azure, app, log


def ask(app: App, token: str = ANY_TOKEN, path: str = "/scim/v2/ServiceProviderConfig") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{app.url}{path}", headers=headers, timeout=60, trust_env=False)


def refused(app: App, log: Path, *words: str) -> None:
    """503 in SCIM JSON; the log, of the request and of the timer, says these words; nobody sees a stack trace."""
    already = len(log.read_bytes())
    until = time.monotonic() + 20
    while True:
        answer = ask(app)
        detail = answer.json().get("detail", "")
        if all(word in detail for word in words) or time.monotonic() > until:
            break
        time.sleep(0.5)  # msal asks a failing identity endpoint again after five seconds
    assert 503 == answer.status_code, answer.text
    assert ["urn:ietf:params:scim:api:messages:2.0:Error"] == answer.json()["schemas"]
    assert int(answer.headers["retry-after"]) > 0
    assert all(word in detail for word in words), detail
    app.fire_timer()
    until = time.monotonic() + 20
    while True:
        new = log.read_bytes()[already:].decode()
        told = {event for line in new.splitlines() for event in ("connector.trouble", "timer.failed")
                if event in line and all(word in line for word in words)}  # fmt: skip
        if len(told) == 2 or time.monotonic() > until:
            break
        time.sleep(0.2)
    assert {"connector.trouble", "timer.failed"} == told, new
    for text in (answer.text, new):
        assert "Traceback" not in text
        assert 'File "' not in text


def test_each_missing_grant_is_named_and_its_coming_is_noticed(deployed: tuple[Azure, App, Path]) -> None:
    """Identity, role at the tables, tables, role at Key Vault, each secret: one after the other, without a restart."""
    azure, app, log = deployed
    azure.identity_seconds = 8.0  # silent: it is not Table Storage that did not answer
    refused(app, log, "managed identity endpoint")
    azure.identity_seconds = 0.0
    refused(app, log, "managed identity", "SCIM_IDENTITY_CLIENT_ID")
    azure.identities.add(CLIENT_ID)
    refused(app, log, "AuthorizationPermissionMismatch", "Storage Table Data Contributor")
    azure.may_use_tables = True
    refused(app, log, "table", "does not exist", "scim.cli setup")
    azure.make_tables()
    refused(app, log, "ForbiddenByRbac", "Key Vault Secrets User", "scim-pepper")
    azure.may_read_secrets = True
    refused(app, log, "Key Vault has no secret scim-pepper")
    azure.secrets["scim-pepper"] = key()[:-4]
    refused(app, log, "scim-pepper", "32 random bytes")
    azure.secrets["scim-pepper"] = key()
    refused(app, log, "Key Vault has no secret scim-data-key")
    azure.secrets["scim-data-key"] = key()
    assert 401 == ask(app).status_code
    app.cli("vault", "add", "main", "--url", "http://127.0.0.1:9", "--username", "u", "--password-stdin", given="p")
    app.cli("connection", "add", "entra", "--vault", "main")
    token = json.loads(app.cli("--json", "token", "add", "entra"))["token"]
    assert 200 == ask(app, token).status_code


def test_without_settings_every_door_says_which_is_missing(tmp_path: Path) -> None:
    """SCIM of both versions, the deep check, metrics, tokens and the console; and the log."""
    environment = Azure(ports=dict.fromkeys(("identity", "front", "vault"), 9)).environment()
    del environment["SCIM_TABLES_ENDPOINT"]
    app = App(ROOT, environment)
    with app.served(tmp_path / "app.log"):
        for path in ("/scim/v2/Users", "/scim/v1/Users", "/health/deep", "/metrics", "/oauth/token", "/console"):
            answer = ask(app, path=path)
            assert (503, True) == (answer.status_code, "SCIM_TABLES_ENDPOINT is missing" in answer.text), path
    assert "SCIM_TABLES_ENDPOINT is missing" in (tmp_path / "app.log").read_text()
