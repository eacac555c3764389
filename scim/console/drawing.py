"""What templates need beside values: times, numbers, and charts as plain SVG (no script, good to print)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from markupsafe import Markup, escape

from scim.store.messages import Minute

WIDTH, HEIGHT = 600.0, 132.0
STATIC = Path(__file__).parent / "static"


def when(at: datetime | str | None) -> Markup:
    """A moment: exact in UTC, and rewritten to the reader's own clock where a script may run."""
    if not at:
        return Markup('<span class="faint">never</span>')
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    text = moment.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        text.isoformat(timespec="milliseconds"), text.strftime("%Y-%m-%d %H:%M:%S"), ago(text)
    )


def exact(at: datetime | None) -> Markup:
    """A moment to the second, for tables of what happened."""
    if at is None:
        return Markup("")
    text = at.astimezone(UTC)
    return Markup('<time class="exact" datetime="{}" title="{} UTC">{}</time>').format(
        text.isoformat(timespec="milliseconds"), text.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], text.strftime("%H:%M:%S")
    )


def ago(at: datetime) -> str:
    seconds = (datetime.now(UTC) - at).total_seconds()
    future = seconds < -1
    seconds = abs(seconds)
    for size, unit in ((86400 * 2, "d"), (5400, "h"), (90, "min")):
        if seconds >= size:
            number = round(seconds / {"d": 86400, "h": 3600, "min": 60}[unit])
            return f"in {number}\u00a0{unit}" if future else f"{number}\u00a0{unit} ago"
    if seconds < 5:
        return "just now"
    return f"in {seconds:.0f}\u00a0s" if future else f"{seconds:.0f}\u00a0s ago"


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u202f")


def milliseconds(value: float) -> str:
    return f"{value / 1000:.1f}\u00a0s" if value >= 1000 else f"{value:.0f}\u00a0ms"


def status_word(status: int) -> str:
    return "ok" if 0 < status < 400 else "refused" if 400 <= status < 500 else "failed"


def spoken(query: str) -> str:
    """A query as people read it."""
    return "?" + unquote_plus(query)[:300]


