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

_FOLDERS = "Administer Folders"
_READ_SECRETS = "View Secret"
_OWN = "Own Secret"

SEARCH_FOLDERS = Operation("GET", "/v1/folders", "")
READ_FOLDER = Operation("GET", "/v1/folders/{id}", "", lookup="folder")
CREATE_FOLDER = Operation("POST", "/v1/folders", f"{_FOLDERS}, Create Root Folders", lookup="", repeatable=False)
REPLACE_FOLDER = Operation("PUT", "/v1/folders/{id}", _FOLDERS, lookup="folder")
CHANGE_FOLDER = Operation("PATCH", "/v1/folder/{id}", _FOLDERS, lookup="folder")
DELETE_FOLDER = Operation("DELETE", "/v1/folders/{id}", _FOLDERS, lookup="folder")

FOLDER_GRANTS = Operation("GET", "/v1/folder-permissions", "")
ADD_FOLDER_GRANT = Operation("POST", "/v1/folder-permissions", "Owner of the folder", repeatable=False)
CHANGE_FOLDER_GRANT = Operation("PUT", "/v1/folder-permissions/{id}", "Owner of the folder", lookup="permission")
REMOVE_FOLDER_GRANT = Operation("DELETE", "/v1/folder-permissions/{id}", "Owner of the folder", lookup="permission")

# Secrets are listed and summarised, never opened: opening checks out, is audited as a view, or asks for approval.
SEARCH_SECRETS = Operation("GET", "/v2/secrets", _READ_SECRETS)
SECRET_SUMMARY = Operation("GET", "/v1/secrets/{id}/summary", _READ_SECRETS, lookup="secret")
SECRET_STUB = Operation("GET", "/v1/secrets/stub", "Add Secret")
CREATE_SECRET = Operation("POST", "/v1/secrets", "Add Secret", repeatable=False, secret=True)
CHANGE_SECRET = Operation("PATCH", "/v2/secrets/{id}/general", "Edit Secret", lookup="secret", secret=True)
CHANGE_SECRET_V1 = Operation("PATCH", "/v1/secrets/{id}/general", "Edit Secret", lookup="secret", secret=True)
DEACTIVATE_SECRET = Operation("DELETE", "/v1/secrets/{id}", "Deactivate Secret", lookup="secret")
SHARE_SECRET = Operation("PATCH", "/v1/secrets/{secretId}/share", _OWN, lookup="secret")

SECRET_GRANTS = Operation("GET", "/v1/secret-permissions", _READ_SECRETS)
ADD_SECRET_GRANT = Operation("POST", "/v1/secret-permissions", _OWN, repeatable=False)
CHANGE_SECRET_GRANT = Operation("PUT", "/v1/secret-permissions/{id}", _OWN, lookup="permission")
REMOVE_SECRET_GRANT = Operation("DELETE", "/v1/secret-permissions/{id}", _OWN, lookup="permission")

LIST_TEMPLATES = Operation("GET", "/v1/secret-templates", "")
TEMPLATE_FIELDS = Operation("GET", "/v1/secret-templates/fields/search", "")
MAKE_PASSWORD = Operation("POST", "/v1/secret-templates/generate-password/{secretfieldId}", "", secret=True)
RUN_REPORT = Operation("POST", "/v1/reports/execute", "View Reports")
GROUP_ROLES = Operation("GET", "/v1/groups/{id}/roles", f"{_GROUPS}, {_READ_ROLES}", lookup="group")
