"""Which attributes an answer shows (RFC 7644 §3.9), on documents.

`attributes` and `excludedAttributes` are read and resolved by the library; what they name becomes a tree of lower-case
member names: {"name": {"givenname": {}}, "urn:…:user": {"department": {}}}. An empty branch means all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scim2_models import Extension, ResponseParameters

Document = dict[str, Any]
Tree = dict[str, Any]

ALWAYS = ("schemas", "id")  # returned: always (RFC 7643 §3.1, §7)
ON_REQUEST: Tree = {"members": {"display": {}}, "roles": {"display": {}}, "parent": {"display": {}}}
"""What is returned only to those who name it: a test compares this with the published schemas."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What is kept (None: the default set) or, failing that, dropped."""

    keep: Tree | None = None
    drop: Tree = field(default_factory=dict)

    def shows(self, name: str) -> bool:
        """Whether any part of a top-level attribute is shown: what need not be read need not be asked for."""
        lowered = name.casefold()
        return lowered in self.keep if self.keep is not None else self.drop.get(lowered) != {}

    def names(self, name: str) -> bool:
        """Whether the client asked for this attribute by name."""
        return self.keep is not None and name.casefold() in self.keep

    def apply(self, document: Document) -> Document:
        if self.keep is not None:
            kept: Document = _kept(document, {**self.keep, **{name: {} for name in ALWAYS}})
            unasked = {name: hidden for name, hidden in ON_REQUEST.items() if self.keep.get(name) == {}}
            return _dropped(kept, unasked) if unasked else kept
        drop = {k: v for k, v in self.drop.items() if k not in ALWAYS}
        left: Document = _dropped(document, {**{k: v for k, v in ON_REQUEST.items() if k in document}, **drop})
        return left


EVERYTHING = Projection()


def projection_of(parameters: ResponseParameters[Any] | None) -> Projection:
    """Read the parameters of a request; names nobody declares show and hide nothing (the library's rule)."""
    if parameters is None:
        return EVERYTHING
    if parameters.attributes:
        return Projection(keep=_tree(parameters.attributes))
    return Projection(drop=_tree(parameters.excluded_attributes or []))


def _tree(paths: list[Any]) -> Tree:
    tree: Tree = {}
    for path in paths:
        names = _names(path)
        branch = tree
        for depth, name in enumerate(names):
            if depth == len(names) - 1:
                branch[name] = {}
            elif branch.get(name) == {} and name in branch:
                break  # all of it is named already
            else:
                branch = branch.setdefault(name, {})
    return tree


def _names(path: Any) -> list[str]:
    """The members of a document that lead to what a path names."""
    binding = path.resolve()
    parts = [part.casefold() for part in path.parts]
    if binding is None:
        return [str(path).casefold()]
    if issubclass(binding.model, Extension):
        return [str(binding.model.__schema__).casefold(), *parts]
    return parts


def _kept(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [kept for item in value if (kept := _kept(item, tree)) not in ({}, None)]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        branch = tree.get(name.casefold())
        if branch is not None:
            part = item if branch == {} else _kept(item, branch)
            if part not in ({}, []) or branch == {}:
                kept[name] = part
    return kept


def _dropped(value: Any, tree: Tree) -> Any:
    if isinstance(value, list):
        return [left for item in value if (left := _dropped(item, tree)) != {}]
    if not isinstance(value, dict):
        return value
    left = {}
    for name, item in value.items():
        branch = tree.get(name.casefold())
        if branch == {}:
            continue
        part = item if branch is None else _dropped(item, branch)
        if part not in ({}, []) or branch is None:
            left[name] = part
    return left
