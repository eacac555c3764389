"""Every way to sign in beside the bearer token: OAuth 2 client credentials, tokens of Entra, HTTP Basic."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from scim.access.grants import ANYBODY_BURST, BURST
from scim.access.oauth import ASSERTION, GrantRefused
from scim.access.tokens import mint
from scim.errors import TooManyRequests
from tests.clients.authority import AUDIENCE, SUBJECT, TENANT, Authority
from tests.door import HOST, Door, user

FEDERATION = {"entra_tenant": TENANT, "entra_subjects": (SUBJECT,)}


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    found = Authority()
    yield found
    found.close()


def door(authority: Authority | None = None, **more: Any) -> Door:
    where = {"entra_authority": authority.url} if authority else {}
    return Door(users=3, settings={**where, **more})


async def stranger(door: Door, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=await door.host())
    return httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers)


async def grant(door: Door, form: dict[str, str], **headers: str) -> httpx.Response:
    async with await stranger(door, **headers) as http:
        return await http.post("/oauth/token", data=form)


async def ask(door: Door, token: str, path: str = "/scim/v2/Users?count=1", method: str = "GET") -> httpx.Response:
    async with await stranger(door, authorization=f"Bearer {token}") as http:
        return await http.request(method, path)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


# -- client credentials with a secret (RFC 6749 §4.4) ----------------------------------------------------------------


async def test_a_secret_in_header_or_form_gives_an_access_token_for_an_hour() -> None:
    here = door()
    connection = await here.connection("sail point")
    secret = await here.token(connection, kind="client_secret")
    form = {"grant_type": "client_credentials"}
    in_form = {"client_id": connection.id, "client_secret": secret.text}
    answers = [
        await grant(here, form | in_form),
        await grant(here, form | in_form | {"client_id": "Sail Point", "scope": "scim"}),
        await grant(here, form, authorization=basic(connection.id, secret.text)),
        await grant(here, form, authorization=basic("sail+point", secret.text)),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
        assert (await ask(here, body["access_token"])).status_code == 200
    assert answers[1].json()["scope"] == "scim"
    await here.connector.trail.close()
    issued = [event for event in await here.audit() if event.action == "token.issue"]
    assert [(connection.id, secret.key_id)] * 4 == [(event.connection, event.token_key) for event in issued]


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "x", "client_secret": "wrong"}, 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_id": "x", "client_assertion": "a.b.c"},
            400,
            "invalid_request",
        ),
        (
            {"grant_type": "client_credentials", "client_secret": "a", "client_assertion": "b"},
            400,
            "invalid_request",
        ),
    ],
)
async def test_refusals_are_those_of_rfc_6749(form: dict[str, str], status: int, error: str) -> None:
    answer = await grant(door(), form)
    assert (status, error) == (answer.status_code, answer.json()["error"])
    assert answer.headers["cache-control"] == "no-store"
    assert "www-authenticate" not in answer.headers


async def test_what_is_no_form_is_an_invalid_request() -> None:
    here = door()
    async with await stranger(here) as http:
        answers = [
            await http.post("/oauth/token", json={"grant_type": "client_credentials"}),
            await http.post("/oauth/token", content=b"grant_type=a&grant_type=b", headers=FORM),
            await http.post("/oauth/token", content=b"grant_type=%ff", headers=FORM),
            await http.post("/oauth/token", content=b"grant_type=a&x=" + b"y" * 70_000, headers=FORM),
        ]
        wrong_method = await http.get("/oauth/token")
    assert [400] * 4 == [answer.status_code for answer in answers]
    assert {"invalid_request"} == {answer.json()["error"] for answer in answers}
    assert (405, "POST") == (wrong_method.status_code, wrong_method.headers["allow"])


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_a_wrong_secret_in_the_header_is_challenged() -> None:
    answer = await grant(door(), {"grant_type": "client_credentials"}, authorization=basic("x", "y"))
    assert (401, "invalid_client") == (answer.status_code, answer.json()["error"])
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_a_secret_opens_nothing_itself_and_a_token_is_no_secret() -> None:
    here = door()
    connection = await here.connection("c")
    secret, token = await here.token(connection, kind="client_secret"), await here.token(connection)
    form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": token.text}
    assert (await ask(here, secret.text)).status_code == 401
    assert (await grant(here, form)).json()["error"] == "invalid_client"


async def test_a_secret_is_only_its_own_connections() -> None:
    here = door()
    one, two = await here.connection("one"), await here.connection("two")
    secret = await here.token(one, kind="client_secret")
    form = {"grant_type": "client_credentials", "client_secret": secret.text}
    assert (await grant(here, {**form, "client_id": "two"})).status_code == 401
    assert (await grant(here, {**form, "client_id": two.id})).status_code == 401
    assert (await grant(here, {**form, "client_id": "one"})).status_code == 200


@pytest.mark.parametrize("end", ["revoke", "disable", "remove"])
async def test_whatever_ends_a_secret_ends_its_access_tokens_within_a_minute(end: str) -> None:
    here = door(connection_cache_seconds=0)
    connection = await here.connection("c")
    secret = await here.token(connection, kind="client_secret")
    form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": secret.text}
    token = (await grant(here, form)).json()["access_token"]
    assert (await ask(here, token)).status_code == 200
    if end == "revoke":
        await here.connector.tokens.revoke(secret.key_id)
    elif end == "disable":
        await here.connector.connections.update(connection.id, enabled=False)
    else:
        await here.connector.connections.remove(connection.id)
    assert (await ask(here, token)).status_code == 401
    assert (await grant(here, form)).json()["error"] == "invalid_client"


async def test_two_secrets_live_at_once_beside_two_tokens() -> None:
    here = door()
    connection = await here.connection("c")
    for kind in ("bearer", "bearer", "client_secret", "client_secret"):
        await here.token(connection, kind=kind)
    for kind in ("bearer", "client_secret"):
        with pytest.raises(Exception, match="live tokens"):
            await here.token(connection, kind=kind)


async def test_a_forged_or_old_access_token_is_refused() -> None:
    here = door()
    connection = await here.connection("c")
    claims = {"iss": "scim-connector", "aud": "scim-connector", "sub": connection.id, "tid": TENANT, "who": SUBJECT}
    now = int(time.time())
    forged = [
        jwt.encode({**claims, "iat": now, "exp": now + 60}, "k" * 32, "HS256", headers={"typ": "at+jwt"}),
        jwt.encode({**claims, "iat": now, "exp": now + 60}, None, "none", headers={"typ": "at+jwt"}),
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "eyJ.eyJ.",
        "eyJ" + base64.urlsafe_b64encode(b'{"alg":' + b"[" * 3000).decode() + ".a.b",
    ]
    assert {401} == {(await ask(here, token)).status_code for token in forged}


async def test_the_token_endpoint_slows_strangers_down_and_not_their_neighbours() -> None:
    here = door()
    answers = [await grant(here, {"grant_type": "password"}) for _ in range(BURST + 20)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert late
    assert late[0].json()["error"] == "slow_down"
    assert int(late[0].headers["retry-after"]) >= 1
    grants = here.connector.grants
    for address, most in (("203.0.113.7", BURST), ("203.0.113.8", BURST), ("", ANYBODY_BURST)):
        refused = []
        for number in range(most + 30):
            try:
                await grants.grant(FORM, b"grant_type=password", address)
            except TooManyRequests:
                refused.append(number)
            except GrantRefused:
                continue
        assert refused
        assert refused[0] >= most


async def test_an_outage_of_the_tables_is_no_wrong_secret() -> None:
    here = door()
    connection = await here.connection("c")
    secret = await here.token(connection, kind="client_secret")
    here.store.fail_next(100)
    form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": secret.text}
    answer = await grant(here, form)
    assert (503, "temporarily_unavailable") == (answer.status_code, answer.json()["error"])
    assert "retry-after" in answer.headers


# -- Entra: the token field left blank -------------------------------------------------------------------------------


async def test_a_token_of_the_named_tenant_audience_and_subject_lets_its_connection_in(authority: Authority) -> None:
    here = door(authority)
    await here.connection("other", entra_tenant=TENANT, entra_subjects=("bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee",))
    connection = await here.connection("entra", **FEDERATION)
    v1 = authority.token(iss=f"https://sts.windows.net/{TENANT}/")
    for token in (authority.token(), v1, authority.token(exp=int(time.time()) - 200)):
        assert (await ask(here, token)).status_code == 200
    async with await stranger(here, authorization=f"Bearer {v1}") as http:
        answer = await http.post("/scim/v2/Users", json=user("by-entra"))
    assert answer.status_code == 201, answer.text
    events = [event for event in await here.audit() if event.action == "user.create"]
    assert [(connection.id, f"entra:{SUBJECT}")] == [(event.connection, event.token_key) for event in events]


def wrong_tokens(authority: Authority) -> dict[str, str]:
    now, own = int(time.time()), rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = jwt.PyJWK(authority.jwks()["keys"][0], algorithm="RS256").key
    return {
        "too old": authority.token(exp=now - 400),
        "not yet valid": authority.token(nbf=now + 400),
        "from the future": authority.token(iat=now + 400),
        "another tenant": authority.token(tid="99999999-2222-4333-8444-555555555555"),
        "another issuer": authority.token(iss="https://evil.example/"),
        "another tenant's issuer": authority.token(iss="https://sts.windows.net/99999999-2222-4333-8444-555555555555/"),
        "another audience": authority.token(aud="api://somebody"),
        "several audiences": authority.token(aud=[AUDIENCE, "x"]),
        "another subject": authority.token(sub="x", oid="bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee"),
        "no subject": authority.token(sub=None, oid=None),
        "no expiry": authority.token(exp=None),
        "a key of his own": authority.token(key=own),
        "an unknown key": authority.token(kid="unknown", key=own),
        "no key id": authority.token(kid=None, key=authority.keys["first"]),
        "another algorithm": authority.token(alg="RS512"),
        "signed with the public key": authority.token(alg="HS256", key=str(pem.public_numbers().n)),
        "a person's": authority.token(scp="user_impersonation"),
    }


async def test_whatever_is_wrong_about_a_token_of_entra_is_a_401(authority: Authority) -> None:
    here = door(authority)
    await here.connection("entra", **FEDERATION)
    tokens = wrong_tokens(authority)
    assert dict.fromkeys(tokens, 401) == {name: (await ask(here, token)).status_code for name, token in tokens.items()}


async def test_nobody_named_means_nobody_and_the_log_says_whom_to_name(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    here = door(authority)
    await here.connection("entra", entra_tenant=TENANT)
    assert (await ask(here, authority.token())).status_code == 401
    assert SUBJECT in caplog.text


async def test_two_connections_that_name_the_same_bearer_are_ambiguous(authority: Authority) -> None:
    here = door(authority)
    await here.connection("one", **FEDERATION)
    await here.connection("two", **FEDERATION)
    assert (await ask(here, authority.token())).status_code == 401


async def test_keys_are_looked_up_once_and_again_only_for_a_new_one(authority: Authority) -> None:
    here = door(authority)
    clock = [1000.0]
    here.connector.access.entra._keys._clock = lambda: clock[0]
    await here.connection("entra", **FEDERATION)
    before = authority.looks
    for _ in range(3):
        assert (await ask(here, authority.token())).status_code == 200
    assert authority.looks == before + 1
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for number in range(5):
        assert (await ask(here, authority.token(kid=f"invented-{number}", key=own))).status_code == 401
    assert authority.looks == before + 1
    authority.add_key("second")
    clock[0] += 31
    assert (await ask(here, authority.token(kid="second"))).status_code == 200
    assert authority.looks == before + 2


async def test_when_entras_keys_cannot_be_read_it_is_a_503_and_known_keys_serve_on(authority: Authority) -> None:
    here, other = door(authority), door(authority)
    clock = [1000.0]
    here.connector.access.entra._keys._clock = lambda: clock[0]
    for one in (here, other):
        await one.connection("entra", **FEDERATION)
    assert (await ask(here, authority.token())).status_code == 200
    authority.broken = True
    try:
        clock[0] += 2 * 24 * 3600
        assert (await ask(here, authority.token())).status_code == 200
        answer = await ask(other, authority.token())
    finally:
        authority.broken = False
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


# -- Entra: workload identity federation (RFC 7523) ------------------------------------------------------------------


def assertion(token: str, client: str = "entra") -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_assertion_type": ASSERTION,
        "client_assertion": token,
        "scope": "api://connector/.default",
    }


async def test_an_assertion_gives_an_access_token_and_is_good_once(authority: Authority) -> None:
    here = door(authority)
    fields = {**FEDERATION, "entra_audience": "api://connector/.default"}
    connection = await here.connection("entra", **fields)
    token = authority.token(aud="api://connector")
    answer = await grant(here, assertion(token))
    assert answer.status_code == 200, answer.text
    assert (await ask(here, answer.json()["access_token"])).status_code == 200
    here.restart()  # another instance
    here._host = None
    again = await grant(here, assertion(token))
    assert (401, "invalid_client") == (again.status_code, again.json()["error"])
    assert "before" in again.json()["error_description"]
    other = authority.token(aud="api://connector")
    assert (await grant(here, assertion(other, connection.id))).status_code == 200


async def test_whatever_is_wrong_about_an_assertion_is_an_invalid_client(authority: Authority) -> None:
    here = door(authority)
    await here.connection("entra", **FEDERATION)
    await here.connection("plain")
    for name, token in wrong_tokens(authority).items():
        here.connector.grants._rate._buckets.clear()
        answer = await grant(here, assertion(token))
        assert (401, "invalid_client") == (answer.status_code, answer.json()["error"]), name
    here.connector.grants._rate._buckets.clear()
    for client in ("plain", "nobody", ""):
        assert (await grant(here, assertion(authority.token(), client))).json()["error"] == "invalid_client"


async def test_who_is_not_named_any_more_loses_the_access_token(authority: Authority) -> None:
    here = door(authority, connection_cache_seconds=0)
    connection = await here.connection("entra", **FEDERATION)
    token = (await grant(here, assertion(authority.token()))).json()["access_token"]
    assert (await ask(here, token)).status_code == 200
    await here.connector.connections.update(connection.id, entra_subjects=())
    assert (await ask(here, token)).status_code == 401


# -- /Me -------------------------------------------------------------------------------------------------------------


async def test_a_persons_token_reads_me_and_nothing_else(authority: Authority) -> None:
    here = door(authority)
    await here.connection("people", **FEDERATION, me_claim="upn")
    machine = await here.client("machine")
    made = (await machine.post("/Users", json=user("ann@corp.example"))).json()
    token = authority.token(scp="scim", upn="Ann@corp.example")
    answer = await ask(here, token, "/scim/v2/Me")
    assert answer.status_code == 200, answer.text
    assert made["id"] == answer.json()["id"]
    assert made["meta"]["location"] == answer.headers["location"]
    assert (await ask(here, token, "/scim/v2/Schemas")).status_code == 200
    for method, path in (("GET", "/Users"), ("GET", f"/Users/{made['id']}"), ("DELETE", "/Me"), ("POST", "/Bulk")):
        assert (await ask(here, token, "/scim/v2" + path, method)).status_code == 403
    stranger_ = authority.token(scp="scim", upn="nobody@corp.example")
    assert (await ask(here, stranger_, "/scim/v2/Me")).status_code == 404
    assert (await ask(here, authority.token(scp="scim"), "/scim/v2/Me")).status_code == 401
    assert (await grant(here, assertion(token, "people"))).status_code == 401


async def test_me_is_not_implemented_for_clients_that_are_nobody() -> None:
    here = door()
    client = await here.client()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = await client.request(method, "/Me", json={} if method in ("POST", "PUT", "PATCH") else None)
        assert (501, "501") == (answer.status_code, answer.json()["status"])


# -- HTTP Basic ------------------------------------------------------------------------------------------------------


async def test_basic_is_accepted_only_where_it_is_switched_on() -> None:
    here = door()
    on, off = await here.connection("agent", basic=True), await here.connection("plain")
    right, wrong = await here.token(on), await here.token(off)
    async with await stranger(here) as http:

        async def status(name: str, password: str, path: str = "/scim/v1/Users") -> int:
            return (await http.get(path, headers={"authorization": basic(name, password)})).status_code

        assert [200, 200, 200] == [
            await status("agent", right.text),
            await status(on.id, right.text),
            await status("Agent", right.text, "/scim/v2/Users"),
        ]
        refused = [
            await status("plain", wrong.text),
            await status("plain", right.text),
            await status("agent", mint().text),
            await status("agent", "x"),
            await status("", right.text),
        ]
        assert [401] * 5 == refused
        answer = await http.get("/scim/v1/Users", headers={"authorization": "Basic %%%"})
        assert "Basic" in answer.headers["www-authenticate"]
