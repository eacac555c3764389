"""Two peppers or data keys at once, wherever they come from, and what still opens with the older one."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from pydantic import ValidationError

from scim.access import oauth
from scim.access.keys import load_keys
from scim.access.oauth import AccessToken
from scim.administration.console_keys import find_key, make_code, make_key, take_code
from scim.errors import Unauthenticated
from scim.model import ConnectionId
from scim.settings import Settings
from scim.store.console_keys import ConsoleKeys
from scim.store.memory import MemoryStore
from scim.store.tokens import Tokens

OLD, NEW = b"o" * 32, b"n" * 32


def text(*keys: bytes) -> str:
    return ",".join(base64.urlsafe_b64encode(key).decode() for key in keys)


async def test_the_environment_may_hold_two_of_each():
    keys = await load_keys(Settings(_env_file=None, pepper=text(NEW, OLD), data_key=text(OLD, NEW)))
    assert keys.peppers == (NEW, OLD)
    assert keys.data_keys == (OLD, NEW)
    assert "nnn" not in repr(keys)


@pytest.mark.parametrize("value", [text(NEW) + ",", text(NEW)[:-4], text(NEW) + "," + text(b"short"), ",", ""])
def test_half_a_key_is_refused_in_words(value):
    with pytest.raises(ValidationError, match=r"32 random bytes|base64url"):
        Settings(_env_file=None, pepper=value)


def test_an_access_token_outlives_the_pepper_that_signed_it():
    token = AccessToken(ConnectionId("c"), key_id="3f9a01bc")
    issued = oauth.issue(token, OLD)
    assert token == oauth.read(issued, NEW, OLD)
    with pytest.raises(Unauthenticated):
        oauth.read(issued, NEW)
    with pytest.raises(Unauthenticated):
        oauth.read(issued[:-2] + "xx", NEW, OLD)


def test_a_token_that_expired_under_the_old_pepper_says_so():
    claims = jwt.decode(
        oauth.issue(AccessToken(ConnectionId("c"), key_id="k"), OLD), options={"verify_signature": False}
    )
    late = {**claims, "iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}
    issued = jwt.encode(late, oauth.signing_key(OLD), algorithm="HS256", headers={"typ": "at+jwt"})
    for peppers in ((NEW, OLD), (OLD, NEW)):
        with pytest.raises(Unauthenticated, match="expired"):
            oauth.read(issued, *peppers)


async def test_console_keys_and_codes_open_under_both():
    keys = ConsoleKeys(MemoryStore().table("settings"))
    key = await make_key(keys, OLD, role="admin", name="script")
    code = await make_code(keys, OLD, role="admin", name="ann")
    assert await find_key(keys, (NEW,), key) is None
    assert await find_key(keys, (NEW, OLD), key) is not None
    assert await take_code(keys, (NEW,), code) is None
    assert await take_code(keys, (NEW, OLD), code) is not None
    assert await take_code(keys, (NEW, OLD), code) is None


async def test_a_move_to_the_new_pepper_never_undoes_a_revocation():
    tokens = Tokens(MemoryStore().table("tokens"))
    before = await tokens.add(ConnectionId("c"), "3f9a01bc", b"d" * 32)
    await tokens.revoke("3f9a01bc")
    await tokens.rehash(before, b"e" * 32, "mark")
    after = await tokens.get("3f9a01bc")
    assert after is not None
    assert not after.live(datetime.now(UTC) + timedelta(seconds=1))
    assert after.digest == b"d" * 32
