"""The small parts under Entra's tokens: key sets, rates of strangers, connections by name."""

from __future__ import annotations

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scim.access.entra import audiences
from scim.access.jwks import MOST_BYTES, KeySets, read_keys
from scim.access.known import KnownConnections
from scim.access.rate import MOST_BUCKETS, Rate
from scim.errors import Unavailable
from scim.model import Connection, ConnectionId, VaultId
from scim.store.connections import Connections
from scim.store.memory import MemoryStore


def rsa_key(bits: int = 2048, **more: object) -> dict[str, object]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True), "use": "sig", "kid": "k", **more}


def test_only_decent_rsa_signature_keys_with_a_name_are_taken() -> None:
    curve = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)
    others = [rsa_key(1024, kid="weak"), rsa_key(use="enc", kid="enc"), rsa_key(kid=None), {**curve, "kid": "curve"}]
    broken = ["text", {}, {"kty": "RSA", "kid": "empty"}, {"kty": "RSA", "kid": "bad", "n": "!", "e": 5}]
    assert {"k"} == read_keys({"keys": [*others, rsa_key(), *broken]}).keys()
    for document in ({"keys": others}, {"keys": {}}, {}, [], None):
        with pytest.raises(ValueError, match="no usable key"):
            read_keys(document)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "http://169.254.169.254/"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"keys": []}),
        httpx.Response(200, content=b" " * (MOST_BYTES + 1)),
    ],
)
async def test_whatever_is_no_key_set_is_an_outage(answer: httpx.Response) -> None:
    asked: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return answer

    keys = KeySets("https://login.example/", transport=httpx.MockTransport(serve))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await keys.key("tenant", "k")
    assert ["https://login.example/tenant/discovery/v2.0/keys"] == asked


@pytest.mark.parametrize(
    ("configured", "also"),
    [
        ("", "8adf8e6e-67b2-4cf2-a259-e3dc5476c621"),
        ("api://app", "app"),
        ("api://app/.default", "api://app"),
        ("app", "api://app"),
        ("https://scim.example", "https://scim.example"),
    ],
)
def test_an_audience_is_known_in_each_of_its_spellings(configured: str, also: str) -> None:
    connection = Connection(id=ConnectionId("c"), name="c", vault=VaultId("v"), entra_audience=configured)
    assert also in audiences(connection)
    assert "" not in audiences(connection)


def test_strangers_cannot_fill_the_memory_with_their_addresses() -> None:
    rate = Rate(1, 5)
    for number in range(MOST_BUCKETS + 50):
        rate.take(f"address {number}")
    assert len(rate._buckets) == MOST_BUCKETS


async def test_a_connection_is_found_by_id_before_name_and_names_ignore_case() -> None:
    table = MemoryStore().table("connections")
    stored = Connections(table)
    first = await stored.add("Entra", VaultId("v"))
    second = await stored.add(first.id, VaultId("v"))  # named like the other's id
    known = KnownConnections(stored, fresh_seconds=30)
    assert first == await known.named("ENTRA")
    assert first == await known.named(first.id)
    assert second == await known.named(second.id)
    assert await known.named("nobody") is None
