"""A small reader of Bicep files: declarations, module calls and resources, without a compiler."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

DECLARATION = re.compile(
    r"^(?P<decorators>(?:@[^\n]*\n(?:[^\n@a-z][^\n]*\n)*)*)(?P<kind>param|var|output|module|resource)\s+(?P<name>\w+)",
    re.MULTILINE,
)
NESTED = re.compile(r"^ +resource\s+(\w+)\s+'([\w.]+)@([\w-]+)'", re.MULTILINE)


def without_comments(text: str) -> str:
    """The text with // comments gone; a // inside quotes stays."""
    return re.sub(r"('(?:\\.|[^'\\\n])*')|//[^\n]*", lambda found: found.group(1) or "", text)


@dataclass
class Declaration:
    kind: str
    name: str
    text: str
    decorators: str

    @property
    def target(self) -> str:
        """The quoted text after the name: a module's path or a resource's type and version."""
        return re.search(r"'([^']+)'", self.text.split("=", 1)[0]).group(1)

    @property
    def existing(self) -> bool:
        return bool(re.search(r"'\s+existing\s*=", self.text))

    def keys(self, of: str | None = None) -> list[str]:
        """Property names of the body, or of the object that one of them holds."""
        depth = 1 if of is None else 2
        found, inside = [], of is None
        for line in self.text.splitlines()[1:]:
            indent = len(line) - len(line.lstrip())
            if of is not None and indent == 2:
                inside = line.strip().startswith(f"{of}: {{")
            match = re.match(r"\s*(\w+):", line)
            if match and inside and indent == depth * 2:
                found.append(match.group(1))
        return found


@dataclass
class BicepFile:
    path: Path
    text: str
    declarations: list[Declaration] = field(default_factory=list)

    def of(self, kind: str) -> list[Declaration]:
        return [one for one in self.declarations if one.kind == kind]

    def without(self, declaration: Declaration) -> str:
        return self.text.replace(declaration.text, "", 1)

    @property
    def types(self) -> list[tuple[str, str]]:
        """Every resource type and its version, nested ones with their parent's type in front."""
        found = []
        for one in self.of("resource"):
            name, version = one.target.split("@")
            found.append((name, version))
            found += [(f"{name}/{child}", child_version) for _, child, child_version in NESTED.findall(one.text)]
        return found


def read(path: Path) -> BicepFile:
    text = without_comments(path.read_text("utf-8"))
    starts = list(DECLARATION.finditer(text))
    file = BicepFile(path, text)
    for number, start in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        body = text[start.end("decorators") : end].rstrip()
        file.declarations.append(Declaration(start["kind"], start["name"], body, start["decorators"]))
    return file
