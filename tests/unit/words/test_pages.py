"""What can be checked in words is checked: links, policies, events, metrics, commands. Settings: test_docs.py."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from scim.cli.parser import build
from scim.health import FEATURES
from scim.metrics import Metrics
from scim.model import Policies

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("infra/**/*.md")])
README = (ROOT / "README.md").read_text("utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The table that begins with these columns, by first cell."""
    lines = README.partition(heading)[2].lstrip("\n").splitlines()[1:]
    table = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return {cells[0]: cells for cells in table}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        found = page if not target else (page.parent / target).resolve()
        assert found.exists(), link
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), link


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.replace("`", "")).strip().lower().replace(" ", "-") for h in headings}


def test_every_policy_stands_in_the_table():
    named = {name for cell in rows("| policy | default | meaning |") for name in re.findall(r"`([a-z_]+)`", cell)}
    assert set(Policies.model_fields) == named


def test_every_feature_names_its_permissions():
    for feature, permissions in FEATURES.items():
        assert f"| {feature} | {', '.join(permissions)} |" in README


def told() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "scim").rglob("*.py"):
        text = path.read_text("utf-8")
        found |= set(re.findall(r'\btell\(\s*log,\s*"([a-z_.]+)"', text))
        found |= set(re.findall(r'"event":"([a-z_.]+)"', text))
    return found


def test_every_event_of_the_log_is_explained():
    explained = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", OPERATIONS.partition("| event |")[2].partition("\n\n")[0]))
    assert told() == explained


def test_no_alert_waits_for_an_event_that_nobody_tells():
    asked = {
        e for q in (ROOT / "infra/kql").glob("*.kql") for e in re.findall(r"line\.event\) == '([\w.]+)'", q.read_text())
    }
    assert asked
    assert asked <= told()


def test_every_metric_is_explained():
    names = {line.split()[2] for line in Metrics().text().splitlines() if line.startswith("# TYPE")}
    names |= set(re.findall(r'Gauge\("([a-z_]+)"', (ROOT / "scim/gauges.py").read_text("utf-8")))
    assert names <= set(re.findall(r"`(scim_[a-z_]+)`", OPERATIONS))


def commands() -> list[tuple[str, str]]:
    found = []
    for page in [
        ROOT / "README.md",
        ROOT / "docs/operations.md",
        ROOT / "docs/audit.md",
        *ROOT.glob("docs/clients/*.md"),
    ]:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"python -m scim\.cli ([^`\n]+)", text):
            words = re.split(r"  +#|[|<>]", line)[0].strip()
            if not re.search(r"…|^KEY|NAME --policy KEY=VALUE|^--", words):
                found.append((page.name, words))
    return found


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda text: text[:60])
def test_every_command_on_a_page_is_one(page: str, line: str):
    line = line.replace("$(date +%F)", "2026-01-31")
    build().parse_args(shlex.split(line))


def test_every_decision_stands_in_the_index():
    index = (ROOT / "docs/decisions/README.md").read_text("utf-8")
    pages = {page.name for page in ROOT.glob("docs/decisions/*.md")} - {"README.md"}
    assert pages == set(re.findall(r"\]\(([\w-]+\.md)\)", index))


def test_no_docstring_points_at_a_page_that_is_not_there():
    for path in (ROOT / "scim").rglob("*.py"):
        for page in re.findall(r"docs/[\w/-]+\.md", path.read_text("utf-8")):
            assert (ROOT / page).exists(), f"{path.relative_to(ROOT)}: {page}"


def test_the_version_stands_in_the_changelog():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
