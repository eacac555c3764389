"""Users made whole: addresses and external ids that the vault cannot look up, leavers, and their names (user_names)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from scim.context import RECOVERED, note
from scim.directory.kept import FEW, now, revision
from scim.directory.user_names import Place, UserNames
from scim.directory.visible import page_by_id, page_by_offset
from scim.errors import NotFound, OutcomeUnknown, PasswordRefused, Uniqueness, excerpt
from scim.model import NOTHING_KEPT, Found, Kept, Kind, NewUser, User, UserChange, UserId, UserQuery, Window
from scim.names import fold


class WholeUsers(UserNames):
    """The user half of the wrapper."""

    # -- reading users -----------------------------------------------------------------------------------------------

    async def user(self, user_id: UserId, *, groups: bool = False, roles: bool = False) -> User:
        try:
            user, kept = await asyncio.gather(
                self._inner.user(user_id, groups=groups, roles=roles),
                self._attributes.get(self._vault, Kind.USER, user_id),
            )
            seen = await self._join(user, kept)
        except NotFound:
            seen = None
        if seen is None or user_id in await self._own():  # one text for all, so that nothing is told by it
            raise NotFound(f"There is no user with the id {int(user_id)}")
        return seen

    async def find_users(self, query: UserQuery) -> Found[User]:
        if query.window or query.limit is not None:
            return await self._page(query)
        own = await self._own()
        users = [u for u in await self._candidates(query) if u.id not in own]
        joined = [u for u in await self._join_all(users) if u is not None]
        found = tuple(sorted((u for u in joined if self._meets(u, query)), key=lambda u: u.id))
        return Found(len(found), found)

    async def _page(self, query: UserQuery) -> Found[User]:
        async def fetch(window: Window) -> Found[User]:
            return await self._inner.find_users(UserQuery(window=window, groups=query.groups, roles=query.roles))

        hidden = sorted({*await self._hidden.ids(), *await self._own()})
        if query.window:
            found = await page_by_offset(fetch, hidden, self._hidden.hints, query.window)
            if found.items:
                after = query.window.offset + len(found.items)
                self._hidden.remember(after, found.positions[-1] + 1 - after)
        else:
            anchor = query.after if query.after is not None else query.before
            found = await page_by_id(
                fetch, hidden, anchor or 0, query.hint, query.limit or 0, backwards=query.before is not None
            )
        joined = await self._join_all(found.items)
        kept = [(u, p) for u, p in zip(joined, found.positions, strict=True) if u is not None]
        return replace(found, items=tuple(u for u, _ in kept), positions=tuple(p for _, p in kept))

    async def _candidates(self, query: UserQuery) -> Iterable[User]:
        """Users that may meet the query: every one that does is among them."""
        show = UserQuery(groups=query.groups, roles=query.roles)
        if query.ids is not None:
            return (await self._inner.find_users(replace(show, ids=query.ids))).items
        if query.external_id is not None:
            found = await self._external_ids.find(self._connection.id, Kind.USER, query.external_id)
            return await self._by_ids([found] if found is not None else [], show)
        if query.name is not None:
            direct, alias = await asyncio.gather(
                self._inner.find_users(replace(show, name=query.name)),
                self._attributes.by_alias(self._vault, Kind.USER, query.name),
            )
            return [*direct.items, *await self._by_ids([] if alias is None else [alias], show, but=direct.items)]
        if query.email is not None:
            direct, others = await asyncio.gather(
                self._inner.find_users(replace(show, email=query.email)),
                self._attributes.by_mail(self._vault, Kind.USER, query.email),
            )
            return [*direct.items, *await self._by_ids(others, show, but=direct.items)]
        return (await self._inner.find_users(replace(show, display_name=query.display_name))).items

    async def _by_ids(self, ids: list[int], show: UserQuery, *, but: Iterable[User] = ()) -> Iterable[User]:
        wanted = tuple(UserId(i) for i in ids if all(u.id != i for u in but))
        return (await self._inner.find_users(replace(show, ids=wanted))).items if wanted else ()

    def _meets(self, user: User, query: UserQuery) -> bool:
        mails = {fold(m) for m in (user.email, *user.kept.mails)}
        return (
            (query.ids is None or user.id in query.ids)
            and (query.name is None or fold(user.name) == fold(query.name))
            and (query.email is None or fold(query.email) in mails)
            and (query.display_name is None or fold(user.display_name) == fold(query.display_name))
            and (query.external_id is None or user.kept.external_ids.get(self._connection.id) == query.external_id)
        )

    # -- joining --------------------------------------------------------------------------------------

    async def _join_all(self, users: Iterable[User]) -> list[User | None]:
        users = list(users)
        if len(users) <= FEW:
            rows = await asyncio.gather(*(self._attributes.get(self._vault, Kind.USER, u.id) for u in users))
        else:
            ids = [u.id for u in users]
            found = await self._attributes.range(self._vault, Kind.USER, min(ids), max(ids))
            rows = [found.get(i) for i in ids]
        return list(await asyncio.gather(*(self._join(u, k) for u, k in zip(users, rows, strict=True))))

    # -- writing users -----------------------------------------------------------------------------------------------

    async def create_user(self, new: NewUser) -> User:
        place, holder = await asyncio.gather(
            self._place_for(new),
            self._take_external_id(Kind.USER, new.external_id, new.name),
            return_exceptions=True,
        )
        async with self._giving_back(Kind.USER, new.external_id, new.name):
            if isinstance(place, BaseException):
                raise place
            if isinstance(holder, BaseException):
                raise holder
            if holder is not None and (place.account is None or holder != place.account.id):
                raise Uniqueness(f"Another user of this connection has the externalId {excerpt(new.external_id)}")
            return await self._created_at(place, new)

    async def _created_at(self, place: Place, new: NewUser) -> User:
        await self._make_way(place.leavers, new.name)
        if place.account is not None:
            leaves = place.account.kept.tombstone is not None
            return await (self._revive(place.account, new) if leaves else self._first_kept(place.account, new))
        try:
            user = await self._create(replace(new, name=place.login))
        except OutcomeUnknown:
            found = (await self._inner.find_users(UserQuery(name=place.login))).items
            if not found or found[0].domain is not None:
                raise
            user = found[0]
            note(RECOVERED)
        return await self._first_kept(user, new)

    async def _create(self, new: NewUser) -> User:
        """Okta sends a password that nobody will ever use; one that the vault refuses must not keep the person out."""
        try:
            return await self._inner.create_user(new)
        except PasswordRefused:
            if self._connection.policies.strict:
                raise
            note("the password did not meet the vault's policy; a random one was set")
            return await self._inner.create_user(replace(new, password=None))

    async def _first_kept(self, user: User, new: NewUser) -> User:
        when = user.created or now()
        kept = Kept(
            document=new.document,
            as_sent={"display_name": user.display_name, "email": user.email, "enabled": user.enabled},
            external_ids={self._connection.id: new.external_id} if new.external_id else {},
            mails=new.mails,
            alias=new.name if new.name != user.login else None,
            owner=self._connection.id,
            created_at=now(),
            modified=when,
            seen=user.fingerprint,
            revision=revision(),
            etag=user.kept.etag,
        )
        if kept.alias:
            await self._have_alias(kept.alias, user.id)
        return await self._save_user(user, kept, before=NOTHING_KEPT)

    async def _revive(self, leaver: User, new: NewUser) -> User:
        change = UserChange(display_name=new.display_name, email=new.email, enabled=new.enabled, password=new.password)
        user = await self._inner.change_user(leaver, change)
        kept = replace(
            leaver.kept,
            document=new.document,
            as_sent={"display_name": user.display_name, "email": user.email, "enabled": user.enabled},
            mails=new.mails,
            alias=None if fold(user.login) == fold(new.name) else new.name,
            tombstone=None,
            owner=self._connection.id,
            modified=now(),
            seen=user.fingerprint,
            revision=revision(),
        )
        if new.external_id:
            kept = replace(kept, external_ids={**kept.external_ids, self._connection.id: new.external_id})
        if kept.alias:
            await self._have_alias(kept.alias, user.id)
        # the mark first: a row that says "here" beside a mark that says "gone" would never be looked at again
        await self._attributes.unmark_gone(self._vault, Kind.USER, user.id)
        self._hidden.discard(user.id)
        return await self._renamed(await self._save_user(user, kept, before=leaver.kept), leaver.kept.alias)

    async def change_user(self, user: User, change: UserChange) -> User:
        alias = await self._rename(user, change.name) if change.name is not None else user.kept.alias
        async with self._having(Kind.USER, change.external_id, user.id):
            return await self._changed_user(user, change, alias)

    async def _changed_user(self, user: User, change: UserChange, alias: str | None) -> User:
        before = user.kept
        changed = await self._inner.change_user(user, replace(change, name=None))
        kept = replace(
            before,
            document=before.document if change.document is None else change.document,
            as_sent={"display_name": changed.display_name, "email": changed.email, "enabled": changed.enabled},
            external_ids=self._external(before, change.external_id),
            mails=before.mails if change.mails is None else change.mails,
            alias=alias,
            owner=before.owner or self._connection.id,
            adopted=before.adopted or before.owner is None,
            modified=now(),
            seen=changed.fingerprint,
            revision=revision(),
        )
        return await self._renamed(await self._save_user(changed, kept, before=before), before.alias)

    async def _renamed(self, user: User, before: str | None) -> User:
        """Once the row says so: the name that the user went by is free. An alias too many is harmless meanwhile."""
        if before and fold(before) != fold(user.kept.alias or ""):
            await self._attributes.free_alias(self._vault, Kind.USER, before)
        return user

    async def remove_user(self, user: User) -> None:
        await self._inner.remove_user(user)
        if self._policies.leave_groups_on_delete:
            await self._inner.leave_groups(user)
        kept = replace(user.kept, owner=user.kept.owner or self._connection.id, tombstone=now(), modified=now())
        gone = replace(user, enabled=False)
        await self._attributes.mark_gone(self._vault, Kind.USER, user.id, now())
        await self._save_user(gone, replace(kept, seen=gone.fingerprint, revision=revision()), before=user.kept)
        self._hidden.add(user.id)
