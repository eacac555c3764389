"""Step 4: /ContainerPermissions. Lists hold direct rights; inherited ones show where their folder is named."""

from __future__ import annotations

from scim.content import Folder, Grant
from scim.model import Kind, Ref
from scim.protocol.projection import Document
from scim.protocol.schemas_pam import CONTAINER_PERMISSION, OUR_CONTAINER_PERMISSION
from scim.resources.permissions import Permissions
from scim.resources.places import folder_named, reference


class ContainerPermissions(Permissions):
    """/ContainerPermissions for one caller."""

    name, endpoint = "ContainerPermission", "ContainerPermissions"
    kind, schema, ours = Kind.FOLDER_GRANT, CONTAINER_PERMISSION, OUR_CONTAINER_PERMISSION
    target, targets = "container", "Containers"

    def show_target(self, on: Ref) -> Document:
        name = on.name.rpartition("\\")[2]
        return reference(self._base_url, self.targets, on.id, name, name=name)

    def show_ours(self, grant: Grant) -> Document:
        folder, source = grant.levels.folder, grant.inherited_from
        return {
            "folderLevel": folder.value if folder else None,
            "secretLevel": grant.levels.secret.value,
            "inherited": source is not None,
            "direct": source is None,
        } | ({"inheritedFrom": str(source.id)} if source is not None else {})

    async def find_target(self, named: str) -> Folder:
        return await folder_named(self._directory, named, "container")
