"""Every address of the console and who may open it: the one place where roles are decided."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scim.console.api import api_doors
from scim.console.desk import Desk
from scim.console.gate import Door
from scim.console.pages.audit import AuditPages
from scim.console.pages.connections import ConnectionPages
from scim.console.pages.files import static
from scim.console.pages.messages import MessagePages
from scim.console.pages.overview import Overview
from scim.console.pages.settings import SettingsPages
from scim.console.pages.signing import SignIn
from scim.console.pages.trying import TryPages
from scim.console.pages.vaults import VaultPages
from scim.console.people import Role

PUBLIC, AUDITOR, OPERATOR, ADMIN = Role.PUBLIC, Role.AUDITOR, Role.OPERATOR, Role.ADMIN


def doors(desk: Desk) -> list[Door]:
    """The route table."""
    return [*_signing(desk), *_watching(desk), *_vaults(desk), *_connections(desk), *_rest(desk), *api_doors(desk)]


def _signing(desk: Desk) -> list[Door]:
    sign = SignIn(desk)
    return [
        Door("/console/static/{name}", ("GET",), static, PUBLIC, quiet=True),
        Door("/console/sign-in", ("GET",), sign.show, PUBLIC),
        Door("/console/sign-in/code", ("POST",), sign.code, PUBLIC),
        Door("/console/sign-in/vault", ("POST",), sign.vault, PUBLIC),
        Door("/console/sign-in/development", ("POST",), sign.development, PUBLIC),
        Door("/console/sign-in/entra", ("GET",), sign.entra, PUBLIC),
        Door("/console/callback", ("POST",), sign.callback, PUBLIC, foreign=True),
        Door("/console/sign-out", ("POST",), sign.leave, PUBLIC),
    ]


def _watching(desk: Desk) -> list[Door]:
    overview, messages, audit = Overview(desk), MessagePages(desk), AuditPages(desk)
    return [
        Door("/console", ("GET",), overview.show, AUDITOR),
        Door("/console/", ("GET",), _home, AUDITOR),
        Door("/console/overview/live", ("GET",), overview.live, AUDITOR, quiet=True),
        Door("/console/overview/vaults", ("GET",), overview.vaults, AUDITOR, quiet=True),
        Door("/console/attention", ("GET",), overview.attention, AUDITOR),
        Door("/console/connections/{id}/release", ("POST",), overview.release, OPERATOR),
        Door("/console/messages", ("GET",), messages.show, AUDITOR),
        Door("/console/messages/rows", ("GET",), messages.rows, AUDITOR, quiet=True),
        Door("/console/messages/{key}", ("GET",), messages.one, AUDITOR),
        Door("/console/audit", ("GET",), audit.show, AUDITOR),
        Door("/console/audit/export", ("GET",), audit.export, AUDITOR),
        Door("/console/audit/verify", ("POST",), audit.verify, AUDITOR),
    ]


def _vaults(desk: Desk) -> list[Door]:
    pages = VaultPages(desk)
    return [
        Door("/console/vaults", ("GET",), pages.show_all, AUDITOR),
        Door("/console/vaults/new", ("GET",), pages.new, ADMIN),
        Door("/console/vaults", ("POST",), pages.add, ADMIN),
        Door("/console/vaults/{id}", ("GET",), pages.show, AUDITOR),
        Door("/console/vaults/{id}", ("POST",), pages.edit, ADMIN),
        Door("/console/vaults/{id}/test", ("POST",), pages.test, OPERATOR),
        Door("/console/vaults/{id}/credential", ("POST",), pages.credential, ADMIN),
        Door("/console/vaults/{id}/remove", ("POST",), pages.remove, ADMIN),
    ]


def _connections(desk: Desk) -> list[Door]:
    pages = ConnectionPages(desk)
    return [
        Door("/console/connections", ("GET",), pages.show_all, AUDITOR),
        Door("/console/connections/new", ("GET",), pages.new, ADMIN),
        Door("/console/connections", ("POST",), pages.add, ADMIN),
        Door("/console/connections/{id}", ("GET",), pages.show, AUDITOR),
        Door("/console/connections/{id}", ("POST",), pages.edit, ADMIN),
        Door("/console/connections/{id}/choices", ("GET",), pages.choices, ADMIN, quiet=True),
        Door("/console/connections/{id}/checks", ("GET",), pages.checks, AUDITOR, quiet=True),
        Door("/console/connections/{id}/tokens", ("POST",), pages.add_token, ADMIN),
        Door("/console/connections/{id}/tokens/{key}/revoke", ("POST",), pages.revoke, ADMIN),
        Door("/console/connections/{id}/enabled", ("POST",), pages.switch, ADMIN),
        Door("/console/connections/{id}/remove", ("POST",), pages.remove, ADMIN),
    ]


def _rest(desk: Desk) -> list[Door]:
    trying, settings = TryPages(desk), SettingsPages(desk)
    return [
        Door("/console/try", ("GET",), trying.show, OPERATOR),
        Door("/console/try/plan", ("POST",), trying.plan, OPERATOR),
        Door("/console/try/run", ("POST",), trying.run, ADMIN),
        Door("/console/settings", ("GET",), settings.show, AUDITOR),
        Door("/console/settings", ("POST",), settings.change, ADMIN),
        Door("/console/settings/sessions", ("POST",), settings.end_sessions, ADMIN),
        Door("/console/settings/keys", ("POST",), settings.add_key, ADMIN),
        Door("/console/settings/keys/{key}/remove", ("POST",), settings.remove_key, ADMIN),
        Door("/console/settings/backup", ("GET",), settings.backup, ADMIN),
        Door("/console/settings/restore", ("POST",), settings.restore, ADMIN),
    ]


async def _home(_: Request) -> Response:
    return RedirectResponse("/console", 308)
