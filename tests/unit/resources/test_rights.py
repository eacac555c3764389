"""Words for rights: two dimensions underneath, one list in SCIM, many words for one meaning."""

from __future__ import annotations

import pytest

from scim.content import FolderLevel, Levels, SecretLevel
from scim.errors import InvalidValue
from scim.model import Kind, Policies
from scim.resources.rights import FOLLOWS, Rights

EVERY = [Levels(folder, secret) for folder in FolderLevel for secret in SecretLevel]


def folders(**policies: object) -> Rights:
    return Rights.of(Kind.FOLDER_GRANT, Policies(**policies))  # type: ignore[arg-type]


@pytest.mark.parametrize("level", list(FolderLevel))
def test_a_folder_level_brings_its_secret_level(level: FolderLevel) -> None:
    assert Levels(level, FOLLOWS[level]) == folders().read([level.value.upper()])


@pytest.mark.parametrize("style", ["simple", "detailed"])
@pytest.mark.parametrize("levels", EVERY)
def test_what_is_shown_reads_back_as_it_was(levels: Levels, style: str) -> None:
    rights = folders(rights_style=style)
    assert levels == rights.read(rights.show(levels), levels)


@pytest.mark.parametrize("levels", EVERY)
def test_the_detailed_style_says_everything(levels: Levels) -> None:
    rights = folders(rights_style="detailed")
    assert levels == rights.read(rights.show(levels))


def test_several_rights_are_all_of_them_together() -> None:
    assert Levels(FolderLevel.OWNER, SecretLevel.OWNER) == folders().read(["View", "Owner", "Edit"])


def test_words_are_many_to_one_and_the_client_sees_its_own() -> None:
    rights = folders(container_rights={"Admin": "Owner", "PowerUser": "Owner", "Auditor": "View/List", "Odd": "Fly"})
    assert ["Admin", "PowerUser", "Auditor"] == rights.allowed
    owner = rights.read(["poweruser"])
    assert (["Admin"], ["PowerUser"]) == (rights.show(owner), rights.show(owner, "PowerUser"))
    assert ["Edit"] == rights.show(Levels(FolderLevel.EDIT, SecretLevel.EDIT)), "nobody gave it a word"
    with pytest.raises(InvalidValue, match="Admin, PowerUser, Auditor"):
        rights.read(["Owner"])


def test_the_command_line_writes_a_map_as_pairs() -> None:
    assert {"Admin": "Owner", "Auditor": "View/List"} == Policies(
        container_rights="Admin=Owner, Auditor=View/List"  # type: ignore[arg-type]
    ).container_rights


def test_an_unknown_right_lists_the_allowed_or_is_view() -> None:
    with pytest.raises(InvalidValue, match="View, Add Secret, Edit, Owner"):
        folders().read(["Fly"])
    assert Levels(FolderLevel.VIEW, SecretLevel.VIEW) == folders(unknown_right="legacy").read(["Fly"])
    secrets = Rights.of(Kind.SECRET_GRANT, Policies())
    with pytest.raises(InvalidValue, match="List, View, Edit, Owner"):
        secrets.read(["None"])


@pytest.mark.parametrize("word", ["View", "Add Secret", "Edit", "Owner"])
def test_a_filter_on_a_right_means_all_that_is_shown_with_it(word: str) -> None:
    rights = folders()
    meant = rights.meant_by(word)
    assert {levels for levels in EVERY if rights.show(levels) == [word]} == meant
