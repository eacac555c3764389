"""Secret templates: the four stock ones that matter, their fields, and those created since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.vault import Vault


@dataclass(slots=True)
class TemplateField:
    id: int
    name: str
    slug: str
    password: bool = False
    notes: bool = False
    file: bool = False
    url: bool = False
    required: bool = False
    description: str = ""


@dataclass(slots=True)
class Template:
    id: int
    name: str
    fields: list[TemplateField] = field(default_factory=list)
    active: bool = True


def _fields(first: int, *names: str) -> list[TemplateField]:
    """A name ending in * is required; Password, Notes and URL are of their own kind."""
    found = []
    for number, shown in enumerate(names):
        name = shown.rstrip("*")
        found.append(
            TemplateField(
                first + number,
                name,
                name.lower().replace(" ", "-"),
                password=name == "Password",
                notes=name == "Notes",
                url=name == "URL",
                file=name == "Attachment",
                required=shown.endswith("*"),
                description=f"The {name.lower()}.",
            )
        )
    return found


def stock() -> dict[int, Template]:
    """The ids are the ones in the vendor's SCIM manual; the field ids are ours."""
    return {
        t.id: t
        for t in (
            Template(9, "Web Password", _fields(38, "URL*", "Username*", "Password*", "Notes", "Attachment")),
            Template(6001, "Active Directory Account", _fields(83, "Domain*", "Username*", "Password*", "Notes")),
            Template(6003, "Windows Account", _fields(108, "Machine*", "Username*", "Password*", "Notes")),
            Template(6017, "MySql Account", _fields(170, "Server*", "Username*", "Password*", "Notes")),
        )
    }


def template_name(vault: Vault, template_id: int) -> str:
    found = vault.tree.templates.get(template_id)
    return found.name if found else ""
