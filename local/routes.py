"""Route templates as the Functions host matches them.

The host hands every function's template to ASP.NET's classic router in ALPHABETICAL order of function name and takes
the first whose path and method fit. There is no ranking by specificity: `/Users/{id}` in a function called `a` hides
`/Users/.search` in one called `b`. A wrong method means "next route", so in the end an empty 404 and never a 405.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Check = Callable[[str], bool]
F = TypeVar("F")


class BadTemplate(Exception):
    """A route template that the host would refuse when it starts."""


@dataclass(frozen=True, slots=True)
class Template:
    """One compiled route template."""

    text: str
    pattern: re.Pattern[str]
    checks: tuple[tuple[str, Check], ...]
    defaults: tuple[tuple[str, str], ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The route values, spelt as in the template, or None. An optional value that is not there has no key."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        values = {name: value for name, value in found.groupdict().items() if value}
        for name, check in self.checks:
            if name in values and not check(values[name]):
                return None
        for name, default in self.defaults:
            values.setdefault(name, default)
        return values


@dataclass(frozen=True, slots=True)
class Route(Generic[F]):
    name: str
    template: Template
    methods: frozenset[str]
    function: F


class Router(Generic[F]):
    """Routes in the host's order. Read it once, match it for every request."""

    def __init__(self) -> None:
        self._routes: list[Route[F]] = []

    def add(self, name: str, template: str, methods: Iterable[str], function: F) -> None:
        """Raises BadTemplate for what the host leaves out with an error: reserved prefixes and conflicting routes."""
        lowered = template.strip("/").lower()
        if lowered.startswith(("admin", "runtime")):
            # The host compares the beginning of the text, so that `administrators` is refused as well.
            raise BadTemplate(f"{name}: a route must not begin with 'admin' or 'runtime': {template}")
        wanted = frozenset(method.upper() for method in methods)
        for other in self._routes:
            overlap = not wanted or not other.methods or wanted & other.methods
            if other.template.text.strip("/").lower() == lowered and overlap:
                raise BadTemplate(f"{name}: the route {template} conflicts with the one of {other.name}")
        self._routes.append(Route(name, compiled(template), wanted, function))
        # OrdinalIgnoreCase compares upper-cased text: '_' sorts after the letters, digits before them.
        self._routes.sort(key=lambda route: route.name.upper())

    def match(self, method: str, path: str) -> tuple[F, dict[str, str]] | None:
        for route in self._routes:
            if route.methods and method not in route.methods:
                continue
            values = route.template.match(path)
            if values is not None:
                return route.function, values
        return None

    @property
    def routes(self) -> tuple[Route[F], ...]:
        return tuple(self._routes)


_PARAMETER = re.compile(
    r"\{(?P<star>\*{0,2})(?P<name>\w+)(?P<rest>(?::(?:[^(){}:?=]+(?:\((?:[^()]|\([^()]*\))*\))?))*)"
    r"(?:=(?P<default>[^{}?]*))?(?P<optional>\?)?\}"
)
_CONSTRAINT = re.compile(r":(?P<name>\w+)(?:\((?P<arguments>(?:[^()]|\([^()]*\))*)\))?")


