"""Step 4: the registry. A new SCIM resource is one module, one line here and one test module."""

from __future__ import annotations

from scim.resources.container_permissions import ContainerPermissions
from scim.resources.containers import Containers
from scim.resources.entitlements import Entitlements
from scim.resources.groups import Groups
from scim.resources.privileged_data import PrivilegedData
from scim.resources.privileged_data_permissions import PrivilegedDataPermissions
from scim.resources.roles import Roles
from scim.resources.users import Users

REGISTRY = {
    "User": Users,
    "Group": Groups,
    "Role": Roles,
    "Entitlement": Entitlements,
    "Container": Containers,
    "ContainerPermission": ContainerPermissions,
    "PrivilegedData": PrivilegedData,
    "PrivilegedDataPermission": PrivilegedDataPermissions,
}
