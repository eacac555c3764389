"""Step 4: /PrivilegedDataPermissions: rights that stand at the secret itself, never those of its folder (draft §4)."""

from __future__ import annotations

from scim.content import Secret
from scim.model import Kind, Ref
from scim.protocol.projection import Document
from scim.protocol.schemas_pam import PRIVILEGED_DATA_PERMISSION
from scim.resources.permissions import Permissions
from scim.resources.places import reference, secret_named


class PrivilegedDataPermissions(Permissions):
    """/PrivilegedDataPermissions for one caller."""

    name, endpoint = "PrivilegedDataPermission", "PrivilegedDataPermissions"
    kind, schema, ours = Kind.SECRET_GRANT, PRIVILEGED_DATA_PERMISSION, ""
    target, targets = "privilegedData", "PrivilegedData"

    def show_target(self, on: Ref) -> Document:
        return reference(self._base_url, self.targets, on.id, on.name)

    async def find_target(self, named: str) -> Secret:
        return await secret_named(self._directory, named, "privilegedData")
