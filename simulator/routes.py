"""The whole routing table: one line a module."""

from simulator import (
    auth,
    domains,
    folder_permissions,
    folders,
    group_members,
    groups,
    passwords,
    reports,
    roles,
    secret_details,
    secret_permissions,
    secret_search,
    secret_templates,
    secrets,
    user_links,
    users,
)

_USERS = (auth, users, user_links, groups, group_members, roles, domains, passwords)
_THINGS = (
    folders,
    folder_permissions,
    secret_search,
    secrets,
    secret_details,
    secret_permissions,
    secret_templates,
    reports,
)

ROUTES = [row for module in (*_USERS, *_THINGS) for row in module.routes.rows]
