"""Who was in a group when all of it was last seen by this process: a hint, which saves a call and is never believed.

A membership change answers "done" whether it changed anything or not, and RFC 7644 §3.5.2 wants a time of change that
stays when nothing did. Reading a group before each change would cost a call each time; this costs one where the change
looks like none, in place of the change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from scim.model import GroupId

MOST_GROUPS = 500
MOST_MEMBERS = 1_000


class SeenMembers:
    """The least recently seen groups make room; large ones are not kept."""

    def __init__(self) -> None:
        self._inside: OrderedDict[GroupId, set[int]] = OrderedDict()

    def saw(self, group_id: GroupId, members: Iterable[int]) -> None:
        inside = set(members)
        self._inside.pop(group_id, None)
        if len(inside) <= MOST_MEMBERS:
            self._inside[group_id] = inside
        while len(self._inside) > MOST_GROUPS:
            self._inside.popitem(last=False)

    def changed(self, group_id: GroupId, add: Iterable[int], remove: Iterable[int]) -> None:
        inside = self._inside.get(group_id)
        if inside is not None:
            self.saw(group_id, (inside - set(remove)) | set(add))

    def forget(self) -> None:
        self._inside.clear()

    def looks_done(self, group_id: GroupId, add: Iterable[int], remove: Iterable[int]) -> bool:
        """Whether a change would have had no effect then."""
        inside = self._inside.get(group_id)
        return inside is not None and inside.issuperset(add) and inside.isdisjoint(remove)
