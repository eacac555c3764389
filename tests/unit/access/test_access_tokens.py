from __future__ import annotations

import base64
import json
import logging
import pickle
import re
import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scim.access.bearer import bearer
from scim.access.tokens import checksum, digest, matches, mint, parse
from scim.errors import Unauthenticated

PEPPER = b"canary-pepper-0123456789abcdefgh"


def test_a_token_is_recognised_by_its_shape_and_checksum():
    for _ in range(200):
        token = mint()
        assert re.fullmatch(r"ssc_[0-9a-f]{8}_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}", token.text)
        assert token.text == parse(token.text).text
        assert len(base64.urlsafe_b64decode(token.text[13:56] + "=")) == 32


def test_no_two_tokens_are_alike():
    assert len({mint().text for _ in range(1000)}) == 1000


def test_a_typing_error_is_found_by_the_checksum():
    text = mint().text
    for index in range(len(text)):
        other = "A" if text[index] != "A" else "B"
        assert parse(text[:index] + other + text[index + 1 :]) is None


@given(st.text(max_size=80))
def test_no_other_text_is_a_token(text):
    assert parse(text) is None


@pytest.mark.parametrize("tail", ["\n", " ", "é", "\x00"])
def test_what_clings_to_a_token_spoils_it(tail):
    assert parse(mint().text + tail) is None


def test_the_checksum_is_the_same_everywhere():
    assert checksum("ssc_00000000_") != "0000000"
    assert checksum("ssc_3f9a01bc_x") == checksum("ssc_3f9a01bc_x")
    assert checksum("") == "000000"


def test_a_token_shows_itself_nowhere(caplog):
    caplog.set_level(logging.DEBUG)
    token = mint()
    logging.getLogger("x").info("%s %r %s", token, token, [token])
    secret = token.text[13:56]
    assert secret not in caplog.text + repr(token) + str(token) + f"{token}"
    assert token.key_id in repr(token)
    with pytest.raises(TypeError):
        pickle.dumps(token)
    with pytest.raises(TypeError):
        json.dumps(token)


def test_the_digest_depends_on_pepper_and_on_every_character():
    token, other = mint(), mint()
    assert digest(token, PEPPER) != digest(token, b"x" * 32)
    assert digest(token, PEPPER) != digest(other, PEPPER)
    assert matches(token, digest(token, PEPPER), PEPPER)
    assert not matches(other, digest(token, PEPPER), PEPPER)
    assert not matches(token, b"", PEPPER)


@pytest.mark.slow
def test_a_wrong_token_takes_as_long_whatever_is_wrong_with_it():
    """10,000 tries each: a digest that differs at once and one that differs at the end."""
    token = mint()
    right = digest(token, PEPPER)
    early, late = bytes([right[0] ^ 1]) + right[1:], right[:-1] + bytes([right[-1] ^ 1])
    times = {early: [], late: []}
    for _ in range(10_000):
        for stored, found in times.items():
            started = time.perf_counter_ns()
            matches(token, stored, PEPPER)
            found.append(time.perf_counter_ns() - started)
    medians = [statistics.median(found) for found in times.values()]
    assert abs(medians[0] - medians[1]) / max(medians) < 0.05


@pytest.mark.parametrize(
    "value",
    ["Bearer x", "bearer x", "BEARER x", "Bearer  x ", "Bearer Bearer x", "bearer Bearer x", "Bearer\tx"],
)
def test_what_identity_platforms_send_is_understood(value):
    assert bearer({"authorization": value}) == "x"


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
def test_header_names_ignore_case(name):
    assert bearer({name: "Bearer x"}) == "x"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer Bearer"},
        {"authorization": "Basic eDp5"},
        {"authorization": "x"},
        {"authorization": "Bearer x y"},
        {"authorization": "Bearer " + "x" * 9000},
    ],
)
def test_a_missing_or_malformed_header_is_no_credential(headers):
    with pytest.raises(Unauthenticated) as refusal:
        bearer(headers)
    assert "xxxx" not in refusal.value.detail
