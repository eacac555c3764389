"""Secrets of one vault, without ever opening one: search, summary, create, rename, move, deactivate.

Whoever opens a secret checks it out, is asked for a comment, and leaves an audit entry. Nothing here does: the list of
operations has no call that would (operations.py), and a test holds the vault's own record of views empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from scim.content import NewSecret, Secret, SecretChange, SecretQuery, Template, TemplateField
from scim.errors import BadRequest, InvalidValue, Mutability, NotFound, VaultDenied, VaultMisbehaved, excerpt
from scim.model import FolderId, Ref, SecretId, Window
from scim.names import fold
from scim.secretserver import operations, wire
from scim.secretserver import wire_content as content
from scim.secretserver.account import Account
from scim.secretserver.answers import AlreadyDone, UnknownRoute
from scim.secretserver.client import VaultClient
from scim.secretserver.flight import abreast
from scim.secretserver.folders import Folders
from scim.secretserver.kept import Kept
from scim.secretserver.paging import Listing, Pager
from scim.secretserver.passwords import Passwords
from scim.secretserver.templates import Templates

SECRETS = Listing(operations.SEARCH_SECRETS, wire.Page[content.SecretRow], "id")
LISTED = (("filter.includeRestricted", "true"), ("filter.includeActive", "true"), ("filter.includeInactive", "false"))
"""Secrets behind check-out, comment or approval are listed as well: listing opens none."""
READS_SECRETS = ("viewsecret", "ownsecret", "unlimitedadministrator")
LOCAL_SITE = 1
FEW = 3
IDS_A_CALL = 60
BUILD_SECONDS = 180.0

Shelf = dict[int, list[Ref]]
"""Folder id → the secrets in it."""


class Secrets:
    def __init__(
        self,
        client: VaultClient,
        pager: Pager,
        account: Account,
        folders: Folders,
        templates: Templates,
        passwords: Passwords,
        *,
        scan_rows: int,
        seconds: float,
    ) -> None:
        self._client, self._pager, self._account = client, pager, account
        self._folders, self._templates, self._passwords = folders, templates, passwords
        self._scan_rows = scan_rows
        self._shelf: Kept[Shelf] = Kept(seconds, BUILD_SECONDS)
        self._second_general = True

    # --- reading ----------------------------------------------------------------------------------------------------

    async def read(self, secret_id: SecretId) -> Secret:
        """One call. :raises NotFound: Also for a deactivated one."""
        row = await self._client.call(operations.SECRET_SUMMARY, content.SecretRow, secret_id)
        if row.id != secret_id:
            raise VaultMisbehaved("Secret Server answered with another secret than was asked for")
        if row.active is False:
            raise NotFound("Secret Server has no such secret: it is deactivated")
        return content.to_secret(row)

    async def look(self, secret_id: SecretId) -> Secret | None:
        """The secret, where lists would show it: they leave out what our account may not see.

        :raises VaultRefusedUs: our account may list no secrets at all: then a denial says nothing.
        """
        try:
            return await self.read(secret_id)
        except NotFound:
            return None
        except VaultDenied:
            return next(iter(await self._batch([secret_id])), None)

    async def window(self, window: Window) -> tuple[list[Secret], int]:
        rows, total = await self._pager.window(SECRETS, window.offset, window.limit, query=LISTED)
        if total == 0:
            await self._account.trust_nothing_found("secrets", READS_SECRETS)
        return [content.to_secret(row) for row in rows], total

    async def find(self, query: SecretQuery) -> list[Secret]:
        """All secrets that meet the query's conditions, in id order."""
        if query.ids is not None:
            found = await self.by_ids(query.ids)
        elif query.folder is not None:
            found = await self._search((("filter.folderId", str(int(query.folder))),))
        elif query.name is not None and query.name.strip():
            found = await self._search((("filter.searchText", query.name.strip()),))
        else:
            found = await self._search(())
        return [secret for secret in found if _meets(secret, query)]

    async def by_ids(self, ids: Iterable[SecretId]) -> list[Secret]:
        """Those of the ids that exist: one call each up to three, then one for every 60."""
        wanted = sorted(set(ids))
        if len(wanted) <= FEW:
            found = await abreast((lambda i=i: self.look(i)) for i in wanted)  # type: ignore[misc]
            return [secret for secret in found if secret is not None]
        batches = [wanted[i : i + IDS_A_CALL] for i in range(0, len(wanted), IDS_A_CALL)]
        pages = await abreast((lambda b=b: self._batch(b)) for b in batches)  # type: ignore[misc]
        return [secret for page in pages for secret in page]

    async def count_in(self, folder: FolderId) -> int:
        """How many secrets are in a folder and in those below it."""
        query = (*LISTED, ("filter.folderId", str(int(folder))), ("filter.includeSubFolders", "true"))
        return (await self._pager.window(SECRETS, 0, 1, query=query))[1]

    async def below(self, folder: FolderId) -> tuple[SecretId, ...]:
        """The secrets in a folder and in those below it."""
        query = (*LISTED, ("filter.folderId", str(int(folder))), ("filter.includeSubFolders", "true"))
        return tuple(SecretId(row.id) for row in await self._pager.walk(SECRETS, query=query, limit=self._scan_rows))

    async def in_folder(self, folder: FolderId, most: int) -> tuple[Ref, ...] | None:
        """The secrets in a folder, in one call; None when there are more than `most`."""
        query = (*LISTED, ("filter.folderId", str(int(folder))))
        rows, total = await self._pager.window(SECRETS, 0, most, query=query)
        return tuple(Ref(row.id, row.name) for row in rows) if total <= most else None

    async def shelf(self) -> Shelf:
        """Which secrets are in which folder, for lists of folders: one call a 1,000 secrets, then kept."""
        return await self._shelf.get(self._read_shelf)

    # --- writing ----------------------------------------------------------------------------------------------------

    async def create(self, new: NewSecret) -> Secret:
        """The template's fields, a password for each that was not given, one POST, and its summary."""
        template = await self._templates.read(new.template, int(new.folder) if new.folder is not None else None)
        items = await self._items(template, new)
        body: dict[str, Any] = {
            "name": new.name,
            "secretTemplateId": int(new.template),
            "siteId": LOCAL_SITE,
            "folderId": int(new.folder) if new.folder is not None else None,
            "items": items,
            "enableInheritPermissions": new.folder is not None,
            "enableInheritSecretPolicy": new.folder is not None,
        }
        made = await self._client.call(operations.CREATE_SECRET, content.NewSecretRow, body=body)
        self._shelf.drop()
        return await self.read(SecretId(made.id))

    async def change(self, secret: Secret, change: SecretChange) -> Secret:
        """One PATCH with what differs, and the summary afterwards: the answer of the PATCH shows field values."""
        wanted: dict[str, Any] = {}
        if change.name is not None and change.name != secret.name:
            wanted["name"] = {"dirty": True, "value": change.name}
        if change.folder is not None and (secret.folder is None or secret.folder.id != change.folder):
            if change.place is None or change.place.id != change.folder:
                await self._target(change.folder)
            wanted["folder"] = {"dirty": True, "value": int(change.folder)}
        if change.fields:
            template = await self._templates.read(_template_id(secret), None)
            named = _named_fields(template, change.fields)
            _refuse_blanks(template, [field for field, value in named if not value.get_secret_value().strip()])
            wanted["secretFields"] = [
                {"dirty": True, "slug": field.slug, "value": value.get_secret_value()} for field, value in named
            ]
        if not wanted:
            return secret
        await self._general(secret.id, {"data": wanted})
        after = await self.read(secret.id)
        self._compare(after, change)
        self._shelf.drop()
        return replace(after, kept=secret.kept)

    async def deactivate(self, secret: Secret) -> None:
        """DELETE deactivates (facts 9); doing it twice is an error there and none here."""
        try:
            await self._client.call(operations.DEACTIVATE_SECRET, wire.Deleted, secret.id)
        except AlreadyDone:
            pass
        except (Mutability, NotFound):
            raise
        except BadRequest:
            try:
                await self.read(secret.id)
            except NotFound:
                return
            raise
        self._shelf.drop()

    async def detach(self, secret: Secret) -> Secret:
        """End the inheritance of a secret's permissions (facts 10: it has to come first)."""
        body = {"data": {"inheritPermissions": {"dirty": True, "value": False}}}
        await self._client.call(operations.SHARE_SECRET, content.Share, secret.id, body=body)
        after = await self.read(secret.id)
        if after.inherits:
            raise VaultMisbehaved("Secret Server was told to end a secret's inheritance and did not")
        return after

    def forget(self) -> None:
        self._shelf.drop()

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _target(self, folder: FolderId) -> None:
        try:
            await self._folders.read(folder)
        except NotFound:
            raise InvalidValue(f"folder: there is no container with the id {int(folder)}") from None

    async def _items(self, template: Template, new: NewSecret) -> list[dict[str, Any]]:
        given = {field.id: value.get_secret_value() for field, value in _named_fields(template, new.fields)}
        if new.fill:
            given = {number: value for number, value in given.items() if value.strip()}
        _refuse_blanks(template, [f for f in template.fields or () if self._stays_blank(f, new, given.get(f.id))])
        items = []
        for field in template.fields or ():
            value = given.get(field.id)
            if value is None and field.password:
                made = self._templates.password_for(field) if new.made_by == "vault" else self._passwords.generate()
                value = await made
            if value is None and new.fill and not field.file and not field.notes:
                value = "-"
            if value is not None and not field.file:
                items.append({"fieldId": field.id, "slug": field.slug, "itemValue": value})
        return items

    @staticmethod
    def _stays_blank(field: TemplateField, new: NewSecret, value: str | None) -> bool:
        """Whether nobody gives it a value: not the client, nor who makes up passwords, nor the policy for blanks."""
        if value is not None:
            return not value.strip()
        return not (field.password or (new.fill and not field.file and not field.notes))

    async def _general(self, secret_id: SecretId, body: dict[str, Any]) -> None:
        """11.7 has it under v2 and v1, 11.2 shows both; a vault without v2 is asked under v1."""
        if self._second_general:
            try:
                await self._client.call(operations.CHANGE_SECRET, wire.Body, secret_id, body=body)
            except UnknownRoute:
                self._second_general = False
            else:
                return
        await self._client.call(operations.CHANGE_SECRET_V1, wire.Body, secret_id, body=body)

    @staticmethod
    def _compare(after: Secret, change: SecretChange) -> None:
        if change.name is not None and after.name.strip() != change.name.strip():
            raise VaultMisbehaved("Secret Server accepted a secret's new name and did not keep it")
        if change.folder is not None and (after.folder is None or after.folder.id != change.folder):
            raise VaultMisbehaved("Secret Server accepted a secret's move and did not make it")

    async def _batch(self, ids: Sequence[SecretId]) -> list[Secret]:
        query = tuple(("filter.secretIds", str(int(i))) for i in ids)
        wanted = set(ids)
        return [secret for secret in await self._search(query) if secret.id in wanted]

    async def _search(self, query: tuple[tuple[str, str], ...]) -> list[Secret]:
        rows = await self._pager.walk(SECRETS, query=(*LISTED, *query), limit=self._scan_rows)
        if not rows:
            await self._account.trust_nothing_found("secrets", READS_SECRETS)
        return [content.to_secret(row) for row in rows]

    async def _read_shelf(self) -> Shelf:
        rows = await self._pager.walk(SECRETS, query=LISTED, limit=self._scan_rows)
        shelf: Shelf = {}
        for row in rows:
            if row.folder_id is not None:
                shelf.setdefault(row.folder_id, []).append(Ref(row.id, row.name))
        return shelf


