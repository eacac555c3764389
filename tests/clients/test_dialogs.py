"""Each client's dialog, replayed over HTTP against the running stack; what counts is what happened in the vault."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from scim.access.tokens import digest, mint
from scim.model import Policies
from scim.settings import decode_key
from scim.store.azure_tables import AzureStore
from scim.store.connections import Connections
from scim.store.tokens import Kind, Tokens
from tests.clients.replay import DIALOGS, Replay, load
from tests.conftest import Stack

pytestmark = pytest.mark.stack
NAMES = sorted(path.stem for path in DIALOGS.glob("*.json"))


async def connect(stack: Stack, name: str, kind: Kind, fields: dict[str, Any]) -> str:
    """A new connection to the stack's vault, as an administrator makes it. Its token."""
    store = AzureStore(connection_string=stack.tables)
    try:
        connections, tokens = Connections(store.table("connections")), Tokens(store.table("tokens"))
        vault = (await connections.list())[0].vault
        policies = Policies(**fields.pop("policies", {}))
        connection = await connections.add(name, vault, policies=policies, **fields)
        token = mint()
        pepper = decode_key(SecretStr(stack.keys["SCIM_PEPPER"]))
        await tokens.add(connection.id, token.key_id, digest(token, pepper), kind=kind)
    finally:
        await store.close()
    return token.text


def client(stack: Stack, dialog: dict[str, Any], run: str) -> httpx.Client:
    """An HTTP client that signs in as the dialog's client does."""
    name, way = f"{dialog['client']} {run}", dialog.get("sign_in", "bearer")
    kind: Kind = "client_secret" if way == "secret" else "bearer"
    token = asyncio.run(connect(stack, name, kind, dict(dialog.get("connection", {}))))
    base = stack.scim11 if dialog.get("base") == "1.1" else stack.scim
    found = httpx.Client(base_url=base, headers=dialog.get("headers", {}), timeout=60, trust_env=False)
    if way == "basic":
        found.auth = httpx.BasicAuth(name, token)
    elif way == "secret":
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": token}
        answer = httpx.post(f"{stack.scim.removesuffix('/scim/v2')}/oauth/token", data=form, trust_env=False)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
    if way != "basic":
        found.headers["Authorization"] = f"Bearer {token}"
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_dialog_of_a_client_goes_as_the_client_expects(name: str, stack: Stack) -> None:
    dialog, run = load(name), secrets.token_hex(3)
    with client(stack, dialog, run) as http:
        replay = Replay(http, stack, run)
        for step in dialog["steps"]:
            replay.step(step)


DEACTIVATIONS: dict[str, tuple[str, Any]] = {
    "Entra without flag": ("PATCH", {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}),
    "Entra with flag": ("PATCH", {"Operations": [{"op": "replace", "path": "active", "value": False}]}),
    "lower-case text": ("PATCH", {"Operations": [{"op": "replace", "path": "active", "value": "false"}]}),
    "Okta, without a path": ("PATCH", {"Operations": [{"op": "replace", "value": {"active": False}}]}),
    "Okta's wizard, PUT": ("PUT", {"active": False}),
    "DELETE": ("DELETE", None),
}


@pytest.mark.parametrize("shape", DEACTIVATIONS)
def test_each_known_shape_of_deactivate_disables_within_one_request(shape: str, stack: Stack) -> None:
    name = f"leaver-{secrets.token_hex(4)}"
    user = stack.new_user(name)
    assert stack.vault_user(user["id"])["enabled"] is True
    method, body = DEACTIVATIONS[shape]
    body = {**user, **body} if method == "PUT" else body
    answer = stack.client.request(method, f"/Users/{user['id']}", **({} if body is None else {"json": body}))
    assert answer.status_code in (200, 204), answer.text
    assert stack.vault_user(user["id"])["enabled"] is False
