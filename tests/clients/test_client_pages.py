"""What the pages about clients say is true of the command line and of the dialogs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scim.cli.parser import build
from scim.model import Policies
from tests.clients.replay import DIALOGS, load

PAGES = {path.stem: path.read_text("utf-8") for path in (DIALOGS.parents[2] / "docs" / "clients").glob("*.md")}
CLIENTS = sorted(PAGES.keys() - {"README"})


@pytest.mark.parametrize("name", CLIENTS)
def test_a_page_says_what_it_rests_on(name: str) -> None:
    named = re.findall(r"`(?:tests/clients/dialogs/)?([\w*-]+)\.json`", PAGES[name])
    assert named
    for pattern in named:
        assert list(DIALOGS.glob(f"{pattern}.json")), pattern
    if name != "other":
        assert "never run against the real" in PAGES[name]
    assert f"{name}.md" in PAGES["README"]


def test_every_dialog_has_a_page_and_a_source() -> None:
    text = " ".join(PAGES.values())
    for path in DIALOGS.glob("*.json"):
        dialog = load(path.stem)
        assert dialog["source"]
        assert len(dialog["steps"]) > 8
        assert f"{path.stem}.json" in text or f"{path.stem.partition('-')[0]}-*.json" in text, path.stem


@pytest.mark.parametrize("name", CLIENTS)
def test_the_commands_on_a_page_are_understood(name: str) -> None:
    commands = re.findall(r"^python -m scim\.cli ([^#\n]+)", PAGES[name], re.MULTILINE)
    for command in commands:
        build().parse_args(command.split())
    for policy in re.findall(r"^\| `([a-z_]+)`", PAGES[name], re.MULTILINE):
        assert policy in Policies.model_fields, policy


def test_dialogs_hold_no_secret() -> None:
    for path in Path(DIALOGS).glob("*.json"):
        assert "ssc_" not in path.read_text("utf-8")
