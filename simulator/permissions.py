"""The names of role permissions, and the roles every vault starts with."""

NAMES = (
    "Add Secret",
    "Administer Configuration",
    "Administer Folders",
    "Administer Groups",
    "Administer Reports",
    "Administer Role Assignment",
    "Administer Role Permissions",
    "Administer Secret Templates",
    "Administer Users",
    "Bypass Direct API Authentication Restriction",
    "Create Root Folders",
    "Deactivate Secret",
    "Delete Secret",
    "Edit Secret",
    "Own Secret",
    "Personal Folders",
    "View Advanced Secret Options",
    "View Configuration",
    "View Inactive Secrets",
    "View Reports",
    "View Roles",
    "View Secret",
    "View Users",
)
"""The vendor has many more; these are the ones that decide something here.  Their ids are ours."""

CONNECTOR = (
    "Add Secret",
    "View Users",
    "Administer Folders",
    "Administer Groups",
    "Administer Reports",
    "Administer Secret Templates",
    "Administer Users",
    "Create Root Folders",
    "Deactivate Secret",
    "Edit Secret",
    "Own Secret",
    "View Advanced Secret Options",
    "View Secret",
    "Administer Role Assignment",
    "Bypass Direct API Authentication Restriction",
    "View Roles",
)
"""What the vendor's requirements page asks for a SCIM connector's account."""

STOCK_ROLES: dict[str, tuple[str, ...]] = {
    "Administrator": NAMES,
    "User": ("Add Secret", "Edit Secret", "Own Secret", "View Secret", "Personal Folders", "Deactivate Secret"),
    "Read Only User": ("View Secret",),
    "SCIM Connector": CONNECTOR,
}