def _template_id(secret: Secret) -> Any:
    return secret.template.id


def _named_fields(template: Template, given: Mapping[str, SecretStr]) -> list[tuple[TemplateField, SecretStr]]:
    """The template's fields that are given, by slug or by name.

    :raises InvalidValue: The template has no such field, or it is one for files. Values are never repeated.
    """
    known: dict[str, TemplateField] = {}
    for field in template.fields or ():
        known.setdefault(fold(field.name), field)
    for field in template.fields or ():
        known[fold(field.slug)] = field
    found = []
    for name, value in given.items():
        field_named = known.get(fold(name))
        if field_named is None:
            there = ", ".join(field.slug for field in template.fields or () if not field.file)
            raise InvalidValue(f"fields: the template {template.name} has no field {excerpt(name)}; it has {there}")
        if field_named.file:
            raise InvalidValue(f"fields: {excerpt(name)} is for a file, which is not put in through SCIM")
        found.append((field_named, value))
    return found


def _refuse_blanks(template: Template, blank: Sequence[TemplateField]) -> None:
    """:raises InvalidValue: The template requires one of these fields."""
    lacking = [field.slug or field.name for field in blank if field.required]
    if lacking:
        needs = "need a value each" if len(lacking) > 1 else "needs a value"
        raise InvalidValue(f"fields: {' and '.join(lacking)} {needs}, which the template {template.name} requires")


def _meets(secret: Secret, query: SecretQuery) -> bool:
    return (
        (query.name is None or fold(secret.name) == fold(query.name))
        and (query.folder is None or (secret.folder is not None and secret.folder.id == query.folder))
        and (query.ids is None or secret.id in query.ids)
    )
