"""Step 4: lists. Three ways, the cheapest that is right: by place, by lookup, or by looking at everything.

Without filter and order a page is asked of the vault by its place. With a filter that names something the directory
finds by itself, the few candidates are judged by the library's own evaluator. Anything else walks all rows, shows the
evaluator only the attributes it needs, and yields to other requests on the way.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scim2_models import InvalidCursorException, Resource, ScimPolicy, SearchRequest, default_comparison_key

from scim.model import Window
from scim.names import folded
from scim.protocol.projection import Document, Projection
from scim.protocol.store import DocumentPage
from scim.resources.plan import Plan, plan
from scim.resources.snapshots import Place, Snapshots

YIELD_EVERY = 200  # rows between two looks at other requests


def _key(binding: Any, value: str) -> str:
    """Case, width and form of Unicode aside, by the rule that decides whether a name is taken."""
    return default_comparison_key(binding, value) if binding.case_exact else folded(value)


COMPARED = ScimPolicy(comparison_key=_key)


@dataclass(frozen=True, slots=True)
class Match:
    """One matching object with the key it is ordered by: missing values last, then the kind, then the id."""

    key: tuple[bool, Any, int, int]
    module: Any
    thing: Any
    partial: bool  # read with no more than the filter and the order had to see


async def search(
    modules: list[tuple[Any, type[Resource[Any]]]],
    request: SearchRequest[Any],
    position: Any,
    shown: Projection,
    snapshots: Snapshots,
) -> DocumentPage:
    """One page over one resource type or, at the root, over several as one collection (RFC 7644 §3.4.2.1)."""
    if len(modules) == 1 and request.filter is None and request.sort_by is None:
        return await _by_place(modules[0][0], request, position, shown)
    walk = "|".join([*(m.name for m, _ in modules), str(request.filter), str(request.sort_by), str(request.sort_order)])
    goes_on = position is not None or (request.start_index or 1) > 1
    places = snapshots.find(walk) if goes_on else None
    found: dict[tuple[int, Any], Match] = {}
    if places is None:
        for rank, (module, model) in enumerate(modules):
            found |= {(rank, m.thing.id): m for m in await _matches(module, model, rank, request, shown)}
        descending = request.sort_by is not None and request.sort_order == SearchRequest.SortOrder.descending
        matches = sorted(found.items(), key=lambda item: item[1].key, reverse=descending)
        places = [Place(match.key, rank, number) for (rank, number), match in matches]
        if any(match.partial for match in found.values()) and request.count is not None and len(places) > request.count:
            snapshots.keep(walk, places)
    return await _page([m for m, _ in modules], places, found, request, position, shown)


# -- by place --------------------------------------------------------------------------------------------------------


async def _by_place(module: Any, request: SearchRequest[Any], position: Any, shown: Projection) -> DocumentPage:
    limit = request.count if request.count is not None else 1_000_000
    if request.cursor is None:
        found = await module.page(Window(request.start_index_0 or 0, limit), None, None, limit, shown)
        return DocumentPage(found.total, [module.show(thing) for thing in found.items])
    direction, anchor = _place(position)
    if limit == 0:
        found = await module.page(Window(0, 0), None, None, 0, shown)
        return DocumentPage(found.total, [])
    after, before = (None, anchor) if direction == "previous" else (anchor, None)
    found = await module.page(None, after, before, limit, shown)
    places = found.positions or (None,) * len(found.items)
    ends = [{"i": int(t.id), "p": p} for t, p in zip(found.items, places, strict=True)]
    more_after = bool(ends) and (direction == "previous" or found.more)
    more_before = bool(ends) and (found.more if direction == "previous" else anchor is not None)
    return DocumentPage(
        found.total,
        [module.show(thing) for thing in found.items],
        next={"d": "next", **ends[-1]} if more_after else None,
        previous={"d": "previous", **ends[0]} if more_before else None,
    )


def _place(position: Any) -> tuple[str, tuple[int, int | None] | None]:
    if position is None:
        return "next", None
    try:
        direction, number, place = position["d"], int(position["i"]), position.get("p")
    except (TypeError, KeyError, ValueError, AttributeError):
        raise InvalidCursorException from None
    if direction not in ("next", "previous"):
        raise InvalidCursorException
    return direction, (number, place)


# -- by lookup, or all of it -----------------------------------------------------------------------------------------


async def _matches(
    module: Any, model: type[Resource[Any]], rank: int, request: SearchRequest[Any], shown: Projection
) -> list[Match]:
    node = request.filter.ast if request.filter is not None else None
    planned = plan(node, module.terms)
    needed = set(planned.attributes)
    if request.sort_by is not None:
        needed |= {part.casefold() for part in request.sort_by.parts[:1]}
        needed |= {str(request.sort_by).rpartition(":")[0].casefold()} - {""}
    partial = planned.lookups is None
    things = await _candidates(module, planned, _seen(shown, needed, all_rows=partial), shown)
    judge = _judge(model, request, needed)
    found = []
    for count, thing in enumerate(things):
        if count % YIELD_EVERY == YIELD_EVERY - 1:
            await asyncio.sleep(0)
        verdict = judge(module.show(thing))
        if verdict is not None:
            missing = verdict == ()
            found.append(Match((missing, "" if missing else verdict[0], rank, int(thing.id)), module, thing, partial))
    return found


def _seen(shown: Projection, needed: set[str], *, all_rows: bool) -> Projection:
    """What the candidates must carry: of every row only what is judged, of a few lookups what is shown as well."""
    if all_rows:
        return Projection(keep={name: {} for name in needed})
    drop = {k: v for k, v in shown.drop.items() if k not in needed}
    keep = None if shown.keep is None else {**shown.keep, **{name: {} for name in needed}}
    return Projection(keep, drop)


async def _candidates(module: Any, planned: Plan, seen: Projection, shown: Projection) -> list[Any]:
    if planned.lookups is None:
        return list((await module.find({}, seen, shown)).items)
    pages = await asyncio.gather(*(module.find(terms, seen, shown) for terms in planned.lookups))
    return list({thing.id: thing for page in pages for thing in page.items}.values())


def _judge(
    model: type[Resource[Any]], request: SearchRequest[Any], needed: set[str]
) -> Callable[[Document], tuple[Any, ...] | None]:
    """A function from a document to None (no match), () (no sort value) or (sort value,)."""
    always = {"schemas", "id", "username", "displayname"}

    def judge(document: Document) -> tuple[Any, ...] | None:
        part = {k: v for k, v in document.items() if (name := k.casefold()) in needed or name in always}
        resource = model.model_validate(part)
        with COMPARED:
            if request.filter is not None and not request.filter.match(resource):
                return None
            value = request.sort_value(resource) if request.sort_by is not None else None
        return () if value is None else (value,)

    return judge


# -- pages of what was found -----------------------------------------------------------------------------------------


async def _page(
    modules: list[Any],
    places: list[Place],
    found: dict[tuple[int, Any], Match],
    request: SearchRequest[Any],
    position: Any,
    shown: Projection,
) -> DocumentPage:
    limit = len(places) if request.count is None else request.count
    if request.cursor is None:
        start = request.start_index_0 or 0
        return DocumentPage(len(places), await _documents(modules, places[start : start + limit], found, shown))
    if limit == 0:
        return DocumentPage(len(places), [])
    descending = request.sort_by is not None and request.sort_order == SearchRequest.SortOrder.descending
    start, stop = _bounds([p.key for p in places], position, limit, descending)
    page = places[start:stop]
    return DocumentPage(
        len(places),
        await _documents(modules, page, found, shown),
        next=_position("next", page[-1].key) if page and stop < len(places) else None,
        previous=_position("previous", page[0].key) if page and start > 0 else None,
    )


async def _documents(
    modules: list[Any], page: list[Place], found: dict[tuple[int, Any], Match], shown: Projection
) -> list[Document]:
    """The page's documents; read once more, together, where the search saw less of them than the answer shows."""
    things = {where: match.thing for where, match in found.items()}
    for rank, module in enumerate(modules):
        mine = [(rank, p.id) for p in page if p.rank == rank]
        seen = [found.get(where) for where in mine]
        if mine and any(match is None or (match.partial and module.lacks(shown)) for match in seen):
            again = await module.find({"ids": tuple(number for _, number in mine)}, shown, shown)
            things = {where: thing for where, thing in things.items() if where not in mine}
            things |= {(rank, thing.id): thing for thing in again.items}
    return [modules[p.rank].show(things[p.rank, p.id]) for p in page if (p.rank, p.id) in things]


