"""Where a request comes from, and whether a connection allows it.

In Azure the platform's front end ends the TLS connection and appends the address it saw to X-Forwarded-For. Only that
last hop is the platform's own word; everything before it was sent by the client, who may write there what he likes.
(With a gateway of one's own in front, the last hop is the gateway: restrict at the gateway, and the app to it.)
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache

from scim.errors import OutOfScope
from scim.model import Connection

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(headers: Mapping[str, str], peer: str = "") -> str:
    """The caller's address in canonical form, "" when it is not known. `peer` is the socket's, without a front end."""
    forwarded = headers.get("x-forwarded-for") or headers.get("X-Forwarded-For") or ""
    address = parse(forwarded.rsplit(",", 1)[-1]) if forwarded.strip() else parse(peer)
    return "" if address is None else str(address)


def check_source(connection: Connection, address: str) -> None:
    """:raises OutOfScope: when the connection names sources and this is none of them, or nobody knows what it is."""
    if not connection.sources:
        return
    found = parse(address)
    if found is None:
        raise OutOfScope("This connection is limited to certain source addresses, and the caller's is not known")
    if not any(found in network for network in _networks(connection.sources) if network.version == found.version):
        raise OutOfScope(f"This connection does not accept requests from {found}")


def parse(text: str) -> _Address | None:
    """An address from "203.0.113.7", "203.0.113.7:50123", "2001:db8::1" or "[2001:db8::1]:443"; None for anything else.

    IPv4 within IPv6 (::ffff:203.0.113.7) becomes IPv4, so that one range covers both ways of writing it.
    """
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=256)
def _networks(sources: tuple[str, ...]) -> tuple[_Network, ...]:
    found: list[_Network] = []
    for source in sources:
        try:
            found.append(ipaddress.ip_network(source, strict=False))
        except ValueError:
            continue  # a range that nobody can read lets nobody in
    return tuple(found)
