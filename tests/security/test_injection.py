"""What a client writes is a value: never evaluated, never a path, filter or header of ours, never echoed at length."""

from __future__ import annotations

import asyncio
import json
import random
import re
from typing import Any
from unicodedata import normalize
from urllib.parse import parse_qsl, quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.door import HOST, Door, group, patch, user

TEMPLATES = [
    "${7*7}",
    "{{7*7}}",
    "{0.__class__}",
    "%(x)s",
    "#{7*7}",
    "<%= 7*7 %>",
    "${jndi:ldap://x}",
    "{x!r:>999999}",
    "%n%n",
]
QUOTES = [
    "x' or '1'='1",
    "x') or (1 eq 1",
    "x' or PartitionKey eq 'tokens",
    "'; drop table users;--",
    'x" or userName pr or "',
    "a&filter.includeInactive=false&skip=99",
    "a#b",
    "a?b=c",
    "a/../../b",
    "..\\..\\x",
    "a;b",
    "a,b",
    "%27%20or%201",
    "*)(uid=*",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\u202eevil",
    "K",
    "ｆｕｌｌ",
    "a" * 256,
]
CONTROLS = ["a\r\nX-Evil: 1", "a\x00b", "a\x1b[31m", "a\tb", "\u0085", "\ufeffbom"]
PAYLOADS = [*TEMPLATES, *QUOTES, *CONTROLS]


async def door_and_client() -> tuple[Door, httpx.AsyncClient]:
    door = Door(users=4, groups=1)
    return door, await door.client()


def literal(text: str) -> str:
    return json.dumps(text)


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_filter_value_reaches_the_vault_once_and_as_it_is(payload: str) -> None:
    """One search parameter holds the literal; no parameter is added; the answer is a list that matches nothing."""
    door, client = await door_and_client()
    await client.get(f"{HOST}/health/deep")
    await client.get("/Users", params={"filter": 'userName eq "warm"'})
    for path, attribute in (("/Users", "userName"), ("/Users", "emails.value"), ("/Groups", "displayName")):
        door.calls()
        answer = await client.get(path, params={"filter": f"{attribute} eq {literal(payload)}"})
        assert answer.status_code in {200, 400}, answer.text
        if answer.status_code == 200:
            assert 0 == answer.json()["totalResults"]
        for call in door.calls():
            assert re.fullmatch(r"/api/v1/(users|groups)(/\d+(/[\w-]+)?)?", call["path"])
            names = [name for name, _ in parse_qsl(call["query"], keep_blank_values=True)]
            assert set(names) <= KNOWN, call
            texts = [v for n, v in parse_qsl(call["query"], keep_blank_values=True) if n == "filter.searchText"]
            assert len(texts) <= 1
            assert all(t in payload or t in normalize("NFKC", payload) for t in texts)


KNOWN = {
    "filter.searchText",
    "filter.includeInactive",
    "filter.userIds",
    "skip",
    "take",
    "sortBy[0].name",
    "sortBy[0].direction",
    "filter.searchFields",
    "filter.searchFields[0]",
    "filter.domainId",
    "includeInactive",
    "filter.userDomainId",
}


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_a_name_is_kept_as_it_is_or_refused(payload: str) -> None:
    """As userName, displayName, externalId and kept attribute: what comes back is what was sent, letter by letter."""
    door, client = await door_and_client()
    body = user(f"n{payload}", displayName=payload, externalId=payload, nickName=payload, title=payload)
    answer = await client.post("/Users", json=body)
    assert answer.status_code in {201, 400}, answer.text
    if answer.status_code == 400:
        judge_error(answer, payload)
        assert not [u for u in door.state("users")["users"] if payload in u["userName"]]
        return
    shown = (await client.get(f"/Users/{answer.json()['id']}")).json()
    assert (payload, payload, payload) == (shown["externalId"], shown["nickName"], shown["title"])
    query = {"filter": f"externalId eq {literal(payload)}"}
    assert [shown["id"]] == [r["id"] for r in (await client.get("/Users", params=query)).json()["Resources"]]
    made = await client.post("/Groups", json=group(f"g{payload}"))
    assert made.status_code in {201, 400}


