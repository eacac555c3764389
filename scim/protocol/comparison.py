"""Step 3: what a filter compares with, made sure of before anything is looked up.

Times are xsd:dateTime (RFC 7643 §2.3.5), whose zone is optional: without one it is UTC, as every time that we show. The
library would take a number for seconds since 1970, and compare a time without zone with nothing at all. Names are kept
without blanks around them, so they are looked for without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from scim2_models import SCIMException, ScimFilter
from scim2_models.path import AttrPath, CompareOperator, Comparison, FilterNode, LogicalExpr, Not, ValuePath

from scim.errors import InvalidFilter, excerpt

TIMES = frozenset({"meta.created", "meta.lastmodified"})
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,12})?(?P<zone>[Zz]|[+-]\d\d:\d\d)?")
_FRAGMENTS = (CompareOperator.co, CompareOperator.sw, CompareOperator.ew)


def comparable(text: str, names: Iterable[str]) -> str:
    """The filter with times that have a zone and names without blanks around them.

    :param names: Attributes, in lower case, that are kept without blanks around them.
    :raises InvalidFilter: A time is compared with what is none.
    """
    try:
        node = ScimFilter(text).ast
    except (SCIMException, ValueError):
        return text  # the parser has the words
    found = _compared(node, "", frozenset(names))
    return text if found == node else str(found)


def _compared(node: FilterNode, prefix: str, names: frozenset[str]) -> FilterNode:
    if isinstance(node, Comparison):
        name = _name(node.attr_path, prefix)
        if name in TIMES and node.value is not None and node.op not in _FRAGMENTS:
            return replace(node, value=_time(node.value, node.attr_path))
        if name in names and isinstance(node.value, str) and node.op in (CompareOperator.eq, CompareOperator.ne):
            return replace(node, value=node.value.strip())
    elif isinstance(node, ValuePath):
        return replace(node, val_filter=_compared(node.val_filter, _name(node.attr_path, ""), names))
    elif isinstance(node, Not):
        return replace(node, expr=_compared(node.expr, prefix, names))
    elif isinstance(node, LogicalExpr):
        return replace(node, terms=tuple(_compared(term, prefix, names) for term in node.terms))
    return node


def _name(path: AttrPath, prefix: str) -> str:
    name = f"{path.attr}.{path.sub_attr}" if path.sub_attr else path.attr
    return (f"{prefix}.{name}" if prefix else name).casefold()


def _time(value: Any, path: AttrPath) -> str:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        if match is not None:
            text = value.upper() if match["zone"] else f"{value.upper()}Z"
            datetime.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise InvalidFilter(
        f"{path}: {excerpt(value)} is no date with a time. Write it as 2026-11-27T09:30:00Z, or with another zone; "
        "without one it is read as UTC"
    )
