"""What a connection may do at all, before anybody looks at the object."""

from __future__ import annotations

from scim.errors import OutOfScope
from scim.model import Connection

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def permit(connection: Connection, method: str, resource_type: str | None, *, search: bool = False) -> None:
    """:raises OutOfScope: for a write by a read-only connection, or a resource type outside the connection's scope.

    :param resource_type: SCIM's name, e.g. "User"; None for discovery, which every connection may read.
    :param search: A POST to /.search (RFC 7644 §3.4.3) is a read.
    """
    if connection.read_only and not search and method.upper() not in _READS:
        raise OutOfScope(f"The connection {connection.name} is read-only")
    if connection.scope and resource_type is not None and resource_type not in connection.scope:
        raise OutOfScope(f"The connection {connection.name} is limited to {', '.join(connection.scope)}")
