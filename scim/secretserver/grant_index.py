"""Every direct grant of a vault, for lists over all of them: read in bulk, kept for a while, touched up by our writes.

Secret Server lists permissions by folder, by holder or by secret; whether it lists them all is not known (facts 8, 13).
A walk over 100,000 rows must not cost a call a row, so this is tried, the cheapest first
(docs/decisions/pam-grants.md):

1. the search without a filter: a call a 10,000 rows;
2. the report of the vendor's connector: a call a 25,000 rows. What its SQL leaves out nobody knows, so a sample of
   folders is compared with the search; one disagreement, and it is not used;
3. folder by folder, those that do not inherit: right everywhere, a call a folder. Secrets likewise.

What inherits is not in it: those rights follow from the tree and are shown where a folder is named.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace

from scim.content import Grant, GrantId, GrantQuery, Levels, Secret
from scim.errors import BadRequest, VaultMisbehaved
from scim.model import FolderId, Found, Kind, Ref, SecretId, UserId, Window
from scim.names import fold
from scim.secretserver import wire_content as content
from scim.secretserver.account import Account
from scim.secretserver.flight import abreast
from scim.secretserver.folders import Folders
from scim.secretserver.grants import FOLDER_GRANTS, SECRET_GRANTS, Grants
from scim.secretserver.groups import Groups
from scim.secretserver.kept import Kept
from scim.secretserver.paging import Pager
from scim.secretserver.reports import FOLDER_PERMISSIONS, SECRET_PERMISSIONS, NoReport, ReportRow, Reports
from scim.secretserver.secrets import Secrets
from scim.secretserver.users import Users

_log = logging.getLogger(__name__)

BUILD_SECONDS = 600.0
ABREAST = 12
TAKE = 10_000
SAMPLES = 3


@dataclass(slots=True)
class Ledger:
    """Grants by id, and their ids in order: all of them, and those of others than the connector's own account."""

    grants: dict[int, Grant]
    own: UserId
    order: list[int] = field(init=False)
    others: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.order = sorted(self.grants)
        self.others = [number for number in self.order if not is_own(self.grants[number], self.own)]

    def put(self, grant: Grant) -> None:
        if grant.id not in self.grants:
            insort(self.order, grant.id)
            if not is_own(grant, self.own):
                insort(self.others, grant.id)
        self.grants[grant.id] = grant

    def drop(self, number: int) -> None:
        if self.grants.pop(number, None) is not None:
            for order in (self.order, self.others):
                place = bisect_left(order, number)
                if order[place : place + 1] == [number]:
                    del order[place]

    def drop_on(self, on: int) -> None:
        for order in (self.order, self.others):
            first, last = bisect_left(order, on << 32), bisect_left(order, (on + 1) << 32)
            for number in order[first:last]:
                self.grants.pop(number, None)
            del order[first:last]


