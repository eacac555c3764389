"""What an answer means, whichever dialect it comes in."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import pytest

from scim.errors import (
    BadRequest,
    ConnectorError,
    InvalidValue,
    Mutability,
    NotFound,
    Uniqueness,
    VaultBusy,
    VaultMisbehaved,
    VaultRefusedUs,
    VaultUnreachable,
)
from scim.secretserver import operations as o
from scim.secretserver.answers import AlreadyDone, PageRefused, UnknownRoute, refusal, seconds
from scim.secretserver.operations import Operation
from tests.unit.secretserver.fake_vault import json_reply

JSON = "application/json; charset=utf-8"


def meaning(
    operation: Operation, status: int, body: Any, content_type: str = JSON, retry_after: str = ""
) -> ConnectorError:
    content = body if isinstance(body, bytes) else json_reply(body).content
    return refusal(operation, status, content_type, content, retry_after)


NEVER_A_MATTER_OF_WORDS = [
    (429, VaultBusy),
    (503, VaultBusy),
    (500, VaultUnreachable),
    (502, VaultUnreachable),
    (504, VaultUnreachable),
    (408, VaultUnreachable),
    (302, VaultMisbehaved),
    (401, VaultRefusedUs),
    (403, VaultRefusedUs),
]


@pytest.mark.parametrize(("status", "error"), NEVER_A_MATTER_OF_WORDS)
@pytest.mark.parametrize("body", [{"message": "User not found."}, b"", b"<html>not found</html>", b"\xff{"])
def test_the_status_decides_where_it_is_clear(status: int, error: type[ConnectorError], body: Any) -> None:
    assert isinstance(meaning(o.READ_USER, status, body), error)
    assert isinstance(meaning(o.READ_USER, status, body, "text/html"), error)


@pytest.mark.parametrize(
    ("operation", "status", "body", "error"),
    [
        # access denied: 403 now, 400 before, in either field
        (o.READ_USER, 400, {"message": "Access Denied", "errorCode": "API_AccessDenied"}, VaultRefusedUs),
        (o.READ_USER, 400, {"message": "API_AccessDenied"}, VaultRefusedUs),
        (o.CREATE_USER, 403, {"message": "no"}, VaultRefusedUs),
        # not there
        (o.READ_USER, 400, {"message": "User not found."}, NotFound),
        (o.READ_USER, 404, {"message": "User not found."}, NotFound),
        (o.READ_USER, 404, {"message": "gone"}, NotFound),
        (o.READ_GROUP, 400, {"errorCode": "API_GroupDoesNotExist", "message": ""}, NotFound),
        # not said, or said of something else than the id
        (o.READ_USER, 404, {"message": "No HTTP resource was found that matches the request URI"}, UnknownRoute),
        (o.READ_USER, 400, {"message": "The request is invalid."}, VaultMisbehaved),
        (o.SEARCH_USERS, 400, {"message": "User not found."}, VaultMisbehaved),
        (o.SEARCH_USERS, 404, {"message": "not found"}, VaultMisbehaved),
        # writes
        (o.CREATE_USER, 400, {"message": "A user with this user name already exists."}, Uniqueness),
        (o.CREATE_USER, 409, {"message": "conflict"}, Uniqueness),
        (o.CREATE_USER, 400, {"message": "x", "modelState": {"password": ["Too short"]}}, InvalidValue),
        (o.CHANGE_USER, 400, {"message": "API_InvalidPassword"}, InvalidValue),
        (o.CREATE_USER, 400, {"message": "x", "errorCode": "API_MetApplicationAPILimit"}, BadRequest),
        (o.CHANGE_USER, 400, {"message": "The license count was exceeded"}, BadRequest),
        (o.CHANGE_USER, 400, {"message": "emailAddress is managed by the directory corp"}, Mutability),
        (
            o.CHANGE_MEMBERS,
            400,
            {"message": "no", "errorCode": "API_CannotAddRemoveUsersFromDirectoryManagedGroups"},
            Mutability,
        ),
        (o.DISABLE_USER, 400, {"message": "The user is already disabled."}, AlreadyDone),
        (o.CHANGE_USER, 400, {"message": "The request is invalid.", "modelState": {"x": ["y"]}}, InvalidValue),
        (o.CHANGE_USER, 400, {}, InvalidValue),
        (o.SEARCH_USERS, 400, {"message": "'id' is not a valid sort column."}, PageRefused),
    ],
)
def test_words_and_codes(operation: Operation, status: int, body: Any, error: type[ConnectorError]) -> None:
    assert isinstance(meaning(operation, status, body), error)


@pytest.mark.parametrize("body", [b"", b"<html>404</html>", b"[]", b"{", b"null"])
@pytest.mark.parametrize("content_type", ["", "text/html", "application/json"])
def test_a_404_that_says_nothing_is_not_not_found(body: bytes, content_type: str) -> None:
    assert isinstance(meaning(o.READ_USER, 404, body, content_type), VaultMisbehaved)


def test_a_limit_on_take_is_read_from_its_text() -> None:
    error = meaning(o.SEARCH_USERS, 400, {"message": "Take may not be more than 250."})
    assert isinstance(error, PageRefused)
    assert (error.about, error.most) == ("take", 250)


def test_access_denied_names_the_permission_that_is_needed() -> None:
    assert "Administer Users" in meaning(o.CREATE_USER, 403, {"message": "Access Denied"}).detail


def test_a_firewalls_page_is_told_apart() -> None:
    assert "firewall" in meaning(o.READ_USER, 403, b"<html>Incapsula</html>", "text/html").detail


def test_nothing_long_or_secret_is_repeated() -> None:
    long = meaning(o.CREATE_GROUP, 400, {"message": "x" * 500})
    assert len(long.detail) < 160
    for text in ("password p4ss is weak", "The value 'p4ss' is bad", "p4ss already exists"):
        assert "p4ss" not in meaning(o.CREATE_USER, 400, {"message": text}).detail


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("2", 2),
        ("0", 1),
        ("-5", 1),
        ("2.7", 2),
        ("3600", 3600),
        ("99999999999999999999999999", 3600),
        ("", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Wed, 99 Foo 2015", None),
    ],
)
def test_retry_after_is_read_and_bounded(header: str, expected: int | None) -> None:
    assert expected == seconds(header)


def test_retry_after_as_a_date_to_come_is_the_time_until_then() -> None:
    now = time.time()
    assert (seconds(formatdate(now + 30, usegmt=True)) or 0) in range(25, 31)
    assert seconds(formatdate(now + 99999, usegmt=True)) == 3600


def test_busy_without_a_word_asks_for_half_a_minute() -> None:
    assert meaning(o.READ_USER, 429, b"").retry_after == 30
    assert meaning(o.READ_USER, 503, b"", retry_after="7").retry_after == 7
