"""Random requests through the whole app: whatever comes, the answer is SCIM's and never a 5xx.

Bodies are grown from good ones (values swapped, nested, repeated, dropped) and from nothing at all.
"""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import httpx
import pytest

from tests.door import ERROR, Door, group, patch, user

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**53,
    2**63 - 1,
    "",
    " ",
    "x",
    "é☃",
    "\u0000",
    "\u202e",
    "a" * 300,
    "true",
    "False",
    "2020-01-01T00:00:00Z",
    [],
    {},
    [None],
    [[]],
    {"value": None},
    {"value": "2"},
    [{"value": "2"}],
    {"a": {"b": {"c": 1}}},
    ["2", 2],
    "members",
    "userName",
    "urn:x",
    "${7*7}",
    "' or 1=1",
    "🙂",
    "١٢",
    {"$ref": "../Users/2"},
    {"": ""},
    {"primary": True},
    [{"type": "work"}],
]
NAMES = [
    "userName",
    "displayName",
    "name",
    "name.givenName",
    "emails",
    'emails[type eq "work"].value',
    "emails.value",
    "active",
    "password",
    "roles",
    "groups",
    "members",
    'members[value eq "2"]',
    "members.value",
    "externalId",
    "id",
    "meta",
    "schemas",
    "title",
    "nickName",
    "photos",
    "x509Certificates",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:pam:1.0:LinkedObject",
    "nope",
    "",
    "a.b.c",
    "emails[",
    "emails[type eq]",
    'addresses[type eq "work" and primary eq true].locality',
    "ACTIVE",
    "entitlements",
    "preferredLanguage",
    "locale",
]
OPS = ["add", "replace", "remove", "Add", "REPLACE", "move", "", None, 1]
GOOD = [
    user(
        "fuzz",
        name={"givenName": "A", "familyName": "B"},
        emails=[{"value": "a@b.example", "primary": True}],
        active=True,
    ),
    group("fuzz", "2", "3"),
    patch(
        {"op": "replace", "path": "displayName", "value": "x"},
        {"op": "add", "path": "members", "value": [{"value": "3"}]},
    ),
]


class Grower:
    """Bodies from a seed: the same seed, the same bodies."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def body(self) -> Any:
        kind = self._random.randrange(4)
        if kind == 0:
            return patch(*[self._operation() for _ in range(self._random.randint(0, 4))])
        if kind == 1:
            return {self._random.choice(NAMES): self._value(2) for _ in range(self._random.randint(0, 6))}
        if kind == 2:
            return self._value(3)
        value = copy.deepcopy(self._random.choice(GOOD))
        for _ in range(self._random.randint(1, 3)):
            value = self._changed(value)
        return value

    def request(self) -> tuple[str, str]:
        kind = self._random.choice(["Users", "Groups"])
        one = f"/{kind}/{self._random.choice(['3', '4', '5', '8', '9'])}"
        every = [
            ("POST", f"/{kind}"),
            ("PUT", one),
            ("PATCH", one),
            ("PATCH", one),
            ("PATCH", one),
            ("POST", f"/{kind}/.search"),
            ("POST", "/Bulk"),
        ]
        return self._random.choice(every)

    def _operation(self) -> Any:
        operation: dict[str, Any] = {"op": self._random.choice(OPS[:6] if self._random.random() < 0.9 else OPS)}
        if self._random.random() < 0.8:
            operation["path"] = self._random.choice(NAMES)
        if self._random.random() < 0.85:
            operation["value"] = self._value(2)
        return operation

    def _value(self, depth: int) -> Any:
        if depth == 0 or self._random.random() < 0.6:
            return copy.deepcopy(self._random.choice(ODD))
        if self._random.random() < 0.5:
            return [self._value(depth - 1) for _ in range(self._random.randint(0, 3))]
        return {self._random.choice(NAMES): self._value(depth - 1) for _ in range(self._random.randint(0, 3))}

    def _changed(self, value: Any) -> Any:
        if isinstance(value, dict) and value and self._random.random() < 0.8:
            key = self._random.choice(list(value))
            if self._random.random() < 0.2:
                return {k: v for k, v in value.items() if k != key}
            return {**value, key: self._changed(value[key])}
        if isinstance(value, list) and value and self._random.random() < 0.8:
            index = self._random.randrange(len(value))
            return [*value[:index], self._changed(value[index]), *value[index + 1 :]]
        return self._value(1)


def wrong(answer: httpx.Response) -> str:
    """What is not as promised; a bulk's operations are answers of their own."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:300]}"
    if answer.status_code >= 400 and answer.json().get("schemas") != [ERROR]:
        return f"no SCIM error: {answer.text[:300]}"
    if answer.status_code < 300 and answer.content:
        failed = [o for o in answer.json().get("Operations", []) if int(o["status"]) >= 500]
        return f"within a bulk: {failed[0]}" if failed else ""
    return ""


async def fuzz(seed: int, count: int) -> list[str]:
    door = Door(users=12, groups=3)
    client = await door.client()
    grower = Grower(seed)
    found = []
    for _ in range(count):
        method, path = grower.request()
        body = grower.body()
        if path == "/Bulk":
            operations = [
                {"method": "PATCH", "path": "/Users/4", "data": body},
                {"method": "POST", "path": "/Users", "bulkId": "b", "data": body},
            ]
            body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations}
        sent = json.dumps(body).encode()
        problem = wrong(await client.request(method, path, content=sent))
        if problem:
            found.append(f"{method} {path} {sent.decode()[:400]}: {problem}")
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_random_bodies_are_never_an_error_of_ours(seed: int) -> None:
    assert [] == await fuzz(seed, 800)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 15))
async def test_many_random_bodies_are_never_an_error_of_ours(seed: int) -> None:
    assert [] == await fuzz(seed, 4000)


FILTER_WORDS = [
    "userName",
    "emails",
    "emails.value",
    "active",
    "meta.created",
    "name.familyName",
    "nope",
    "members",
    "groups.value",
    "id",
    "externalId",
    "eq",
    "ne",
    "co",
    "sw",
    "ew",
    "gt",
    "lt",
    "ge",
    "le",
    "pr",
    "and",
    "or",
    "not",
    "(",
    ")",
    "[",
    "]",
    '"x"',
    "true",
    "null",
    "1",
    "'x'",
    "x",
    '"',
    "\\",
    "urn:ietf:params:scim:schemas:core:2.0:User:userName",
    '"2020-01-01T00:00:00Z"',
    "-1",
    "1e999",
]


async def test_random_filters_are_answered_quickly_and_never_an_error_of_ours() -> None:
    """Hundreds of filters of random words: a list or 400 invalidFilter."""
    door = Door(users=6, groups=2)
    client = await door.client()
    generator = random.Random(3)
    found = []
    for _ in range(700):
        text = " ".join(generator.choice(FILTER_WORDS) for _ in range(generator.randint(1, 12)))
        answer = await client.get(generator.choice(["/Users", "/Groups"]), params={"filter": text, "count": 2})
        if answer.status_code not in {200, 400}:
            found.append(f"{text}: {answer.status_code} {answer.text[:200]}")
    assert [] == found
