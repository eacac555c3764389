"""Step 4: the registry. A new SCIM resource is one module, one line here and one test module."""

from __future__ import annotations

from scim.resources.groups import Groups
from scim.resources.users import Users

REGISTRY = {
    "User": Users,
    "Group": Groups,
}
