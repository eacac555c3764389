"""Ways into the console that need no identity platform: one-time codes for people, keys for scripts.

code   K7QF-2M9D-XW3A-PRBE-6H   90 random bits in letters that nobody confuses; the first four name the row
key    ssk_ 3f9a01bc _ 43 characters   as a SCIM token is made, under another prefix
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from scim.store.console_keys import ConsoleKey, ConsoleKeys

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_MINUTES = 15
KEY_DAYS = 90
PREFIX = "ssk_"
_CODE_LENGTH = 20
_NAME_LENGTH = 6


async def make_code(keys: ConsoleKeys, pepper: bytes, *, role: str, name: str, minutes: int = CODE_MINUTES) -> str:
    """A code that lets one person in, once."""
    code = "".join(secrets.choice(LETTERS) for _ in range(_CODE_LENGTH))
    life = timedelta(minutes=minutes)
    await keys.add(f"c{code[:_NAME_LENGTH]}", _digest(code, pepper), role=role, name=name, life=life, once=True)
    return "-".join(code[i : i + 4] for i in range(0, _CODE_LENGTH, 4))


async def take_code(keys: ConsoleKeys, peppers: Sequence[bytes], typed: str) -> ConsoleKey | None:
    """Whom the code lets in; it works no second time. None for a wrong, used or expired one."""
    code = "".join(c for c in typed.upper() if c.isalnum())
    if len(code) != _CODE_LENGTH or not code.isascii():
        return None
    key = await keys.get(f"c{code[:_NAME_LENGTH]}")
    if key is None or not key.once or not _right(key.digest, code, peppers):
        return None
    return key if await keys.use_up(key) else None


async def make_key(keys: ConsoleKeys, pepper: bytes, *, role: str, name: str, days: int = KEY_DAYS) -> str:
    """A key for scripts; shown once."""
    key_id, text = secrets.token_hex(4), secrets.token_urlsafe(32)
    whole = f"{PREFIX}{key_id}_{text}"
    await keys.add(key_id, _digest(whole, pepper), role=role, name=name, life=timedelta(days=days), once=False)
    return whole


async def find_key(keys: ConsoleKeys, peppers: Sequence[bytes], text: str) -> ConsoleKey | None:
    """Whose key this is; None for a wrong or expired one."""
    if not text.startswith(PREFIX) or len(text) > 200 or not text.isascii():
        return None
    key = await keys.get(text.removeprefix(PREFIX).partition("_")[0])
    right = _right(key.digest if key else bytes(32), text, peppers)
    return key if key is not None and right and not key.once else None


def _right(stored: bytes, text: str, peppers: Sequence[bytes]) -> bool:
    """Under any pepper in force. None is moved to a new one: codes live for minutes, keys for 90 days at most."""
    return any(hmac.compare_digest(stored, _digest(text, pepper)) for pepper in peppers)


def _digest(text: str, pepper: bytes) -> bytes:
    return hmac.new(pepper, b"console|" + text.encode(), hashlib.sha256).digest()
