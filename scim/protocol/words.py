"""Step 3: the words of a refusal. The library's own speak of Python's names and types; here they become sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_VALIDATION = re.compile(r"\d+ validation errors? for [^\n]*\n")
_LONG = re.compile(
    r"""(?P<open>['"])(?P<text>(?:(?!(?P=open)).){61})(?:(?!(?P=open)).){4,}(?P=open)"""  # a long quotation
    r"""|(?P<word>\S{61})\S{20,}"""  # or a long word
)
_PLACE = r"(?P<place>[\w$.\[\]:/-]+)"
_WRONG = r"(?P<words>(?:Input should|Value error).*)"
_PLACED = tuple(re.compile(p) for p in (f"{_PLACE}: {_WRONG}", f"{_WRONG}: {_PLACE}", f"(?P<place>){_WRONG}"))
_SHAPES: Sequence[tuple[str, str]] = (
    (r"Input should be a valid boolean.*", "must be true or false"),
    (r"Input should be a valid string.*", "must be a string"),
    (r"Input should be a valid (?:integer|number).*", "must be a whole number"),
    (r"Input should be (?:an object|a valid dictionary.*)", "must be a JSON object"),
    (r"Input should be a valid (?:list|array|tuple).*", "must be an array"),
    (r"Input should be a valid (?:date|time).*", "must be a date with a time, such as 2026-11-27T09:30:00Z"),
    (r"Input should be (.*)", r"must be \1"),
    (r"Value error, Invalid URI: (.*)", r"is no URI: '\1'"),
    (r"Value error, (.*)", r"is wrong: \1"),
)
_OTHER_VERSION = (
    "The resource is no longer in the version that If-Match names, or is in the one that If-None-Match excludes. "
    "Read it again, then repeat the change"
)
_SENTENCES: Sequence[tuple[str, str]] = (
    (
        r"Value error, 'attributes' and 'excluded_attributes' are mutually exclusive",
        "attributes and excludedAttributes exclude each other: send one of them",
    ),
    (r"operations attribute is required", "Operations is required: an array with one or more operations"),
    (r"operations holds one or more operations", "Operations must hold one or more operations"),
    (r"(?:.*: )?Failed to update\. Resource has changed on the server", _OTHER_VERSION),
    (r"(.+): invalid syntax at column (\d+)", r"The path '\1' cannot be understood from character \2 on"),
    (r"Field not found: (.*)", r"'\1' is no attribute of what is searched"),
    (
        r"the value written to '' must be an object",
        "A PATCH operation without a path needs an object, with attributes by name, as its value",
    ),
    (r"Field '(.*)' is required but value is missing, null or empty", r"\1 is required and must not be empty"),
)
_Rule = tuple[re.Pattern[str], str]


def _rules(table: Sequence[tuple[str, str]]) -> tuple[_Rule, ...]:
    return tuple((re.compile(pattern), words) for pattern, words in table)


_SHAPE_RULES, _SENTENCE_RULES = _rules(_SHAPES), _rules(_SENTENCES)


def plain(detail: str | None, scim_type: str | None = None) -> str | None:
    """A library's detail as one sentence on one line of a log, with at most 64 characters of what was sent."""
    if detail is None:
        return None
    first = "; ".join(_sentence(told, scim_type) for told in _told(detail.strip()))
    first = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in first[:10_000])
    first = _LONG.sub(lambda m: f"{m['open']}{m['text']}…{m['open']}" if m["open"] else f"{m['word']}…", first)
    return first if len(first) <= 400 else first[:397] + "…"


def _told(detail: str) -> list[str]:
    """The validation library's report in one text an error, with SCIM's spelling of the attribute; else the detail."""
    report = _VALIDATION.match(detail)
    if report is None:
        return [detail.split("For further information visit", 1)[0].strip()]
    told: list[str] = []
    for line in detail[report.end() :].split("\n"):
        said = line.partition(" [type=")[0].strip()
        if line and not line.startswith(" "):
            place = re.sub(r"_([a-z])", lambda m: m[1].upper(), line.strip())
            told.append(re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", place))
        elif line.startswith("  ") and not line.startswith("    ") and not said.startswith("For further"):
            told = [*told[:-1], f"{told[-1]}: {said}"] if told else [said]  # without a place: about all of it
    return told[:3]


def _sentence(text: str, scim_type: str | None) -> str:
    column = re.fullmatch(r"invalid syntax at column (\d+)", text)
    if column is not None:
        what = "filter" if scim_type == "invalidFilter" else "attribute's name"
        return f"The {what} cannot be understood from character {column[1]} on"
    said = _first(_SENTENCE_RULES, text)
    if said is not None:
        return said
    placed = next((found for form in _PLACED if (found := form.fullmatch(text))), None)
    if placed is None:
        return text
    words = _first(_SHAPE_RULES, placed["words"]) or placed["words"]
    return f"{placed['place'] or 'The value'} {words}"


def _first(rules: Sequence[_Rule], text: str) -> str | None:
    spoken: Callable[[_Rule], str | None] = lambda rule: (m := rule[0].fullmatch(text)) and m.expand(rule[1])  # noqa: E731
    return next((said for said in map(spoken, rules) if said is not None), None)
