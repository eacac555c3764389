"""docs/audit.md names every action that the code writes into the trail, and none besides."""

from __future__ import annotations

import re
from pathlib import Path

from scim.cli.main import AUDITED
from scim.model import Kind

ROOT = Path(__file__).resolve().parents[3]
NOUNS = (
    "user|group|folder|secret|folder-grant|secret-grant|role|"
    "read|token|vault|connection|breaker|console|settings|tables"
)
LITERAL = re.compile(rf'"((?:{NOUNS})(?:\.[a-z_-]+)+)"')
WRITERS = ("connector.py", "directory/journal*.py", "console/**/*.py")
KINDS = {"kind": [str(k) for k in (Kind.FOLDER, Kind.SECRET, Kind.FOLDER_GRANT, Kind.SECRET_GRANT)],
         "grant.kind": [str(k) for k in (Kind.FOLDER_GRANT, Kind.SECRET_GRANT)],
         "operation": ["query", "search", "search_with_body", "bulk"]}  # fmt: skip


def in_code() -> set[str]:
    texts = [path.read_text("utf-8") for pattern in WRITERS for path in (ROOT / "scim").glob(pattern)]
    texts = [re.sub(r'tell\(log, "[a-z_.]+"', "", text) for text in texts]  # events for the log are no actions
    found = {action for text in texts for action in LITERAL.findall(text) if not action.endswith(".html")}
    for text in texts:
        for variable, verb in re.findall(r'f"\{([a-z.]+)\}\.([a-z]+)"', text):
            found |= {f"{kind}.{verb}" for kind in KINDS.get(variable, ())}
        if 'f"read.{operation}"' in text:
            found |= {f"read.{operation}" for operation in KINDS["operation"]}
    return found | {f"{noun}.{verb}" if verb else f"tables.{noun}" for noun, verb in AUDITED}


def in_words() -> set[str]:
    page = (ROOT / "docs/audit.md").read_text("utf-8").partition("## Actions")[2].partition("## Read")[0]
    return set(re.findall(rf"`((?:{NOUNS})(?:\.[a-z_-]+)+)`", page))


def test_every_action_is_on_the_page():
    assert in_code() - in_words() == set()


def test_the_page_invents_no_action():
    assert in_words() - in_code() == set()
