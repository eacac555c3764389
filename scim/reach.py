"""Where a vault may be: not every address that can be typed is one to which the connector's credentials should go.

Private networks are allowed, because vaults stand there (SECURITY.md). What is never a vault: addresses of this
link (169.254.169.254 hands out cloud identities), the metadata services beyond it, and addresses of nobody. This very
machine is for the simulator alone, as http:// is. Checked when an address is typed, and again when a connection is
opened, because a name can change its mind in between.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

APP_SERVICE = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME")
"""Either means that Azure runs us: nothing of ours listens on loopback there, whatever a setting says."""

METADATA = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",  # Azure's platform address
        "100.100.100.200/32",  # Alibaba Cloud
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:ec2::/32",  # AWS over IPv6, the only private one of them
        "fd20:ce::254/128",  # Google Cloud over IPv6
    )
)
NAT64, COMPATIBLE = ip_network("64:ff9b::/96"), ip_network("::/96")


class Refused(OSError):
    """A connection was not opened, because no vault may be at this address. `str()` is a sentence for people."""


def loopback_allowed(insecure: bool) -> bool:
    """:param insecure: As SCIM_INSECURE_VAULT_URLS says."""
    return insecure and not any(os.environ.get(name) for name in APP_SERVICE)


@lru_cache(maxsize=1024)
def host_refusal(host: str, *, loopback: bool) -> str:
    """Why no vault may be at this host, as it is written in a URL; "" when one may. Names are not looked up."""
    name = host.strip("[]").rstrip(".").casefold()
    if name == "localhost" or name.endswith(".localhost"):
        return "" if loopback else "it is this machine itself"
    try:
        return refusal(ip_address(name), loopback=loopback)
    except ValueError:
        last = name.rpartition(".")[2]
        number = last.isdigit() or last.startswith("0x")  # 2130706433 and 0x7f.1 are addresses to some resolvers
        return "an IP address is written as four numbers with dots, or in IPv6's form" if number else ""


def refusal(address: Address, *, loopback: bool) -> str:
    """Why no vault may be at this address; "" when one may."""
    return next((why for one in _meant(address) if (why := _refusal(one, loopback=loopback))), "")


def _refusal(address: Address, *, loopback: bool) -> str:
    if any(address in network for network in METADATA):
        return "a cloud's metadata service is there"
    if address.is_link_local:
        return "it is link-local, where clouds hand out identities"
    if address.is_unspecified or address.is_multicast:
        return "it is nobody's address"
    if address.is_loopback:
        return "" if loopback else "it is this machine itself"
    if isinstance(address, IPv4Address) and (address.packed[0] == 0 or address.is_reserved):
        return "it is nobody's address"
    return ""


def _meant(address: Address) -> Iterator[Address]:
    """An address, and every IPv4 address that it is another spelling of."""
    yield address
    if not isinstance(address, IPv6Address):
        return
    embedded = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        embedded.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    yield from (one for one in embedded if one is not None)
