"""From a filter to the cheapest question a directory can answer.

A plan is a list of lookups whose union holds every match; the filter itself still decides on each. No plan: everything
has to be looked at. Only `eq` on attributes that a directory finds by itself makes a lookup, joined by `and` and `or`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from scim2_models.path import (
    AttrPath,
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
    Not,
    Present,
    ValuePath,
)

from scim.protocol.dialects.vocabulary import SCHEMAS

MODIFIED = "meta.lastmodified"
MAIN = frozenset(urn.casefold() for urn in SCHEMAS.values())
"""The schemas of resources: with or without them in front, an attribute is the same (RFC 7644 §3.10)."""

Terms = dict[str, Any]
Read = Callable[[str, Any], Terms | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """`lookups` None: everything. `attributes`: top-level names (lower case) that the filter has to see."""

    lookups: tuple[Terms, ...] | None
    attributes: frozenset[str]


def plan(node: FilterNode | None, read: Read) -> Plan:
    """:param read: Turns one equality (`emails.value`, "x") into a lookup's terms, or None where it cannot."""
    if node is None:
        return Plan(None, frozenset())
    return Plan(_lookups(node, read), frozenset(_attributes(node)))


def _lookups(node: FilterNode, read: Read, prefix: str = "") -> tuple[Terms, ...] | None:
    if isinstance(node, Comparison):
        if node.op in (CompareOperator.gt, CompareOperator.ge) and _name(node.attr_path, prefix) == MODIFIED:
            terms = read(f"{MODIFIED}:since", node.value)  # what has changed is known (delta queries)
            return None if terms is None else (terms,)
        if node.op != CompareOperator.eq or node.value is None:
            return None
        terms = read(_name(node.attr_path, prefix), node.value)
        return None if terms is None else (terms,)
    if isinstance(node, ValuePath):
        return _lookups(node.val_filter, read, _name(node.attr_path))
    if isinstance(node, LogicalExpr):
        parts = [_lookups(term, read, prefix) for term in node.terms]
        if node.op == LogicalOperator.or_:
            found = [part for part in parts if part is not None]
            return tuple(t for part in found for t in part) if len(found) == len(parts) else None
        return _joined([part for part in parts if part is not None])
    return None


def _joined(parts: list[tuple[Terms, ...]]) -> tuple[Terms, ...] | None:
    """Of several lookups that must all hold: single ones together, else the shortest."""
    if not parts:
        return None
    single = [part[0] for part in parts if len(part) == 1]
    if single:
        return ({k: v for terms in reversed(single) for k, v in terms.items()},)
    return min(parts, key=len)


def _name(path: AttrPath, prefix: str = "") -> str:
    """`emails.value` in lower case; an extension's attribute keeps its URN in front."""
    uri = f"{path.uri}:" if _is_extension(path) else ""
    name = f"{uri}{path.attr}" + (f".{path.sub_attr}" if path.sub_attr else "")
    return (f"{prefix}.{name}" if prefix else name).casefold()


def _attributes(node: FilterNode) -> Iterator[str]:
    if isinstance(node, (Comparison, Present, ValuePath)):
        path = node.attr_path
        yield str(path.uri if _is_extension(path) else path.attr).casefold()
    elif isinstance(node, Not):
        yield from _attributes(node.expr)
    elif isinstance(node, LogicalExpr):
        for term in node.terms:
            yield from _attributes(term)


def _is_extension(path: AttrPath) -> bool:
    return bool(path.uri) and str(path.uri).casefold() not in MAIN
