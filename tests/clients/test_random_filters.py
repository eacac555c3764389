"""Random filters, answered by the connector and by an evaluator that shares no line with it, over the vault's data."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.door import Door, user

Document = dict[str, Any]
FOLDED = ("userName", "displayName", "emails", "emails.value", "emails.type", "title", "roles.value")
TEXTS = ("userName", "displayName", "emails.value", "title", "id", "externalId", "emails.type")
RELATIONS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda a, b: a == b,
    "co": lambda a, b: b in a,
    "sw": lambda a, b: a.startswith(b),
    "ew": lambda a, b: a.endswith(b),
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


# -- what a filter means, by RFC 7644 §3.4.2.2 -----------------------------------------------------------------------


class Term:
    """`attribute operator value`, or `attribute pr`."""

    def __init__(self, attribute: str, operator: str, value: Any = None) -> None:
        self.attribute, self.operator, self.value = attribute, operator, value

    def text(self, dice: random.Random) -> str:
        if self.operator == "pr":
            return f"{self.attribute} pr"
        value = ("true" if self.value else "false") if isinstance(self.value, bool) else f'"{self.value}"'
        operator = dice.choice([self.operator, self.operator.upper()])
        return f"{dice.choice([self.attribute, self.attribute.lower()])} {operator} {value}"

    def holds(self, document: Document) -> bool:
        found = values(document, self.attribute)
        if self.operator == "pr":
            return bool(found)
        if self.operator == "ne":
            return not any(related("eq", self.attribute, one, self.value) for one in found)
        return any(related(self.operator, self.attribute, one, self.value) for one in found)


class Within:
    """`emails[…]`: both terms on the same value."""

    def __init__(self, left: Term, right: Term) -> None:
        self.left, self.right = left, right

    def text(self, dice: random.Random) -> str:
        return f"emails[{self.left.text(dice)} and {self.right.text(dice)}]"

    def holds(self, document: Document) -> bool:
        return any(self.left.holds(mail) and self.right.holds(mail) for mail in document.get("emails", []))


class Joined:
    def __init__(self, word: str, *parts: Any) -> None:
        self.word, self.parts = word, parts

    def text(self, dice: random.Random) -> str:
        if self.word == "not":
            return f"not ({self.parts[0].text(dice)})"
        return "(" + f" {dice.choice([self.word, self.word.upper()])} ".join(p.text(dice) for p in self.parts) + ")"

    def holds(self, document: Document) -> bool:
        found = [part.holds(document) for part in self.parts]
        return not found[0] if self.word == "not" else all(found) if self.word == "and" else any(found)


def values(document: Document, attribute: str) -> list[Any]:
    found: list[Any] = [document]
    for name in attribute.split("."):
        found = [one.get(name) for one in found if isinstance(one, dict)]
        found = [item for one in found for item in (one if isinstance(one, list) else [one]) if item not in (None, "")]
    return found


def related(operator: str, attribute: str, found: Any, value: Any) -> bool:
    if isinstance(found, bool) or isinstance(value, bool):
        return operator == "eq" and found is value
    fold = attribute in FOLDED or attribute in ("value", "type")
    return RELATIONS[operator](*(str(v).casefold() if fold else str(v) for v in (found, value)))


# -- filters and data ------------------------------------------------------------------------------------------------


def term(dice: random.Random, people: list[Document], names: tuple[str, ...] = TEXTS) -> Term:
    if dice.random() < 0.12:
        return Term(dice.choice([*names, *(["emails", "name.givenName"] if names is TEXTS else [])]), "pr")
    if names is TEXTS and dice.random() < 0.15:
        return Term("active", dice.choice(["eq", "ne"]), dice.random() < 0.5)
    name = dice.choice(names)
    whole = [str(v) for person in people for v in values(person, name if names is TEXTS else f"emails.{name}")] or ["x"]
    value = dice.choice([*whole, "nobody", "a", "1"])
    if dice.random() < 0.5 and len(value) > 2:
        start = dice.randrange(len(value) - 1)
        value = value[start : start + dice.randrange(1, 5)]
    operators = ["eq", "ne", "co", "sw", "ew"] + (["gt", "ge", "lt", "le"] if name in ("userName", "value") else [])
    return Term(name, dice.choice(operators), dice.choice([value, value.upper(), value.swapcase()]))


def tree(dice: random.Random, people: list[Document], depth: int) -> Any:
    if depth == 0 or dice.random() < 0.35:
        if dice.random() < 0.2:
            return Within(term(dice, people, ("value", "type")), term(dice, people, ("value", "type")))
        return term(dice, people)
    word = dice.choice(["and", "or", "and", "or", "not"])
    count = 1 if word == "not" else dice.randrange(2, 4)
    return Joined(word, *(tree(dice, people, depth - 1) for _ in range(count)))


async def filled() -> tuple[Door, httpx.AsyncClient, list[Document]]:
    """A vault with people of every kind, and those people as the vault has them and as they were sent."""
    door = Door(users=12)
    client = await door.client()
    sent: dict[str, Document] = {}
    for number in range(12):
        mails = [
            {"value": f"Work{number}@corp.example", "type": "work"},
            {"value": f"p{number}@home.example", "type": "home"},
        ]
        more: Document = {
            "displayName": f"Person {number % 4}",
            "active": number % 3 != 0,
            "emails": mails[: number % 3],
        }
        more |= {"title": f"Title {number % 2}", "name": {"givenName": f"G{number}"}} if number % 2 else {}
        more |= {"externalId": f"ext-{number:02}"} if number % 4 else {}
        made = await client.post("/Users", json=user(f"Sent.{number}", **more))
        assert made.status_code == 201, made.text
        sent[made.json()["id"]] = more
    rows = door.state("users", "account")
    people = [person(row, sent) for row in rows["users"] if row["id"] != rows["account"]["userId"]]
    return door, client, people


def person(row: Document, sent: dict[str, Document]) -> Document:
    mail = [{"value": row["emailAddress"], "type": "work"}] if row["emailAddress"] else []
    known = {"userName": row["userName"], "displayName": row["displayName"], "emails": mail, "active": row["enabled"]}
    return {**known, **sent.get(str(row["id"]), {}), "id": str(row["id"])}


async def compare(count: int, seed: int) -> list[str]:
    """Ask for so many filters; where connector and evaluator disagree, in words."""
    _, client, people = await filled()
    dice = random.Random(seed)
    wrong = []
    for number in range(count):
        wanted = tree(dice, people, dice.randrange(4))
        text = wanted.text(dice)
        expected = sorted(int(p["id"]) for p in people if wanted.holds(p))
        if number % 2:
            answer = await client.get(f"/Users?count=1000&attributes=id&filter={quote(text)}")
        else:
            answer = await client.post("/Users/.search", json={"filter": text, "count": 1000, "attributes": ["id"]})
        assert answer.status_code == 200, f"{text} -> {answer.text}"
        found = sorted(int(one["id"]) for one in answer.json()["Resources"])
        if expected != found or answer.json()["totalResults"] != len(found):
            wrong.append(f"{text}: {found}, not {expected}")
    return wrong


def test_a_thousand_random_filters_find_whom_they_mean() -> None:
    assert asyncio.run(compare(1_000, seed=1)) == []


@pytest.mark.slow
def test_nine_thousand_more_do_so_too() -> None:
    assert asyncio.run(compare(9_000, seed=2)) == []


HOSTILE = [
    *(
        "(" * 40,
        "not " * 40 + "(userName pr)",
        "userName eq",
        'userName eq "',
        "userName",
        "eq",
        '""',
        "()",
        "[]",
        "emails[",
        "emails[]",
    ),
    *(
        f'userName eq "{payload}"'
        for payload in ("' or '1'='1", "%00", "a\\r\\nX: y", "&enabled=true", "#", "../", "${7*7}", "\\u0000")
    ),
    *(
        " and ".join(['userName eq "a"'] * 51),
        'userName eq "' + "a" * 5000 + '"',
        "userName eq 5",
        "active eq maybe",
        "id gt 3",
    ),
    *(
        "userName eq null",
        "nope eq 1",
        "emails[nope eq 1]",
        "userName.nope eq 1",
        "urn:x:y eq 1",
        "userName xx 1",
        "\x00",
        "é",
        "💥",
    ),
]


def test_hostile_filters_are_answered_or_refused_and_never_fail() -> None:
    async def ask() -> list[tuple[str, int]]:
        _, client, _ = await filled()
        answers = [(text, await client.post("/Users/.search", json={"filter": text})) for text in HOSTILE]
        answers += [(text, await client.get(f"/Users?filter={quote(text)}")) for text in HOSTILE]
        return [(text, answer.status_code) for text, answer in answers]

    assert [] == [(text, status) for text, status in asyncio.run(ask()) if status not in (200, 400)]
