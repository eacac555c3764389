"""Step 4: how much of a person a connection keeps beyond what the vault holds (data minimisation, policy
`person_attributes`): what the policy does not name is not stored, not shown, and not in /Schemas.
"""

from __future__ import annotations

from typing import Any

from scim.context import note
from scim.model import Policies
from scim.protocol.projection import Document
from scim.protocol.schemas import ENTERPRISE, LINKED_OBJECT

IN_THE_VAULT = frozenset({"displayName", "active", "roles"})  # of `roles` the client's own marks are kept


class KeptOfPerson:
    """What one connection keeps. Documents are the kept part of a user's, without what the server owns."""

    def __init__(self, policies: Policies) -> None:
        self._names = frozenset(name.casefold() for name in policies.person_attributes)

    def __contains__(self, name: str) -> bool:
        return not self._names or name in IN_THE_VAULT or name.casefold() in self._names

    def of(self, document: Document) -> Document:
        """The part that this connection keeps."""
        return document if not self._names else self._part(document, kept=True)

    def beyond(self, document: Document) -> Document:
        """The part that it does not keep."""
        return {} if not self._names else self._part(document, kept=False)

    def asked(self, document: Document) -> Document:
        """The part of a client's document that it keeps; the journal tells of what is left out, by name."""
        left = self.beyond(document)
        names = [name for name in left if name != ENTERPRISE] + list(left.get(ENTERPRISE, ()))
        if names:
            note(f"not kept by this connection's policy: {', '.join(sorted(names))}")
        return self.of(document)

    def _part(self, document: Document, *, kept: bool) -> Document:
        part: dict[str, Any] = {k: v for k, v in document.items() if k != ENTERPRISE and self._has(k) is kept}
        enterprise = document.get(ENTERPRISE)
        if isinstance(enterprise, dict):
            inner = {k: v for k, v in enterprise.items() if (k in self) is kept}
            part |= {ENTERPRISE: inner} if inner else {}
        return part

    def _has(self, name: str) -> bool:
        return ("linkedObject" if name == LINKED_OBJECT else name) in self


def together(hidden: Document, shown: Document) -> Document:
    """What one connection does not see of a person, and what it has just set."""
    both = {**hidden, **shown}
    if ENTERPRISE in hidden and ENTERPRISE in shown:
        both[ENTERPRISE] = {**hidden[ENTERPRISE], **shown[ENTERPRISE]}
    return both
