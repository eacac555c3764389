"""HTTP Basic (RFC 7617), for Okta's on-prem agent and PingFederate, and for client_secret_basic (RFC 6749 §2.3.1).

The user name is the connection's name or id, the password one of its tokens. Accepted only where it is switched on.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from scim.access.bearer import authorization
from scim.errors import Unauthenticated

_MOST = 4096


def has_basic(headers: Mapping[str, str]) -> bool:
    value = authorization(headers)
    return value is not None and value[:6].casefold() == "basic "


def basic(headers: Mapping[str, str]) -> tuple[str, str]:
    """User name and password. :raises Unauthenticated: the header holds none."""
    value = authorization(headers) or ""
    try:
        if len(value) > _MOST:
            raise ValueError
        text = base64.b64decode(value[6:].strip(), validate=True).decode("utf-8")
    except (ValueError, binascii.Error):
        text = ""
    name, colon, password = text.partition(":")
    if not colon or not name or not password:
        raise Unauthenticated("The Authorization header must read: Basic <base64 of name:token>")
    return name, password
