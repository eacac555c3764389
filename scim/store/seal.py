"""Sealing a small secret for storage: AES-256-GCM, bound to the row it lies in, ready for key rotation.

Blob: 1 byte version · 4 bytes key id · 12 bytes nonce · ciphertext with tag. The key id says which of several keys
opens it, so that a new key can seal while the old one still opens.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scim.errors import VaultRefusedUs

_VERSION = b"\x01"
_HEAD = 1 + 4 + 12


class Seal:
    """Seals with the first key, opens with any. Holds no text of the keys, and shows none."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """:param keys: 32 bytes each, the current one first."""
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("sealing needs at least one key, of 32 bytes each")
        self._current = key_id(keys[0])
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}

    def __repr__(self) -> str:
        return f"Seal(current={self._current.hex()}, keys={len(self._ciphers)})"

    def is_current(self, blob: bytes) -> bool:
        """Whether a blob was sealed with the first key."""
        return blob[:5] == _VERSION + self._current

    def close(self, secret: bytes, context: str) -> bytes:
        """The sealed form of `secret`. `context` (the row's id) must be the same to open it."""
        nonce = secrets.token_bytes(12)
        head = _VERSION + self._current
        return head + nonce + self._ciphers[self._current].encrypt(nonce, secret, head + context.encode())

    def open(self, blob: bytes, context: str) -> bytes:
        """The secret. :raises VaultRefusedUs: when the key is another one, or the blob was changed or moved."""
        head, nonce, sealed = blob[:5], blob[5:_HEAD], blob[_HEAD:]
        cipher = self._ciphers.get(head[1:])
        if head[:1] != _VERSION or cipher is None or len(nonce) != 12:
            raise VaultRefusedUs(
                "A stored credential was sealed with a key that the connector no longer has: "
                "bring the key back, or set the credential again"
            )
        try:
            return cipher.decrypt(nonce, sealed, head + context.encode())
        except InvalidTag:
            raise VaultRefusedUs("A stored credential was changed outside the connector: set it again") from None


def key_id(key: bytes) -> bytes:
    """Four bytes that tell keys apart and give nothing away about them."""
    return hashlib.sha256(b"scim-seal-key-id\x00" + key).digest()[:4]
