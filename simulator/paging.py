"""The paging envelope that every search shares, with sorting."""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from simulator.errors import ApiError, invalid
from simulator.http import Call

Row = Callable[[Any], dict[str, Any]]


def envelope(
    call: Call, things: list[Any], row: Row, keys: Mapping[str, Callable[[Any], Any]] | None = None
) -> dict[str, Any]:
    """The fourteen properties of PagingOf*; `keys` gives quick sort keys for some properties of the row."""
    skip, take = _window(call)
    order = _sorting(call)
    things = _in_order(call, things, row, keys or {}, order)
    total = len(things)
    records = [row(t) for t in things[skip : skip + take]]
    has_next = skip + take < total
    pages = math.ceil(total / take) if take else 0
    return {
        "records": records,
        "skip": skip,
        "take": take,
        "total": total,
        "pageCount": pages,
        "currentPage": skip // take + 1 if take else 1,
        "batchCount": pages,
        "prevSkip": max(skip - take, 0),
        "nextSkip": skip + take if has_next else 0,
        "hasPrev": skip > 0,
        "hasNext": has_next,
        "sortBy": [{"direction": d, "name": n, "priority": p} for p, n, d in order],
        "success": True,
        "severity": "None",
    }


def _window(call: Call) -> tuple[int, int]:
    switches = call.vault.switches
    skip, take = call.number("skip"), call.number("take")
    skip = 0 if skip is None else skip
    take = switches.default_take if take is None else take
    if skip < 0 or take < 0 or take > 2**31 - 1 or skip > 2**31 - 1:
        raise invalid({"take" if skip >= 0 else "skip": ["The value is out of range."]})
    if switches.max_take and take > switches.max_take:
        if switches.over_max_take == "refuse":
            raise ApiError(f"Take may not be more than {switches.max_take}.")
        take = switches.max_take
    return skip, take


def _sorting(call: Call) -> list[tuple[int, str, str]]:
    """(priority, name, direction), lowest priority first."""
    order = []
    for number in range(8):
        name = call.text(f"sortBy[{number}].name")
        if not name:
            continue
        direction = call.text(f"sortBy[{number}].direction").capitalize() or "Asc"
        if direction not in {"None", "Asc", "Desc"}:
            raise invalid({f"sortBy[{number}].direction": [f"The value '{direction}' is not valid."]})
        priority = call.number(f"sortBy[{number}].priority")
        order.append((number if priority is None else priority, name, direction))
    return sorted(order, key=lambda o: o[0])


def _in_order(
    call: Call, things: list[Any], row: Row, keys: Mapping[str, Callable[[Any], Any]], order: list[tuple[int, str, str]]
) -> list[Any]:
    """Sorted; a long list is remembered in its order until the next write, so that walking its pages stays cheap."""
    if not order or len(things) < 500:
        return _sorted(call, things, row, keys, order)
    known: tuple[list[Any], list[Any]] = call.vault.remembered(
        ("order", id(things), tuple(order)), lambda: (things, _sorted(call, things, row, keys, order))
    )
    return known[1] if known[0] is things else _sorted(call, things, row, keys, order)


def _sorted(
    call: Call, things: list[Any], row: Row, keys: Mapping[str, Callable[[Any], Any]], order: list[tuple[int, str, str]]
) -> list[Any]:
    switches = call.vault.switches
    wanted = [(n, d) for _, n, d in order if d != "None"]
    if not wanted:
        if switches.default_order == "unstable" and not order:
            things = list(things)
            random.shuffle(things)
        return things
    if not things:
        return things
    accepted = {n.strip().lower(): n.strip() for n in switches.sort_names.split(",") if n.strip()}
    for name, direction in reversed(wanted):
        lower = name.lower()
        properties = {p.lower(): p for p in row(things[0])}
        if lower not in properties or (accepted and lower not in accepted):
            if switches.unknown_sort == "refuse":
                raise ApiError(f"'{name}' is not a valid sort column.")
            continue
        key = keys.get(lower) or _by_property(row, properties[lower])
        things = sorted(things, key=key, reverse=direction == "Desc")
    return things


def _by_property(row: Row, name: str) -> Callable[[Any], Any]:
    def key(thing: Any) -> tuple[bool, Any]:
        value = row(thing).get(name)
        if isinstance(value, str):
            value = value.casefold()
        return (value is not None, value if not isinstance(value, (list, dict)) else 0)

    return key
