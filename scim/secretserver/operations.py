"""Every request that the connector sends to Secret Server, as one table.

Paths and parameter names are those of the REST document (11.7 and 11.2 agree on all of them; `roles-assigned` is only
in the older one and has a fall-back, see roles.py). A test holds every line against the OpenAPI document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request. `path` is a template and all that is ever logged of the URL."""

    method: str
    path: str
    needs: str  # the role permissions that open it, for the reader of an access-denied error
    lookup: str = ""  # what the id in the path names: only then may an answer mean "not found"
    repeatable: bool = True  # sending it twice has the effect of once
    secret: bool = False  # its body may hold a password: nothing of the answer's text is repeated

    def at(self, *ids: int) -> str:
        """The path with its ids in order. Only integers: nothing that a client wrote reaches a path."""
        pieces = _pieces(self.path)
        if len(ids) != len(pieces) - 1:
            raise TypeError(f"{self.path} takes {len(pieces) - 1} ids")
        return pieces[0] + "".join(f"{int(i)}{piece}" for i, piece in zip(ids, pieces[1:], strict=True))


@cache
def _pieces(path: str) -> tuple[str, ...]:
    return tuple(re.split(r"\{\w+\}", path))


_READ_USERS = "View Users"
_WRITE_USERS = "Administer Users"
_GROUPS = "Administer Groups"
_READ_ROLES = "View Roles"
_ASSIGN = "Administer Role Assignment"

SEARCH_USERS = Operation("GET", "/v1/users", _READ_USERS)
READ_USER = Operation("GET", "/v1/users/{id}", _READ_USERS, lookup="user")
CREATE_USER = Operation("POST", "/v1/users", _WRITE_USERS, repeatable=False, secret=True)
CHANGE_USER = Operation("PATCH", "/v1/users/{id}", _WRITE_USERS, lookup="user", secret=True)
DISABLE_USER = Operation("DELETE", "/v1/users/{id}", _WRITE_USERS, lookup="user")
CURRENT_USER = Operation("GET", "/v1/users/current", "")

USER_GROUPS = Operation("GET", "/v1/users/{id}/groups", f"{_READ_USERS}, {_GROUPS}", lookup="user")
SET_USER_GROUPS = Operation("PUT", "/v1/users/{id}/groups", _GROUPS, lookup="user")
USER_ROLES = Operation("GET", "/v1/users/{id}/roles", f"{_READ_USERS}, {_READ_ROLES}", lookup="user")
USER_ROLES_ASSIGNED = Operation(
    "GET", "/v1/users/{userId}/roles-assigned", f"{_READ_USERS}, {_READ_ROLES}", lookup="user"
)
ADD_USER_ROLES = Operation("POST", "/v1/users/{id}/roles", _ASSIGN, lookup="user")
SET_USER_ROLES = Operation("PUT", "/v1/users/{id}/roles", _ASSIGN, lookup="user")
REMOVE_USER_ROLES = Operation("DELETE", "/v1/users/{id}/roles", _ASSIGN, lookup="user")

SEARCH_GROUPS = Operation("GET", "/v1/groups", _GROUPS)
READ_GROUP = Operation("GET", "/v1/groups/{id}", _GROUPS, lookup="group")
CREATE_GROUP = Operation("POST", "/v1/groups", _GROUPS, repeatable=False)
CHANGE_GROUP = Operation("PATCH", "/v1/groups/{groupId}", _GROUPS, lookup="group")
DISABLE_GROUP = Operation("DELETE", "/v1/groups/{id}", _GROUPS, lookup="group")
GROUP_MEMBERS = Operation("GET", "/v1/groups/{id}/users", _GROUPS, lookup="group")
CHANGE_MEMBERS = Operation("PATCH", "/v1/groups/{id}/users", _GROUPS, lookup="group")
ADD_GROUP_ROLES = Operation("POST", "/v1/groups/{id}/roles", _ASSIGN, lookup="group")
REMOVE_GROUP_ROLES = Operation("DELETE", "/v1/groups/{id}/roles", _ASSIGN, lookup="group")

LIST_ROLES = Operation("GET", "/v1/roles", _READ_ROLES)
ROLE_HOLDERS = Operation("GET", "/v1/roles/{id}/groups", _READ_ROLES, lookup="role")
ROLE_PERMISSIONS = Operation("GET", "/v1/roles/{id}/permissions", _READ_ROLES, lookup="role")

LIST_DOMAINS = Operation("GET", "/v1/domains", "View Active Directory")
PASSWORD_POLICY = Operation("GET", "/v1/configuration/local-user-passwords", "View Configuration")
VERSION = Operation("GET", "/v1/version", "")
LOG_OUT = Operation("POST", "/v1/oauth-expiration", "")