def compiled(template: str) -> Template:
    """`/Users/{id?}` → a pattern over the decoded path. Literals ignore case; one trailing slash is tolerated."""
    checks: list[tuple[str, Check]] = []
    defaults: list[tuple[str, str]] = []
    pattern = ""
    segments = [segment for segment in _segments(template.strip("/")) if segment]
    for position, segment in enumerate(segments):
        parameters = list(_PARAMETER.finditer(segment))
        bare = _PARAMETER.sub("", segment)
        if "{" in bare or "}" in bare:
            raise BadTemplate(f"cannot read the segment {segment!r} of the route {template!r}")
        for found in parameters:
            checks += [(found["name"], check) for check in _checks(found["rest"], template)]
            if found["default"] is not None:
                defaults.append((found["name"], found["default"]))
        alone = len(parameters) == 1 and parameters[0].group() == segment
        if alone and parameters[0]["star"]:
            if position != len(segments) - 1:
                raise BadTemplate(f"a catch-all must be last in the route {template!r}")
            pattern += f"(?:/(?P<{parameters[0]['name']}>.*))?"
        elif alone and (parameters[0]["optional"] or parameters[0]["default"] is not None):
            pattern += f"(?:/(?P<{parameters[0]['name']}>[^/]+))?"
        else:
            pattern += "/" + _mixed(segment, parameters)
    return Template(template, re.compile(f"{pattern}/?", re.IGNORECASE | re.DOTALL), tuple(checks), tuple(defaults))


def _segments(template: str) -> list[str]:
    """Split at slashes, except inside braces: a regex constraint may hold one."""
    segments, depth = [""], 0
    for character in template:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "/" and depth == 0:
            segments.append("")
        else:
            segments[-1] += character
    return segments


def _mixed(segment: str, parameters: list[re.Match[str]]) -> str:
    pattern, at = "", 0
    for found in parameters:
        pattern += re.escape(segment[at : found.start()]) + f"(?P<{found['name']}>[^/]+)"
        at = found.end()
    return pattern + re.escape(segment[at:])


def _matches(pattern: str) -> Check:
    expression = re.compile(pattern, re.IGNORECASE)
    return lambda value: expression.search(value) is not None


def _integer(bits: int) -> Check:
    limit = 1 << (bits - 1)
    return lambda value: re.fullmatch(r"[+-]?\d+", value) is not None and -limit <= int(value) < limit


def _length(arguments: list[str]) -> Check:
    least, most = int(arguments[0]), int(arguments[-1])
    return lambda value: least <= len(value) <= most


def _between(least: int | None, most: int | None) -> Check:
    def check(value: str) -> bool:
        if re.fullmatch(r"[+-]?\d+", value) is None:
            return False
        return (least is None or int(value) >= least) and (most is None or int(value) <= most)

    return check


_SIMPLE: dict[str, Check] = {
    "int": _integer(32),
    "long": _integer(64),
    "bool": lambda value: value.lower() in {"true", "false"},
    "guid": _matches(r"^(\{|\()?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}(\}|\))?$"),
    "alpha": _matches(r"^[a-z]*$"),
    "required": bool,
    "decimal": _matches(r"^[+-]?\d*\.?\d+$"),
    "double": _matches(r"^[+-]?\d*\.?\d+(e[+-]?\d+)?$"),
    "float": _matches(r"^[+-]?\d*\.?\d+(e[+-]?\d+)?$"),
}
_WITH_ARGUMENTS: dict[str, Callable[[list[str]], Check]] = {
    "length": _length,
    "minlength": lambda arguments: _length([arguments[0], str(1 << 31)]),
    "maxlength": lambda arguments: _length(["0", arguments[0]]),
    "min": lambda arguments: _between(int(arguments[0]), None),
    "max": lambda arguments: _between(None, int(arguments[0])),
    "range": lambda arguments: _between(int(arguments[0]), int(arguments[1])),
    # Braces are doubled inside a template.
    "regex": lambda arguments: _matches(",".join(arguments).replace("{{", "{").replace("}}", "}")),
}


def _checks(rest: str, template: str) -> list[Check]:
    found = []
    for constraint in _CONSTRAINT.finditer(rest):
        name, arguments = constraint["name"], constraint["arguments"]
        if name in _SIMPLE and arguments is None:
            found.append(_SIMPLE[name])
        elif name in _WITH_ARGUMENTS and arguments is not None:
            found.append(_WITH_ARGUMENTS[name](arguments.split(",")))
        else:
            raise BadTemplate(f"unknown constraint {constraint.group()!r} in the route {template!r}")
    return found