def asset(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may keep it for long."""
    if name not in _MARKS:
        _MARKS[name] = blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
    return f"/console/static/{name}?v={_MARKS[name]}"


_MARKS: dict[str, str] = {}

# --- numbers over time -----------------------------------------------------------------------------------------------


def slots(minutes: Mapping[datetime, Minute], since: datetime, until: datetime, count: int) -> list[Minute]:
    """Minutes gathered into `count` equal stretches of time, oldest first."""
    width = (until - since) / count
    found = [Minute() for _ in range(count)]
    for at, minute in minutes.items():
        place = int((at - since) / width)
        if 0 <= place < count:
            mine = found[place]
            mine.requests += minute.requests
            mine.refused += minute.refused
            mine.failed += minute.failed
            mine.upstream += minute.upstream
            mine.times.extend(minute.times)
    return found


def percentile(times: Sequence[float], share: float) -> float:
    if not times:
        return 0.0
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def bars(found: Sequence[Minute], what: str, since: datetime, until: datetime) -> Markup:
    """Stacked bars: `traffic` (answered, refused, failed) or `upstream`."""
    most = max((getattr(m, "requests" if what == "traffic" else "upstream") for m in found), default=0) or 1
    step = WIDTH / len(found)
    parts: list[Markup] = []
    for i, minute in enumerate(found):
        good = minute.requests - minute.refused - minute.failed
        stack = [("ok", good), ("refused", minute.refused), ("failed", minute.failed)]
        if what != "traffic":
            stack = [("upstream", minute.upstream)]
        top = HEIGHT
        for name, value in stack:
            if value <= 0:
                continue
            height = max(1.5, value / most * (HEIGHT - 6))
            top -= height
            parts.append(_rect(i * step + 0.75, top, max(1.0, step - 1.5), height, f"bar-{name}"))
    return _frame(parts, number(most), since, until)


def lines(found: Sequence[Minute], since: datetime, until: datetime) -> Markup:
    """Median and 95th percentile of our answers' milliseconds."""
    high = [percentile(m.times, 0.95) for m in found]
    middle = [percentile(m.times, 0.5) for m in found]
    most = max(high, default=0.0) or 1.0
    parts = [_curve(high, most, "line-high"), _curve(middle, most, "line-middle")]
    return _frame(parts, milliseconds(most), since, until)


def pulse(counts: Sequence[Sequence[int]]) -> Markup:
    """The heartbeat of one connection: a tick for each stretch of time, [requests, refused, failed]."""
    step, height = 4, 20
    parts: list[Markup] = []
    for i, (requests, refused, failed) in enumerate(counts):
        name = "failed" if failed else "refused" if refused * 2 > requests else "ok" if requests else "none"
        size = 3.0 if not requests else min(height, 7.0 + requests**0.5 * 2.2)
        parts.append(_rect(i * step, (height - size) / 2, step - 1, size, f"tick-{name}"))
    body = Markup("").join(parts)
    return Markup(
        '<svg class="pulse" viewBox="0 0 {} {}" width="{}" height="{}" aria-hidden="true" focusable="false">{}</svg>'
    ).format(len(counts) * step, height, len(counts) * step, height, body)


def _rect(x: float, y: float, width: float, height: float, name: str) -> Markup:
    """Written by hand: a page has thousands, and Markup.format took half of its time."""
    text = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1" class="{name}"/>'
    return Markup(text)  # noqa: S704  # numbers, and a name that is a word of ours


def _curve(values: Sequence[float], most: float, name: str) -> Markup:
    """Stretches without traffic leave a gap: nothing was slow or fast there. A lone point is a dot."""
    step = WIDTH / max(1, len(values))
    line, dots, drawing = [], [], False
    for i, value in enumerate(values):
        if value <= 0:
            drawing = False
            continue
        x, y = (i + 0.5) * step, HEIGHT - value / most * (HEIGHT - 6)
        if not drawing and (i + 1 == len(values) or values[i + 1] <= 0):
            dots.append(f"M{x:.1f} {y:.1f}h0.1")
            continue
        line.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = True
    drawn = Markup('<path d="{}" class="{}"/>').format(" ".join(line), name)
    return drawn + Markup('<path d="{}" class="{} lone"/>').format(" ".join(dots), name)


def _frame(parts: Sequence[Markup], most: str, since: datetime, until: datetime) -> Markup:
    half = since + (until - since) / 2
    grid = Markup("").join(
        Markup('<line x1="0" x2="{}" y1="{}" y2="{}" class="grid"/>').format(WIDTH, y, y)
        for y in (6, HEIGHT / 2 + 3, HEIGHT)
    )
    marks = Markup("").join(
        Markup('<time class="clock" datetime="{}">{}</time>').format(at.isoformat(), at.strftime("%H:%M"))
        for at in (since, half, until)
    )
    return Markup(
        '<div class="plot"><span class="most">{}</span>'
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true" focusable="false">{}{}</svg>'
        '<div class="axis">{}</div></div>'
    ).format(most, WIDTH, HEIGHT, grid, Markup("").join(parts), marks)


def mark(text: Any) -> Markup:
    """A path or an identifier that may break anywhere before it breaks the page."""
    return Markup("<code>{}</code>").format(escape(text))


def breakable(path: str) -> Markup:
    """A path that breaks at its slashes rather than in its words."""
    return Markup("/<wbr>").join(path.split("/"))


GLOBALS = {"asset": asset, "bars": bars, "lines": lines, "pulse": pulse, "now": lambda: datetime.now(UTC),
           "timedelta": timedelta}  # fmt: skip
FILTERS = {
    "spoken": spoken,
    "pairs": lambda words: [(word, word) for word in words],
    "when": when,
    "exact": exact,
    "number": number,
    "ms": milliseconds,
    "status_word": status_word,
    "code": mark,
    "ago": ago,
    "breakable": breakable,
}