def judge_error(answer: httpx.Response, payload: str) -> None:
    """SCIM JSON, nothing evaluated, and at most 64 characters of what was sent."""
    detail = answer.json()["detail"]
    assert "49" not in detail or "49" in payload
    assert "<class" not in detail
    assert len(payload) <= 64 or payload[:80] not in detail
    assert "\n" not in detail
    assert "\x00" not in detail
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_paths_filters_and_attribute_names_are_never_evaluated(payload: str) -> None:
    """In every place that the protocol parses: 400 or 404, never a 5xx or an evaluation (SCIMono CVE-2021-21479)."""
    _door, client = await door_and_client()
    requests = [
        client.get(f"/Schemas/{quote(payload, safe='')}"),
        client.get(f"/ResourceTypes/{quote(payload, safe='')}"),
        client.get(f"/Users/{quote(payload, safe='')}"),
        client.get("/Users", params={"filter": payload}),
        client.get("/Users", params={"filter": f"{payload} eq 1"}),
        client.get("/Users", params={"sortBy": payload, "count": 1}),
        client.get("/Users", params={"attributes": payload, "count": 1}),
        client.get("/Users", params={"cursor": payload}),
        client.get("/Users", params={"startIndex": payload}),
        client.patch("/Users/3", json=patch({"op": "replace", "path": payload, "value": "x"})),
        client.patch("/Users/3", json=patch({"op": payload, "path": "title", "value": "x"})),
        client.post("/Users", json={"schemas": [payload], "userName": "x"}),
        client.put("/Users/3", json={"schemas": [payload]}),
    ]
    for request in requests:
        answer = await request
        assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text}"
        if answer.status_code >= 400 and answer.content:  # the host refuses some URLs itself, without a word
            judge_error(answer, payload)
    headers = {"X-Request-Id": payload.encode("utf-8"), "traceparent": payload.encode("utf-8")}
    clean = {k: v.replace(b"\r", b"").replace(b"\n", b"").replace(b"\x00", b"") for k, v in headers.items()}
    answer = await client.get("/ServiceProviderConfig", headers=clean)
    assert 200 == answer.status_code
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", answer.headers["x-request-id"])


# -- where we say that we are ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "Forwarded",
        "X-Original-Host",
        "X-Forwarded-Prefix",
        "X-Original-URL",
    ],
)
async def test_locations_come_from_the_settings_and_from_no_header(name: str) -> None:
    _door, client = await door_and_client()
    for value in ("evil.example", "evil.example:443"):
        answer = await client.get("/Users/3", headers={name: value})
        assert 200 == answer.status_code
        assert f"{HOST}/scim/v2/Users/3" == answer.json()["meta"]["location"] == answer.headers["content-location"]
        assert "evil" not in answer.text


# -- ids -------------------------------------------------------------------------------------------------------------

NO_IDS = [
    "1%2f2",
    "1%2F..%2F2",
    "01",
    "%201",
    "1%20",
    "%EF%BC%91",
    "%D9%A1",
    "1.0",
    "1e0",
    "0x1",
    "-1",
    "%2B1",
    "1,2",
    "1;2",
    "1%00",
    "1%0a",
    "99999999999999999999",
    "NaN",
    "null",
    "true",
    "me",
    "1'",
    "1%27%20or%201",
    "..%2f..%2fgroups",
    "1_000",
    "٣",
    "²",
    "１",
]
ALLOWED = re.compile(
    r"/(oauth2/token|api/v1/(users(/current)?|groups|roles|domains|version|configuration/local-user-passwords))"
    r"|/api/v1/(users|groups|roles)/\d+(/(users|groups|roles|roles-assigned|permissions))?"
)


@pytest.mark.parametrize("text", NO_IDS)
async def test_what_is_no_id_finds_nothing(text: str) -> None:
    """Digits only, matched whole: 404 or 400 for every verb, and the vault sees no path that we do not know."""
    door, client = await door_and_client()
    before = door.state()
    for kind in ("Users", "Groups"):
        for method, body in (
            ("GET", None),
            ("PUT", user("x")),
            ("PATCH", patch({"op": "add", "path": "title", "value": "x"})),
            ("DELETE", None),
        ):
            answer = await client.request(method, f"{HOST}/scim/v2/{kind}/{text}", json=body)
            assert answer.status_code in {400, 403, 404, 405}, (
                f"{method} {kind}/{text}: {answer.status_code} {answer.text}"
            )
    assert before == door.state()
    assert all(ALLOWED.fullmatch(c["path"]) for c in door.calls())


