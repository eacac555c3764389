"""Personal groups: the group behind every user that holds only that user (facts 5, 12.12).

They are how the vault hangs roles on users, and no group for anybody else: adding a member would hand him another
user's rights. They are hidden from every list and answer NotFound.

WHAT IS KNOWN: a single user read names the user's personal group; rows of role holders mark personal groups; a
personal group has exactly its user as member. UNKNOWN: its name, whether group searches show it, whether a user's
groups list it, and neither group body marks it. So:

* what is learned from any answer is kept, it never changes;
* a group of unknown kind is judged by its members: not one member → ordinary; one → personal if that user's own
  record names this group. One extra call, seldom two, once per group and process;
* whether searches show personal groups is found out once, with the connector's own; if they do, group lists are
  filtered row by row, at the price of those calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scim.model import GroupId, User, UserId


@dataclass(slots=True)
class PersonalGroups:
    user_of: dict[GroupId, UserId] = field(default_factory=dict)
    group_of: dict[UserId, GroupId] = field(default_factory=dict)
    ordinary: set[GroupId] = field(default_factory=set)
    marked: set[GroupId] = field(default_factory=set)  # personal, of a user not known yet
    searched: bool | None = None  # do group searches show them?
    listed: bool | None = None  # do the groups of a user include them?

    def learn(self, user: User) -> User:
        if user.personal_group is not None:
            self.user_of[user.personal_group] = user.id
            self.group_of[user.id] = user.personal_group
        return user

    def is_personal(self, group_id: GroupId) -> bool | None:
        """None when it is not known yet."""
        if group_id in self.user_of or group_id in self.marked:
            return True
        return False if group_id in self.ordinary else None
