"""Numbers of this process for Prometheus, in its text format 0.0.4. Bounded: routes are templates, never URLs.

Counters live here and are added to after each request; gauges are asked for when somebody scrapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scim.context import UpstreamCall

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 45.0)
_MOST_SERIES = 500
_OTHER = "other"

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Histogram:
    """Times in seconds by labels."""

    counts: dict[Labels, list[int]] = field(default_factory=dict)
    sums: Counter[Labels] = field(default_factory=Counter)

    def add(self, seconds: float, labels: Labels) -> None:
        counts = self.counts.setdefault(labels, [0] * (len(BUCKETS) + 1))
        place = next((i for i, bucket in enumerate(BUCKETS) if seconds <= bucket), len(BUCKETS))
        counts[place] += 1
        self.sums[labels] += seconds  # type: ignore[assignment]  # a Counter holds floats as well


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number as it is now, by labels."""

    name: str
    help: str
    values: Mapping[Labels, float]


class Metrics:
    """What one process counted since it began."""

    def __init__(self) -> None:
        self.requests: Counter[Labels] = Counter()
        self.request_seconds = Histogram()
        self.upstream: Counter[Labels] = Counter()
        self.upstream_seconds = Histogram()

    def note(self, method: str, route: str, status: int, ms: float, calls: Iterable[UpstreamCall]) -> None:
        """Add one answered request and the calls to a vault that it made."""
        known = (("method", method), ("route", route))
        if known not in self.request_seconds.counts and len(self.request_seconds.counts) >= _MOST_SERIES:
            known = (("method", method), ("route", _OTHER))
        self.requests[(*known, ("status", str(status)))] += 1
        self.request_seconds.add(ms / 1000, known)
        for call in calls:
            what = (("method", call.method), ("path", call.path))
            self.upstream[(*what, ("status", str(call.status)))] += 1
            self.upstream_seconds.add(call.ms / 1000, what)

    def text(self, gauges: Sequence[Gauge] = ()) -> str:
        lines = [
            *_counter("scim_requests_total", "Answered requests.", self.requests),
            *_histogram("scim_request_seconds", "Time until the answer.", self.request_seconds),
            *_counter("scim_upstream_calls_total", "Calls to Secret Server; status 0 is no answer.", self.upstream),
            *_histogram("scim_upstream_seconds", "Time of a call to Secret Server.", self.upstream_seconds),
        ]
        for gauge in gauges:
            lines += [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
            lines += [f"{gauge.name}{_labels(labels)} {_number(value)}" for labels, value in gauge.values.items()]
        return "\n".join(lines) + "\n"


def _counter(name: str, text: str, values: Mapping[Labels, int]) -> list[str]:
    head = [f"# HELP {name} {text}", f"# TYPE {name} counter"]
    return head + [f"{name}{_labels(labels)} {value}" for labels, value in sorted(values.items())]


def _histogram(name: str, text: str, histogram: Histogram) -> list[str]:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} histogram"]
    for labels, counts in sorted(histogram.counts.items()):
        total = 0
        for bucket, count in zip((*map(_number, BUCKETS), "+Inf"), counts, strict=True):
            total += count
            lines.append(f"{name}_bucket{_labels((*labels, ('le', bucket)))} {total}")
        lines.append(f"{name}_sum{_labels(labels)} {_number(round(histogram.sums[labels], 6))}")
        lines.append(f"{name}_count{_labels(labels)} {total}")
    return lines


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
