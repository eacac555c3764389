from __future__ import annotations

import asyncio
import base64
import socket
import threading
import time

import httpx
import pytest
from azure.core.credentials import AccessToken

from scim.access.keys import KeyRing, derive, load_keys
from scim.access.managed_identity import ManagedIdentity
from scim.errors import NotSetUp, Unavailable
from scim.settings import Settings
from scim.store.azure_tables import BUDGET_SECONDS

PEPPER, DATA, OLD = b"canary-pepper-0123456789abcdefgh", b"canary-data-key-123456789abcdefg", b"o" * 32


def text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


class KeyVault:
    """Answers as Key Vault's REST API does, from a dictionary."""

    def __init__(self, **secrets: str) -> None:
        self.secrets = {name.replace("_", "-"): value for name, value in secrets.items()}
        self.status = 200
        self.asked: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.status == 0:
            raise httpx.ConnectError("no route")
        name = request.url.path.rsplit("/", 1)[-1]
        if self.status != 200 or name not in self.secrets:
            return httpx.Response(self.status if self.status != 200 else 404, json={"error": {"code": "x"}})
        return httpx.Response(200, json={"value": self.secrets[name], "id": "x"})


class Identity:
    async def get_token(self, *scopes: str) -> AccessToken:
        assert scopes == ("https://vault.azure.net/.default",)
        return AccessToken("canary-token", int(time.time()) + 3600)


def settings(**fields: object) -> Settings:
    return Settings(_env_file=None, **{"pepper": None, "data_key": None, **fields})


IN_VAULT = settings(key_vault_uri="https://kv.vault.azure.net/")


async def read(vault: KeyVault):
    return await load_keys(IN_VAULT, Identity(), transport=httpx.MockTransport(vault))


async def test_keys_come_from_the_environment():
    keys = await load_keys(settings(pepper=text(PEPPER), data_key=text(DATA)))
    assert (keys.pepper, keys.data_keys) == (PEPPER, (DATA,))
    assert len(keys.cursor_secret) == 32
    assert keys.cursor_secret not in (PEPPER, DATA)


async def test_keys_come_from_key_vault():
    vault = KeyVault(scim_pepper=text(PEPPER), scim_data_key=text(DATA))
    keys = await read(vault)
    assert derive(PEPPER, (DATA,)) == keys
    assert [request.url.path for request in vault.asked] == ["/secrets/scim-pepper", "/secrets/scim-data-key"]
    assert {"7.4"} == {request.url.params["api-version"] for request in vault.asked}
    assert {"Bearer canary-token"} == {request.headers["authorization"] for request in vault.asked}


async def test_an_older_data_key_may_stand_beside_the_current_one():
    keys = await read(KeyVault(scim_pepper=text(PEPPER), scim_data_key=f"{text(DATA)}, {text(OLD)}"))
    assert keys.data_keys == (DATA, OLD)


def test_the_cursor_secret_is_the_same_on_every_instance_and_no_other_key():
    assert derive(PEPPER, (DATA,)).cursor_secret == derive(PEPPER, (DATA, OLD)).cursor_secret
    assert derive(PEPPER, (DATA,)).cursor_secret != derive(PEPPER, (OLD,)).cursor_secret


def test_keys_show_themselves_nowhere():
    keys = derive(PEPPER, (DATA, OLD))
    assert "canary" not in repr(keys) + str(keys) + f"{keys}"


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "Key Vault Secrets User"), (403, "Key Vault Secrets User"), (500, "500"), (0, "reached")]
)
async def test_a_refusal_says_what_to_mend(status, hint):
    vault = KeyVault()
    vault.status = status
    with pytest.raises(Unavailable, match=hint):
        await read(vault)


@pytest.mark.parametrize("value", ["", "short", "!!!", text(b"x" * 31), f"{text(DATA)},x"])
async def test_a_bad_key_is_named_and_not_shown(value):
    with pytest.raises(Unavailable, match="scim-pepper") as refusal:
        await read(KeyVault(scim_pepper=value, scim_data_key=text(DATA)))
    assert not value or value not in refusal.value.detail


async def test_a_missing_secret_is_named():
    with pytest.raises(Unavailable, match="scim-data-key"):
        await read(KeyVault(scim_pepper=text(PEPPER)))


async def test_without_any_source_of_keys_the_settings_are_named():
    with pytest.raises(Unavailable, match="SCIM_KEY_VAULT_URI"):
        await load_keys(settings())
    with pytest.raises(Unavailable, match="credential"):
        await load_keys(IN_VAULT)