def _bounds(keys: list[Any], position: Any, limit: int, descending: bool) -> tuple[int, int]:
    if position is None:
        return 0, min(limit, len(keys))
    direction, anchor = _read_position(position)
    if descending:  # bisect wants ascending keys: look at the list from its other end
        turned = keys[::-1]
        first, after = len(keys) - bisect_right(turned, anchor), len(keys) - bisect_left(turned, anchor)
    else:
        first, after = bisect_left(keys, anchor), bisect_right(keys, anchor)
    if direction == "next":
        return after, min(after + limit, len(keys))
    return max(0, first - limit), first


def _position(direction: str, key: tuple[bool, Any, int, int]) -> dict[str, Any]:
    missing, value, rank, number = key
    if isinstance(value, datetime):
        value = {"datetime": value.isoformat()}
    return {"d": direction, "k": None if missing else value, "m": missing, "r": rank, "i": number}


def _read_position(position: Any) -> tuple[str, tuple[bool, Any, int, int]]:
    try:
        direction, value, missing = position["d"], position["k"], bool(position["m"])
        if isinstance(value, dict):
            value = datetime.fromisoformat(value["datetime"])
        key = (missing, "" if missing else value, int(position["r"]), int(position["i"]))
    except (TypeError, KeyError, ValueError):
        raise InvalidCursorException from None
    if direction not in ("next", "previous"):
        raise InvalidCursorException
    return direction, key
