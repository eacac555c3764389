"""The Secret Servers: add, test, edit, replace the password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scim.administration.verbs import add_vault, checked_vault, remove_vault
from scim.console.desk import Desk, field, form_of
from scim.errors import ConnectorError, InvalidValue
from scim.model import Vault
from scim.store.vaults import moved_urls

NEEDED = ("View Users", "Administer Users", "Administer Groups", "View Roles", "Administer Role Assignment",
          "Administer Folders", "Create Root Folders", "Add Secret", "Edit Secret", "Deactivate Secret", "Own Secret",
          "Administer Reports")  # fmt: skip
"""The vendor's list for its own connector, without those that read secrets' values."""


class VaultPages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show_all(self, request: Request) -> Response:
        vaults = await (await self._desk.vaults()).list()
        used = [connection.vault for connection in await self._desk.connections.list()]
        return self._desk.page(request, "vaults.html", rows=[(v, used.count(v.id)) for v in vaults])

    async def new(self, request: Request) -> Response:
        return self._desk.page(request, "vault_new.html", values={}, error=None)

    async def add(self, request: Request) -> Response:
        desk, form = self._desk, await form_of(request)
        values, secret = fields(form), SecretStr(form.get("password", [""])[0])
        vaults, insecure = await desk.vaults(), desk.connector.settings.insecure_vault_urls
        try:
            vault = await desk.do(request, "vault.add", lambda: add_vault(vaults, secret, values, insecure=insecure),
                                  name=str(values["name"]))  # fmt: skip
        except ConnectorError as error:
            return desk.page(request, "vault_new.html", error.status, values=values, error=error)
        return RedirectResponse(f"/console/vaults/{vault.id}?done=added", 303)

    async def show(self, request: Request) -> Response:
        return await self._page(request, await self._desk.vault(request))

    async def _page(
        self,
        request: Request,
        vault: Vault,
        error: ConnectorError | None = None,
        typed: Mapping[str, Any] | None = None,
        *,
        again: bool = False,
    ) -> Response:
        """:param typed: What a form held that was refused. :param again: The password was missing from it."""
        desk = self._desk
        used = [c for c in await desk.connections.list() if c.vault == vault.id]
        set_at = await (await desk.vaults()).credential_set_at(vault.id)
        status = 200 if error is None else error.status
        return desk.page(request, "vault.html", status, vault=vault, used=used, set_at=set_at, error=error,
                         values={**vault.model_dump(), **(typed or {})}, again=again)  # fmt: skip

    async def edit(self, request: Request) -> Response:
        desk, vault, form = self._desk, await self._desk.vault(request), await form_of(request)
        text = form.get("password", [""])[0]
        values: Mapping[str, Any] = {}
        moved: tuple[str, ...] = ()
        try:
            values = fields(form)
            changes = {name: value for name, value in values.items() if getattr(vault, name) != value}
            checked = checked_vault({**vault.model_dump(include={"auth", "platform_url"}), **changes},
                                    insecure=desk.connector.settings.insecure_vault_urls)  # fmt: skip
            changes = {name: checked[name] for name in changes}
            vaults = await desk.vaults()
            moved = moved_urls(vault, vault.model_copy(update=changes))
            secret = SecretStr(text) if text else None
            if changes or secret:
                names = tuple(sorted([*changes, *(["credential"] if text else [])]))
                await desk.do(request, "vault.edit", lambda: vaults.update(vault.id, credential=secret, **changes),
                              name=vault.name, object_id=vault.id, changed=names)  # fmt: skip
        except ConnectorError as error:
            return await self._page(request, vault, error, values, again=bool(moved) and not text)
        return RedirectResponse(f"/console/vaults/{vault.id}?done=changed", 303)

    async def credential(self, request: Request) -> Response:
        desk, vault = self._desk, await self._desk.vault(request)
        text = (await form_of(request)).get("password", [""])[0]
        if not text:
            return await self._page(request, vault, InvalidValue("The password is empty"))
        vaults = await desk.vaults()
        await desk.do(request, "vault.credential", lambda: vaults.set_credential(vault.id, SecretStr(text)),
                      name=vault.name, object_id=vault.id)  # fmt: skip
        return RedirectResponse(f"/console/vaults/{vault.id}?done=credential", 303)

    async def test(self, request: Request) -> Response:
        """Signs in anew with what is stored, and tells what the account may do."""
        desk, vault = self._desk, await self._desk.vault(request)
        report = await test_vault(desk, vault)
        held = {plain(p) for p in report.get("permissions", ())}
        everything = plain("Unlimited Administrator") in held
        needed = [(name, everything or plain(name) in held) for name in NEEDED]
        sees = plain("View Secret") in held
        return desk.page(request, "_vault_test.html", vault=vault, report=report, needed=needed, everything=everything,
                         sees=sees)  # fmt: skip

    async def remove(self, request: Request) -> Response:
        desk, vault = self._desk, await self._desk.vault(request)
        vaults = await desk.vaults()
        try:
            await desk.do(request, "vault.remove", lambda: remove_vault(vaults, desk.connections, vault),
                          name=vault.name, object_id=vault.id)  # fmt: skip
        except ConnectorError as error:
            return await self._page(request, vault, error)
        return RedirectResponse("/console/vaults?done=removed", 303)


async def test_vault(desk: Desk, vault: Vault) -> Mapping[str, Any]:
    """:raises VaultRefusedUs: the stored credential cannot be opened."""
    credential = await (await desk.vaults()).credential(vault.id)
    found: Mapping[str, Any] = await desk.connector.probe(vault, credential)
    return found


def fields(form: Mapping[str, list[str]]) -> dict[str, Any]:
    """A vault's fields from a form. :raises InvalidValue: an id is no number."""
    values: dict[str, Any] = {n: field(form, n) for n in ("name", "url", "username", "domain", "platform_url")}
    auth = field(form, "auth", "password")
    values["auth"] = auth if auth in {"password", "platform", "sdk"} else "password"
    for kind in ("users", "groups", "roles"):
        words = field(form, f"protected_{kind}").replace(",", " ").split()
        if any(not (w.isascii() and w.isdigit() and len(w) < 10) for w in words):
            raise InvalidValue(f"protected {kind}: ids are numbers, with blanks between them")
        values[f"protected_{kind}"] = tuple(sorted({int(w) for w in words}))
    return values


def plain(permission: str) -> str:
    return "".join(permission.split()).casefold()
