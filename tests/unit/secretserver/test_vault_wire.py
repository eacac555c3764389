"""Reading REST bodies: tolerant of what varies, strict about what would do harm."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from scim.model import Ref
from scim.secretserver import operations, wire
from scim.secretserver.operations import Operation
from scim.secretserver.passwords import CLASSES, SYMBOLS, Passwords, random_password
from scim.secretserver.powers import is_administrative
from tests.simulator.openapi import OpenApiValidator, document_path
from tests.unit.secretserver.fake_vault import FakeVault, json_reply

ROW: dict[str, Any] = {"id": 1, "userName": "ann", "enabled": True}


def row(**more: Any) -> wire.UserRow:
    return wire.UserRow.model_validate_json(json_reply({**ROW, **more}).content)


def test_unknown_properties_and_nulls_are_no_error() -> None:
    user = wire.to_user(row(displayName=None, emailAddress=None, created=None, novelty={"x": 1}, domainId=None))
    assert (user.display_name, user.email, user.created, user.domain) == ("", "", None, None)


@pytest.mark.parametrize(
    "more",
    [
        {"id": "1"},
        {"id": 1.5},
        {"id": True},
        {"id": None},
        {"enabled": "true"},
        {"enabled": None},
        {"userName": 5},
        {"userName": None},
        {"domainId": "x"},
    ],
)
def test_types_that_matter_are_not_guessed(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        row(**more)


@pytest.mark.parametrize(
    "body", [{"records": []}, {"total": 1}, {"records": None, "total": 0}, {"records": [{}], "total": 1}, [], None]
)
def test_a_page_without_rows_or_total_is_no_page(body: Any) -> None:
    with pytest.raises(ValidationError):
        wire.Page[wire.UserRow].model_validate_json(json_reply(body).content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T10:11:12", datetime(2024, 5, 1, 10, 11, 12, tzinfo=UTC)),
        ("2024-05-01T10:11:12.5", datetime(2024, 5, 1, 10, 11, 12, 500000, tzinfo=UTC)),
        ("2024-05-01T10:11:12.1234567", datetime(2024, 5, 1, 10, 11, 12, 123456, tzinfo=UTC)),
        ("2024-05-01T10:11:12Z", datetime(2024, 5, 1, 10, 11, 12, tzinfo=UTC)),
        ("2024-05-01T12:11:12+02:00", datetime(2024, 5, 1, 10, 11, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_times_of_every_kind(text: str | None, expected: datetime | None) -> None:
    assert expected == wire.moment(text)


@pytest.mark.parametrize(("number", "domain"), [(None, None), (-1, None), (0, None), (3, Ref(3, "corp"))])
def test_local_is_minus_one_nought_or_nothing(number: int | None, domain: Ref | None) -> None:
    assert domain == wire.to_user(row(domainId=number, domainName="corp")).domain


@pytest.mark.parametrize(
    ("body", "number"), [({"version": "11.7"}, "11.7"), ({"model": {"version": "11.2"}}, "11.2"), ({}, None)]
)
def test_a_version_has_two_shapes_or_none(body: Any, number: str | None) -> None:
    assert number == wire.Version.model_validate_json(json_reply(body).content).number


@pytest.mark.parametrize(("body", "done"), [({"success": True}, True), ({"success": False}, False), ({}, True)])
def test_a_success_is_one(body: Any, done: bool) -> None:
    assert done == wire.Success.model_validate(body).done
    assert not wire.Success.model_validate({**body, "message": "Access denied"}).done


OPERATIONS = [found for found in vars(operations).values() if isinstance(found, Operation)]


@pytest.mark.skipif(document_path() is None, reason="the API document is not beside the project")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method} {o.path}")
def test_every_operation_is_in_the_api_document(operation: Operation) -> None:
    path = document_path()
    assert path is not None
    templates = OpenApiValidator(path).document["paths"]
    assert operation.method.lower() in templates[operation.path]


def test_paths_take_nothing_but_their_integers() -> None:
    assert operations.USER_GROUPS.at(7) == "/v1/users/7/groups"
    for wrong in ((), (1, 2), ("7/../2",)):
        with pytest.raises((TypeError, ValueError)):
            operations.USER_GROUPS.at(*wrong)  # type: ignore[arg-type]


def test_random_passwords_have_every_class_and_never_repeat() -> None:
    made = {random_password(40) for _ in range(500)}
    assert len(made) == 500
    for password in made:
        assert len(password) == 40
        assert all(any(c in kind for c in password) for kind in CLASSES)


def test_every_character_of_the_alphabet_is_about_as_likely() -> None:
    text = "".join(random_password(40) for _ in range(2000))
    share = len(text) / len("".join(CLASSES))
    assert all(0.85 < text.count(c) / share < 1.15 for c in string.ascii_letters + string.digits + SYMBOLS)


@pytest.mark.parametrize(
    ("reply", "length"),
    [
        (json_reply({"passwordMinimumLength": 64}), 64),
        (json_reply({"passwordMinimumLength": 8}), 40),
        (json_reply({"passwordMinimumLength": 100000}), 256),
        (json_reply({"message": "Access Denied", "errorCode": "API_AccessDenied"}, 403), 40),
        (json_reply({"message": "Access Denied"}, 400), 40),
    ],
)
async def test_the_policy_is_followed_where_it_may_be_read_and_read_once(reply: Any, length: int) -> None:
    vault = FakeVault()
    vault.default = reply
    passwords = Passwords(vault.client())
    assert [length] * 3 == [len(await passwords.generate()) for _ in range(3)]
    assert len(vault.requests) == 1


@pytest.mark.parametrize(
    "name",
    [
        "Unlimited Administrator",
        "Administer Users",
        " administer  role assignment ",
        "Assign Pipelines",
        "Manage Roles",
    ],
)
def test_permissions_that_make_an_administrator(name: str) -> None:
    assert is_administrative(name)


@pytest.mark.parametrize(
    "name",
    ["View Secret", "Own Secret", "Add Secret", "Personal Folders", "View Roles", "Edit Secret", "Administrator"],
)
def test_permissions_that_do_not(name: str) -> None:
    assert not is_administrative(name)