class GrantIndex:
    """One vault's ledger of one kind."""

    def __init__(
        self,
        kind: Kind,
        pager: Pager,
        grants: Grants,
        folders: Folders,
        secrets: Secrets,
        users: Users,
        groups: Groups,
        reports: Reports,
        account: Account,
        *,
        seconds: float,
    ) -> None:
        self._kind, self._pager, self._grants, self._account = kind, pager, grants, account
        self._folders, self._secrets, self._users, self._groups = folders, secrets, users, groups
        self._reports = reports
        self._ledger: Kept[Ledger] = Kept(seconds, BUILD_SECONDS)
        self._unfiltered: bool | None = None
        self.source = ""
        """Where the last reading came from; for health and for the curious."""

    # --- asking -----------------------------------------------------------------------------------------------------

    async def page(self, query: GrantQuery) -> Found[Grant]:
        """One page by position or by id."""
        ledger = await self._ledger.get(self._read)
        order = ledger.others if query.without_own else ledger.order
        if query.window is not None:
            start, stop = query.window.offset, query.window.offset + query.window.limit
        elif query.before is not None:
            stop = bisect_left(order, query.before)
            start = max(0, stop - (query.limit or 0))
        else:
            start = bisect_right(order, query.after or 0)
            stop = start + (query.limit or 0)
        items = tuple(ledger.grants[number] for number in order[start:stop])
        more = start > 0 if query.before is not None else stop < len(order)
        return Found(len(order), items, more, tuple(range(start, start + len(items))))

    async def every(self, *, without_own: bool = False) -> list[Grant]:
        ledger = await self._ledger.get(self._read)
        return [ledger.grants[number] for number in (ledger.others if without_own else ledger.order)]

    # --- our own writes ---------------------------------------------------------------------------------------------

    def written(self, grant: Grant) -> None:
        if grant.inherited_from is None:
            self._ledger.apply(lambda ledger: ledger.put(grant))

    def gone(self, number: GrantId) -> None:
        self._ledger.apply(lambda ledger: ledger.drop(number))

    def object_gone(self, on: int) -> None:
        self._ledger.apply(lambda ledger: ledger.drop_on(on))

    def forget(self) -> None:
        """Many rows changed at once, or nobody knows which."""
        self._ledger.drop()

    # --- building ---------------------------------------------------------------------------------------------------

    async def _read(self) -> Ledger:
        objects = await self._objects()
        for source, read in (("search", self._by_search), ("report", self._by_report), ("each", self._one_by_one)):
            found = await read(objects)
            if found is not None:
                self.source = source
                _log.info("%s: %d read by %s", self._kind, len(found), source)
                return Ledger({int(g.id): g for g in found}, (await self._account.read()).id)
        raise VaultMisbehaved("Secret Server's permissions could not be read in any way")

    async def _objects(self) -> dict[int, Ref]:
        """What has permissions of its own. Personal folders are kept by their own type."""
        if self._kind is Kind.FOLDER_GRANT:
            return {int(f.id): Ref(int(f.id), f.path) for f in (await self._folders.tree()).values() if not f.inherits}
        return {int(s.id): Ref(int(s.id), s.name) for s in await self._all_secrets() if not s.inherits}

    async def _all_secrets(self) -> list[Secret]:
        from scim.content import SecretQuery

        return await self._secrets.find(SecretQuery())

    async def _by_search(self, objects: dict[int, Ref]) -> list[Grant] | None:
        """Without a filter. An empty answer is not believed where folders stand that must have an owner."""
        if self._unfiltered is False:
            return None
        listing = FOLDER_GRANTS if self._kind is Kind.FOLDER_GRANT else SECRET_GRANTS
        try:
            rows = await self._pager.walk(listing, take=TAKE)
        except (VaultMisbehaved, BadRequest):
            self._unfiltered = False
            return None
        self._unfiltered = bool(rows) or not objects
        if not self._unfiltered:
            return None
        return await self._from_rows(rows, objects)

    async def _from_rows(self, rows: Iterable[content.GrantRow], objects: dict[int, Ref]) -> list[Grant]:
        refs: dict[tuple[bool, int], Ref] = {}
        personal = await self._personal()
        found = []
        for row in rows:
            on = objects.get((row.folder_id if self._kind is Kind.FOLDER_GRANT else row.secret_id) or 0)
            if on is not None:
                grant = content.to_grant(row, on, self._kind, personal=on.id in personal)
                holder = refs.setdefault((grant.to_group, grant.holder.id), grant.holder)
                found.append(replace(grant, holder=holder))
        return found

    async def _by_report(self, objects: dict[int, Ref]) -> list[Grant] | None:
        name = FOLDER_PERMISSIONS if self._kind is Kind.FOLDER_GRANT else SECRET_PERMISSIONS
        try:
            found = await self._from_report(self._reports.rows(name), objects)
            await self._compare(found, objects)
        except NoReport as reason:
            _log.info("the report is not used: %s", reason)
            return None
        return found

    async def _from_report(self, pages: AsyncIterator[list[ReportRow]], objects: dict[int, Ref]) -> list[Grant]:
        users, groups = None, None
        personal = await self._personal()
        levels: dict[tuple[str, str], Levels] = {}
        found = []
        async for page in pages:
            if users is None or groups is None:
                users, groups = await self._holders()
            for row, at, group, user, folder, secret in page:
                on = objects.get(at)
                holder = users.get(user) if user else groups.get(group)
                if on is None or holder is None:
                    continue
                if (folder, secret) not in levels:
                    levels[folder, secret] = content.to_levels(self._kind, folder, secret)
                found.append(
                    Grant(
                        self._kind,
                        on,
                        holder,
                        to_group=not user,
                        levels=levels[folder, secret],
                        personal=at in personal,
                        row=row,
                    )
                )
            await asyncio.sleep(0)
        return found

    async def _compare(self, found: list[Grant], objects: dict[int, Ref]) -> None:
        """:raises NoReport: A sample of objects shows other permissions than the report does."""
        chosen = sorted(objects)
        for at in {chosen[0], chosen[len(chosen) // 2], chosen[-1]} if chosen else ():
            thing = await self._grants.thing(self._kind, at)
            live = {(g.id, g.levels) for g in await self._grants.on(thing) if g.inherited_from is None}
            if live != {(g.id, g.levels) for g in found if g.on.id == at}:
                raise NoReport(f"it says something else about {self._kind} {at} than the search does")

    async def _one_by_one(self, objects: dict[int, Ref]) -> list[Grant]:
        def one(on: int) -> Callable[[], Awaitable[list[Grant]]]:
            return lambda: self._on(on)

        pages = await abreast((one(on) for on in objects), ABREAST)
        return [grant for page in pages for grant in page]

    async def _on(self, on: int) -> list[Grant]:
        """The rows of one object whose own they are known to be: without reading it again."""
        if self._kind is Kind.FOLDER_GRANT:
            folder = (await self._folders.tree()).get(FolderId(on))
            return [] if folder is None else await self._grants.on(folder)
        found = [s for s in await self._secrets.by_ids([SecretId(on)]) if not s.inherits]
        return await self._grants.on(found[0]) if found else []

    async def _holders(self) -> tuple[dict[int, Ref], dict[int, Ref]]:
        users, groups = await asyncio.gather(self._users.everybody(), self._groups.all())
        people = {int(u.id): Ref(int(u.id), u.display_name or u.login) for u in users}
        return people, {int(g.id): Ref(int(g.id), g.name) for g in groups}

    async def _personal(self) -> frozenset[int]:
        if self._kind is not Kind.FOLDER_GRANT:
            return frozenset()
        return frozenset(int(f.id) for f in (await self._folders.tree()).values() if f.personal)


def is_own(grant: Grant, own: UserId) -> bool:
    return not grant.to_group and grant.holder.id == own


def meets(grant: Grant, query: GrantQuery) -> bool:
    return (
        (query.ids is None or grant.id in query.ids)
        and (query.on is None or grant.on.id == query.on)
        and (query.user is None or (not grant.to_group and grant.holder.id == query.user))
        and (query.group is None or (grant.to_group and grant.holder.id == query.group))
        and (query.user_name is None or (not grant.to_group and fold(grant.holder.name) == fold(query.user_name)))
        and (query.levels is None or grant.levels in query.levels)
    )


def cut(found: list[Grant], window: Window | None) -> Found[Grant]:
    """The page of what was found."""
    if window is None:
        return Found(len(found), tuple(found))
    items = tuple(found[window.offset : window.offset + window.limit])
    return Found(len(found), items, window.offset + len(items) < len(found))
