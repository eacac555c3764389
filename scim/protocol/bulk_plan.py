"""Step 3: the operations of one bulk: who refers to whom, in which order they go, and what may go side by side."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scim.errors import ConnectorError
from scim.protocol.dialects.vocabulary import is_urn
from scim.protocol.limits import member

AT_ONCE = 16  # operations under way; half of what a vault is asked at once, so that others have room
_PREFIX = "bulkId:"
_WITHIN = re.compile(r'(?<=["/])bulkId:([^"/\]]+)')  # within the path of an operation, or of a PATCH operation

Resolve = Callable[[str], str]


@dataclass(slots=True)
class Later:
    """What a creation had to leave out, because it refers to something that could only be created after it."""

    index: int
    path: str  # of what was created
    operations: list[dict[str, Any]]
    waits_for: set[str]


@dataclass(slots=True)
class Plan:
    """The operations of one bulk, who creates what, and what became of each so far."""

    operations: list[Any]
    most_errors: int | None
    refused: Mapping[int, ConnectorError]
    creations: dict[str, int] = field(default_factory=dict)  # bulkId → position of its POST
    created: dict[str, str] = field(default_factory=dict)  # bulkId → id
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    later: list[Later] = field(default_factory=list)
    took: deque[float] = field(default_factory=lambda: deque(maxlen=32))  # seconds, of the last that were carried out
    late: bool = False
    left_out: list[int] = field(default_factory=list)  # for which no time was left
    wait: int = 0  # seconds after which what was not done may be sent again
    _begun: dict[int, tuple[str, set[str]]] = field(default_factory=dict)  # what each touches

    def __post_init__(self) -> None:
        for index, operation in enumerate(self.operations):
            if isinstance(operation, Mapping) and operation.get("method") == "POST":
                bulk_id = operation.get("bulkId")
                if isinstance(bulk_id, str) and bulk_id:
                    self.creations.setdefault(bulk_id, index)

    @property
    def stopped(self) -> bool:
        """Whether failOnErrors is reached (RFC 7644 §3.7.3)."""
        errors = sum(int(result["status"]) >= 400 for result in self.results.values())
        return self.most_errors is not None and errors > 0 and errors >= self.most_errors

    def order(self) -> Iterator[int]:
        """Positions in the request's order, but a creation comes before what refers to it. Without recursion."""
        visited: set[int] = set()
        for root in range(len(self.operations)):
            if root in visited:
                continue
            visited.add(root)
            walk = [(root, self._needs(root))]
            while walk:
                index, needs = walk[-1]
                needed = next((n for n in needs if n not in visited), None)
                if needed is None:
                    walk.pop()
                    yield index
                else:
                    visited.add(needed)
                    walk.append((needed, self._needs(needed)))

    def may_begin(self, index: int, running: Iterable[int]) -> bool:
        """Whether an operation can touch nothing that those under way touch.

        One kind of write to distinct users, or to distinct groups, goes together. One at a time where the client wants
        to stop at an error.
        """
        running = tuple(running)
        if not running:
            return True
        kind, touches = self._touches(index)
        if not kind or len(running) >= AT_ONCE or self.catches_up():
            return False
        others = [self._begun[other] for other in running]
        return all(kind == other and not touches & taken for other, taken in others)

    def begin(self, index: int) -> None:
        self._begun[index] = self._touches(index)

    def catches_up(self) -> bool:
        """Whether a reference that was left out can be added by now."""
        return any(not one.waits_for - self.created.keys() for one in self.later)

    def too_late(self, left: float) -> bool:
        """Whether an operation that takes as long as the last ones did would be cut short."""
        self.late = self.late or left <= (1.5 * sum(self.took) / len(self.took) if self.took else 0.0)
        return self.late

    def _touches(self, index: int) -> tuple[str, set[str]]:
        """The kind of a write and the names of what it touches; no kind: it has to go alone."""
        operation = self.operations[index]
        alone = self.most_errors is not None or index in self.refused or not isinstance(operation, Mapping)
        if alone or self.missing(operation):
            return "", set()
        method, path, data = (operation.get(name) for name in ("method", "path", "data"))
        endpoint, _, target = str(path).strip("/").partition("/")
        if endpoint not in ("Users", "Groups") or not isinstance(method, str):
            return "", set()
        if method != "POST":
            return f"{method} {endpoint}", {str(self.resolve(f"/{target}"))}
        known = data if isinstance(data, dict) else {}
        names = [member(known, name) for name in ("username", "displayname", "externalid")]
        touches = {f"{place} {str(name).strip().casefold()}" for place, name in enumerate(names) if name}
        return f"POST {endpoint}", touches | {f"bulkId {operation.get('bulkId') or index}"}

    def _needs(self, index: int) -> Iterator[int]:
        return iter([self.creations[name] for name in references(self.operations[index]) if name in self.creations])

    def missing(self, operation: Any) -> set[str]:
        """Which references of an operation lead to nothing (yet)."""
        return {name for name in references(operation) if name not in self.created}

    def resolve(self, value: Any) -> Any:
        return replaced(value, lambda name: self.created.get(name, _PREFIX + name))


# -- references ------------------------------------------------------------------------------------------------------


def references(operation: Any) -> list[str]:
    """The bulkIds that an operation refers to, in its path and its data."""
    found: list[str] = []

    def collect(name: str) -> str:
        found.append(name)
        return name

    if isinstance(operation, Mapping):
        replaced([operation.get("path"), operation.get("data")], collect)
    return found


def replaced(value: Any, resolve: Resolve) -> Any:
    """A value with every `bulkId:…` resolved: whole texts, and those between the quotes or slashes of a path."""
    if isinstance(value, str):
        if value.startswith(_PREFIX):
            return resolve(value.removeprefix(_PREFIX))
        return _WITHIN.sub(lambda match: resolve(match[1]), value) if _PREFIX in value else value
    if isinstance(value, list):
        return [replaced(item, resolve) for item in value]
    if isinstance(value, Mapping):
        return {key: replaced(item, resolve) for key, item in value.items()}
    return value


def _refers(value: Any, names: set[str]) -> bool:
    return any(name in names for name in references({"data": value}))


def postponed(data: Mapping[str, Any], pending: set[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A resource without the attributes that refer to what is still to be created, and the PATCH that adds them.

    RFC 7644 §3.7.1: circular references must at least be tried.
    """
    kept: dict[str, Any] = {}
    later: list[dict[str, Any]] = []
    for name, value in data.items():
        if not _refers(value, pending):
            kept[name] = value
        elif isinstance(value, list):
            kept[name] = [entry for entry in value if not _refers(entry, pending)]
            waiting = [entry for entry in value if _refers(entry, pending)]
            later.append({"op": "add", "path": name, "value": waiting})
        elif is_urn(name) and isinstance(value, Mapping):
            kept[name] = {key: item for key, item in value.items() if not _refers(item, pending)}
            waiting = [key for key in value if key not in kept[name]]
            later += [{"op": "add", "path": f"{name}:{key}", "value": value[key]} for key in waiting]
        else:
            later.append({"op": "add", "path": name, "value": value})
    return kept, later