async def test_dot_segments_are_gone_before_anybody_reads_the_path() -> None:
    """As Kestrel does it: `/Users/3/../2` is `/Users/2`, for the router, for us, and in what is answered."""
    _, client = await door_and_client()
    for text in ("3/../2", "3/%2e%2e/2", "./2", "x/../2"):
        answer = await client.get(f"{HOST}/scim/v2/Users/{text}")
        assert (200, "2", f"{HOST}/scim/v2/Users/2") == (
            answer.status_code,
            answer.json()["id"],
            answer.headers["content-location"],
        )


def test_external_ids_never_resolve_through_ids() -> None:
    """Whatever an externalId looks like, it finds what was given it and nothing else (Grafana CVE-2025-41115)."""

    async def world() -> tuple[Door, httpx.AsyncClient, dict[str, str]]:
        door = Door(users=30, groups=1)
        client = await door.client()
        owners = {}
        for text in ("2", "1", "3"):
            made = await client.post("/Users", json=user(f"ext-{text}", externalId=text))
            owners[text] = made.json()["id"]
        return door, client, owners

    runner = asyncio.Runner()
    _door, client, owners = runner.run(world())

    digits = st.text("0123456789", min_size=1, max_size=12)
    signed = st.integers(-40, 40).map(str)
    arabic = st.text("٠١٢٣٤٥٦٧٨٩１２３", min_size=1, max_size=4)
    ids = st.one_of(digits, signed, arabic, st.uuids().map(str), st.text(min_size=1, max_size=1024).filter(encodable))

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(ids)
    def holds(text: str) -> None:
        query = {"filter": f"externalId eq {literal(text)}", "attributes": "id"}
        answer = runner.run(client.get("/Users", params=query))
        assert answer.status_code in {200, 400}, answer.text
        if answer.status_code == 200:
            expected = [owners[text]] if text in owners else []
            assert expected == [r["id"] for r in answer.json().get("Resources", [])]

    try:
        holds()
    finally:
        runner.close()


@pytest.mark.slow
def test_ten_thousand_external_ids_never_resolve_through_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        door = Door(users=60)
        client = await door.client()
        generator = random.Random(1)
        made = {
            t: (await client.post("/Users", json=user(f"e-{t}", externalId=t))).json()["id"]
            for t in map(str, range(1, 30))
        }
        for number in range(10_000):
            text = generator.choice(
                [
                    str(number),
                    f"-{number}",
                    f"0{number}",
                    f" {number}",
                    f"{number}.0",
                    chr(0x661 + number % 9),
                    "x" * (number % 1000 + 1),
                ]
            )
            answer = await client.get("/Users", params={"filter": f"externalId eq {literal(text)}", "attributes": "id"})
            assert answer.status_code in {200, 400}
            if answer.status_code == 200:
                assert ([made[text]] if text in made else []) == [r["id"] for r in answer.json().get("Resources", [])]

    asyncio.run(run())


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


async def test_the_id_in_a_body_redirects_nothing() -> None:
    """Path id ≠ body id: the path counts (Casdoor CVE-2026-15630)."""
    door, client = await door_and_client()
    one = (await client.post("/Users", json=user("one"))).json()["id"]
    two = (await client.post("/Users", json=user("two"))).json()["id"]
    answer = await client.put(
        f"/Users/{one}", json=user("one", id=two, displayName="Changed", meta={"location": f"/Users/{two}"})
    )
    assert (200, one) == (answer.status_code, answer.json()["id"])
    body: dict[str, Any] = patch({"op": "replace", "value": {"id": two, "displayName": "Again"}})
    assert (await client.patch(f"/Users/{one}", json={**body, "id": two})).status_code in {200, 400}
    names = {u["id"]: u["displayName"] for u in door.state("users")["users"]}
    assert "two" == names[int(two)]
