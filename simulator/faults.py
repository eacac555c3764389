"""Ways to misbehave on order: rules that match a request line and say what to do instead of answering properly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from simulator.errors import ApiError
from simulator.http import Answer, page

KINDS = frozenset(
    {
        *("400", "401", "403", "429", "500", "503", "html", "slow", "hang", "drop-before", "drop-after"),
        *("bad-json", "drip", "huge", "truncated"),
    }
)
HUGE = 50 * 1024 * 1024


@dataclass
class Rule:
    """`times` None is for ever; `skip` lets so many matches through first."""

    match: re.Pattern[str]
    do: str
    times: int | None = None
    skip: int = 0
    ms: float = 1000.0
    retry_after: str | None = None
    body: Any = None

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = {"match": self.match.pattern, "do": self.do, "skip": self.skip}
        if self.times is not None:
            found["times"] = self.times
        if self.do == "slow":
            found["ms"] = self.ms
        if self.retry_after is not None:
            found["retry_after"] = self.retry_after
        return found


class Faults:
    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def set(self, body: Any) -> None:
        """Replace all rules, or raise ApiError with what is wrong with them."""
        rows = body.get("rules") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise ApiError('The body is {"rules": [...]}.')
        self.rules = [_rule(row) for row in rows]

    def take(self, line: str) -> Rule | None:
        """The first rule that matches `METHOD /path?query` and is not used up."""
        for rule in self.rules:
            if rule.times == 0 or not rule.match.search(line):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                return None
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None


def _rule(row: Any) -> Rule:
    if not isinstance(row, dict) or not isinstance(row.get("match"), str):
        raise ApiError("A rule is an object with match and do.")
    unknown = set(row) - {"match", "do", "times", "skip", "ms", "retry_after", "body"}
    if unknown:
        raise ApiError(f"A rule does not have {', '.join(sorted(unknown))}.")
    do = str(row.get("do"))
    if do not in KINDS:
        raise ApiError(f"{do!r} is none of {', '.join(sorted(KINDS))}.")
    try:
        match = re.compile(row["match"])
    except re.error as error:
        raise ApiError(f"match is not a regular expression: {error}") from error
    after = row.get("retry_after")
    times = row.get("times")
    return Rule(
        match,
        do,
        times=None if times is None else int(times),
        skip=int(row.get("skip", 0)),
        ms=float(row.get("ms", 1000)),
        retry_after=None if after is None else str(after),
        body=row.get("body"),
    )


_TEXTS = {
    "400": {"message": "The request is invalid."},
    "401": {"message": "Authentication failed or expired token."},
    "403": {"message": "Access Denied", "errorCode": "API_AccessDenied"},
    "429": {"message": "Too many requests."},
    "503": {"message": "The service is unavailable."},
    "500": {
        "message": "An error has occurred.",
        "exceptionMessage": "Execution Timeout Expired.",
        "exceptionType": "System.Data.SqlClient.SqlException",
        "stackTrace": "   at Simulated.Database.Query()\r\n   at Simulated.Web.Controller.Execute()",
    },
}


def refusal(rule: Rule) -> Answer | None:
    """The answer of the kinds that answer at once; None for the others."""
    headers = [(b"retry-after", rule.retry_after.encode())] if rule.retry_after is not None else []
    if rule.do in _TEXTS:
        body = orjson.dumps(rule.body if rule.body is not None else _TEXTS[rule.do])
        return Answer(int(rule.do), body, headers=headers)
    if rule.do == "html":
        return page("Request unsuccessful", "Incapsula incident ID: 0-000000000000000000", 200)
    return None
