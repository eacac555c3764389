"""The text of a token, and the keyed hash that is kept of it.

    ssc_  3f9a01bc  _  kJ7…43 characters…Qw  0aB3xZ
    who   key id       256 random bits       checksum

The prefix and the checksum let secret scanners recognise a leaked token without asking us. The key id is public: it
finds the row, stands in the audit trail and names the token in commands. A fast keyed hash is enough, because nobody
guesses 256 bits; a slow one would only be a lever to exhaust the processor.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import NoReturn

PREFIX = "ssc"
_SHAPE = re.compile(r"ssc_([0-9a-f]{8})_[A-Za-z0-9_-]{43}([0-9A-Za-z]{6})", re.ASCII)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token in clear. It lives for one request or one command, and never shows itself by accident."""

    key_id: str
    text: str

    def __repr__(self) -> str:
        return f"Token({self.key_id}, ...)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not to be written anywhere")


def mint() -> Token:
    """A new token from the system's generator."""
    key_id = secrets.token_hex(4)
    body = f"{PREFIX}_{key_id}_{base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b'=').decode()}"
    return Token(key_id, body + checksum(body))


def parse(text: str) -> Token | None:
    """The token in a text, or None when it cannot be one: wrong shape, or a checksum that says it was mistyped."""
    match = _SHAPE.fullmatch(text)
    if match is None or checksum(text[:-6]) != match[2]:
        return None
    return Token(match[1], text)


def digest(token: Token, pepper: bytes) -> bytes:
    """What is stored: 32 bytes, worthless without the pepper."""
    return hmac.digest(pepper, token.text.encode(), hashlib.sha256)


def matches(token: Token, stored: bytes, pepper: bytes) -> bool:
    """In the same time for every wrong token. As bytes: text with an accent would make compare_digest raise."""
    return hmac.compare_digest(digest(token, pepper), stored)


def checksum(body: str) -> str:
    """CRC-32 of the text before it, in six base-62 digits. It finds typing errors; it protects nothing."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits
