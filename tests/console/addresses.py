"""The pages of the console, read from its route table: one that is new is looked at by every test of pages at once."""

from __future__ import annotations

from collections.abc import Mapping

from scim.console.desk import Desk
from scim.console.gate import Door
from scim.console.people import Role
from scim.console.routes import doors
from scim.settings import Settings
from scim.triggers.requests import answer_as

NO_PAGE = {
    "/console/static/{name}": "style, script and icon",
    "/console/sign-in/entra": "leads to Entra",
    "/console/": "leads to /console",
    "/console/audit/export": "a file",
    "/console/settings/backup": "a file",
}
"""What is opened with GET and shows nothing to look at, and why. The JSON API is none either."""

VARIANTS = (
    "/console?range=24h",
    "/console/messages?outcome=refused",
    "/console/audit?reads=1&span=7d",
    "/console/nowhere",
)
"""Pages that look otherwise with a query; and what is there when nothing is."""


class _Nothing:
    settings = Settings(public_url="http://127.0.0.1")


TABLE: list[Door] = doors(Desk(_Nothing(), answer_as))


def _shown() -> list[Door]:
    opened = [door for door in TABLE if "GET" in door.methods and not door.path.startswith("/console/api")]
    return [door for door in opened if door.path not in NO_PAGE]


PAGES = tuple(door.path for door in _shown() if not door.quiet)
PARTS = tuple(door.path for door in _shown() if door.quiet)
"""Parts load into a page by themselves; without it they have no style."""

ROLES = {door.path: door.role for door in _shown()}


def filled(path: str, ids: Mapping[str, str]) -> str:
    """:param ids: by the noun of the path: connections, vaults, messages. :raises KeyError: a noun that is new."""
    if "{" not in path:
        return path
    noun = path.split("/")[2]
    return path.replace("{id}", ids[noun]).replace("{key}", ids[noun])


def for_role(role: Role) -> tuple[str, ...]:
    """Pages that open for this role, but for the way in."""
    return tuple(path for path in PAGES if ROLES[path] <= role and path != "/console/sign-in")
