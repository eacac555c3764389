"""Secret templates: which there are, and the fields that a new secret of one has."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from scim.content import Template, TemplateField, TemplateId
from scim.errors import ConnectorError, InvalidValue, NotFound, VaultMisbehaved
from scim.names import fold
from scim.secretserver import operations, wire
from scim.secretserver import wire_content as content
from scim.secretserver.client import VaultClient
from scim.secretserver.kept import Kept
from scim.secretserver.paging import Listing, Pager

FIELDS = Listing(operations.TEMPLATE_FIELDS, wire.Page[content.TemplateFieldRow], "id")
TEMPLATES = Listing(operations.LIST_TEMPLATES, wire.Page[content.TemplateRow], "id")
KEPT_SECONDS = 300.0


class Templates:
    def __init__(self, client: VaultClient, pager: Pager) -> None:
        self._client = client
        self._pager = pager
        self._required: dict[TemplateId, Kept[frozenset[str]]] = {}
        self._kept: Kept[tuple[Template, ...]] = Kept(KEPT_SECONDS, 30.0)

    async def every(self) -> tuple[Template, ...]:
        """The active templates, at most five minutes old."""
        return await self._kept.get(self._read)

    async def read(self, template: TemplateId, folder: int | None) -> Template:
        """A template with its fields, from the stub of a new secret: no secret is opened for it.

        :raises InvalidValue: There is no such template.
        """
        query = [("secretTemplateId", str(int(template)))]
        if folder is not None:
            query.append(("folderId", str(folder)))
        try:
            stub, required = await asyncio.gather(
                self._client.call(operations.SECRET_STUB, content.Stub, query=query), self._required_of(template)
            )
        except (NotFound, VaultMisbehaved):
            if any(known.id == template for known in await self._read()):
                raise
            raise InvalidValue(f"template: Secret Server has no secret template {int(template)}") from None
        name = next((known.name for known in await self.every() if known.id == template), "")
        found = content.to_template(template, stub, name)
        fields = tuple(replace(field, required=fold(field.slug) in required) for field in found.fields or ())
        return replace(found, fields=fields)

    async def _required_of(self, template: TemplateId) -> frozenset[str]:
        """The slugs of the fields without which it makes no secret, at most five minutes old; none where the vault does
        not say: it judges them itself, then.
        """
        known = self._required.get(template)
        if known is None:
            known = self._required[template] = Kept(KEPT_SECONDS, 30.0)

        async def read() -> frozenset[str]:
            try:
                rows = await self._pager.walk(FIELDS, query=(("filter.secretTemplateId", str(int(template))),))
            except ConnectorError:
                return frozenset()
            return frozenset(fold(row.slug_name or "") for row in rows if row.required and row.active is not False)

        return await known.get(read)

    async def password_for(self, field: TemplateField) -> str:
        """One made up by Secret Server, by the rules that the template has for this field."""
        return (await self._client.call(operations.MAKE_PASSWORD, content.Text, field.id)).value

    async def _read(self) -> tuple[Template, ...]:
        rows = await self._pager.walk(TEMPLATES)
        return tuple(Template(TemplateId(row.id), row.name) for row in rows if row.active is not False)