async def test_keys_are_read_once_and_survive_an_outage(monkeypatch):
    from scim.access import keys as module

    reads = []

    async def load(*_: object):
        reads.append(1)
        await asyncio.sleep(0)
        if len(reads) > 1:
            raise Unavailable("down")
        return derive(PEPPER, (DATA,))

    monkeypatch.setattr(module, "load_keys", load)
    ring = KeyRing(IN_VAULT)
    assert len({id(keys) for keys in await asyncio.gather(*(ring.keys() for _ in range(20)))}) == 1
    assert len(reads) == 1
    ring._renew_at = 0.0
    assert (await ring.keys()).pepper == PEPPER
    await ring.keys()
    assert len(reads) == 2
    with pytest.raises(Unavailable):
        await KeyRing(IN_VAULT).keys()


class Endpoint:
    """msal's managed identity client, as far as it is used: synchronous, slow, and it says no in a dictionary."""

    def __init__(self, life: int = 3600) -> None:
        self.life, self.asked, self.threads = life, [], set()
        self.answer: dict | None = None
        self.error: Exception | None = None
        self.seconds = 0.02

    def acquire_token_for_client(self, *, resource: str) -> dict:
        self.asked.append(resource)
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return self.answer or {"access_token": f"token-{len(self.asked)}", "expires_in": self.life}


async def test_a_token_is_fetched_once_and_off_the_loop():
    endpoint = Endpoint()
    async with ManagedIdentity("id", client=endpoint) as identity:
        tokens = await asyncio.gather(*(identity.get_token("https://storage.azure.com/.default") for _ in range(20)))
    assert {"token-1"} == {token.token for token in tokens}
    assert endpoint.asked == ["https://storage.azure.com"]
    assert threading.get_ident() not in endpoint.threads


async def test_each_resource_has_its_own_token():
    endpoint = Endpoint()
    identity = ManagedIdentity(client=endpoint)
    one, two = [await identity.get_token(f"https://{name}/.default") for name in ("a", "b")]
    assert one.token != two.token


async def test_a_token_is_renewed_at_four_fifths_of_its_life(monkeypatch):
    endpoint = Endpoint()
    identity = ManagedIdentity(client=endpoint)
    await identity.get_token("x")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * 0.79)
    assert (await identity.get_token("x")).token == "token-1"
    monkeypatch.setattr(time, "time", lambda: now + 3600 * 0.81)
    assert (await identity.get_token("x")).token == "token-2"


async def test_a_token_that_still_lives_serves_while_renewal_fails(monkeypatch):
    endpoint = Endpoint()
    identity = ManagedIdentity(client=endpoint)
    await identity.get_token("x")
    endpoint.error = OSError("down")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600 * 0.9)
    assert (await identity.get_token("x")).token == "token-1"
    monkeypatch.setattr(time, "time", lambda: now + 3590)
    with pytest.raises(Unavailable):
        await identity.get_token("x")


@pytest.mark.parametrize("answer", [{"error": "invalid_scope", "error_description": "canary"}, {"nothing": 1}])
async def test_a_refused_identity_says_what_to_mend(answer):
    endpoint = Endpoint()
    endpoint.answer = answer
    with pytest.raises(Unavailable, match="SCIM_IDENTITY_CLIENT_ID") as refusal:
        await ManagedIdentity(client=endpoint).get_token("x")
    assert "canary" not in refusal.value.detail


def test_the_real_client_is_made_without_a_network():
    assert ManagedIdentity("id")._connected() is not None
    assert ManagedIdentity()._connected() is not None


async def test_an_endpoint_that_keeps_silent_is_given_up_and_the_identity_named(monkeypatch):
    """Without an identity the platform sets no endpoint, and msal asks an address where nobody is."""
    from scim.access import managed_identity as module

    monkeypatch.setattr(module, "_PATIENCE", (0.2, 0.2))
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(NotSetUp, match="is a managed identity assigned"):
            await ManagedIdentity("id").get_token("https://storage.azure.com/.default")
        assert time.monotonic() - started < 3


async def test_a_slow_endpoint_is_named_before_a_table_call_runs_out_of_time_and_its_token_serves_the_next():
    endpoint = Endpoint()
    endpoint.seconds = 4.0
    identity = ManagedIdentity(client=endpoint)
    with pytest.raises(NotSetUp) as refusal:
        async with asyncio.timeout(BUDGET_SECONDS):
            await identity.get_token("https://storage.azure.com/.default")
    assert (
        "The managed identity endpoint has not answered for 2.5 s: is a managed identity assigned to the function app, "
        "and does the platform's endpoint for it (IDENTITY_ENDPOINT) answer?"
    ) == refusal.value.detail
    assert "token-1" == (await identity.get_token("https://storage.azure.com/.default")).token
    assert 1 == len(endpoint.asked)


@pytest.mark.parametrize("code", ["ForbiddenByRbac", "ForbiddenByFirewall"])
async def test_key_vaults_own_word_for_a_refusal_is_passed_on(code):
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(403, json={"error": {"code": "Forbidden", "innererror": {"code": code}}})

    with pytest.raises(NotSetUp, match=code):
        await load_keys(IN_VAULT, Identity(), transport=httpx.MockTransport(refuse))
