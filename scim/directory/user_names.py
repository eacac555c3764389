"""Who goes by which userName: logins that the vault cannot rename, aliases beside them, and leavers who hold neither.

An account goes by its alias where it has one, else by its login (docs/decisions/0002). Whoever gives a name to an
account holds the claim on that name (claims.py), so of two who would have it one acts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scim.context import RECOVERED, note
from scim.directory.kept import KeptRows, revision
from scim.errors import ChangedMeanwhile, Mutability, Uniqueness, excerpt
from scim.model import NOTHING_KEPT, Kind, NewUser, User, UserId, UserQuery
from scim.names import fold
from scim.store.table import RowChanged, RowExists


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new user goes: the account to revive or to finish, or the login for a new one; and who makes way."""

    account: User | None
    login: str
    leavers: tuple[User, ...] = ()


class UserNames(KeptRows):
    """What the user half of the wrapper knows of names."""

    async def _place_for(self, new: NewUser) -> Place:
        """:raises Uniqueness: Somebody goes by that name."""
        holders, own = await asyncio.gather(self._by_name(new.name), self._own())
        here = [h for h in holders if fold(h.name) == fold(new.name)]
        returning, leavers = None, []
        for holder in here:
            if self._is_ours_unfinished(holder.created, holder.kept if holder.kept.etag else None, new):
                note(RECOVERED)
                return Place(holder, holder.login)
            if self._may_return(holder, new) and holder.id not in own:
                returning = holder
            elif _has_left(holder):
                leavers.append(holder)
            else:
                raise Uniqueness(f"A user with the userName {excerpt(new.name)} exists already")
        returning = returning or next((h for h in holders if self._made_way(h, new)), None)
        if returning is not None:
            return Place(returning, returning.login, tuple(leavers))
        taken = any(fold(h.login) == fold(new.name) for h in holders)
        return Place(None, await self._another_login(new.name) if taken else new.name, tuple(leavers))

    async def _by_name(self, name: str) -> list[User]:
        """Every account whose login or alias it is, or was until somebody else got it; each with what is kept of it."""
        found, alias = await asyncio.gather(
            self._inner.find_users(UserQuery(name=name)), self._attributes.by_alias(self._vault, Kind.USER, name)
        )
        holders = list(found.items)
        if alias is not None and all(u.id != alias for u in holders):
            holders += (await self._inner.find_users(UserQuery(ids=(UserId(alias),)))).items
        rows = await asyncio.gather(*(self._attributes.get(self._vault, Kind.USER, u.id) for u in holders))
        return [replace(user, kept=kept or NOTHING_KEPT) for user, kept in zip(holders, rows, strict=True)]

    def _may_return(self, leaver: User, new: NewUser) -> bool:
        """Enabled already: an earlier attempt of the same request got so far, or somebody in the vault did it."""
        gone = not leaver.enabled or new.resumes is not None
        return gone and leaver.kept.tombstone is not None and self._same_person(leaver, new)

    def _same_person(self, leaver: User, new: NewUser) -> bool:
        known = leaver.kept.external_ids.get(self._connection.id)
        same_id = known is None or new.external_id is None or known == new.external_id
        return leaver.kept.owner == self._connection.id and same_id

    def _made_way(self, leaver: User, new: NewUser) -> bool:
        """A leaver who gave the name up to somebody who has left since, and comes back: known by the external id."""
        known = leaver.kept.external_ids.get(self._connection.id)
        return (
            _has_left(leaver)
            and fold(leaver.login) == fold(new.name)
            and known is not None
            and known == new.external_id
            and leaver.kept.owner == self._connection.id
        )

    async def _another_login(self, name: str) -> str:
        """The first of ann.2, ann.3, … that nobody uses; ann.2@corp.example for a name with a domain."""
        local, at, domain = name.partition("@")
        for number in range(2, 100):
            login = f"{local}.{number}{at}{domain}"
            if not (await self._inner.find_users(UserQuery(name=login))).items:
                return login
        raise Uniqueness(f"Every login name for the userName {excerpt(name)} is taken")

    async def _make_way(self, leavers: Iterable[User], name: str) -> None:
        """A deleted account gives its name up (RFC 7644 §3.6): should it ever come back, it goes by another."""
        for leaver in leavers:
            aside = _aside(name, leaver.id)
            await self._have_alias(aside, leaver.id)
            kept = replace(leaver.kept, alias=aside, revision=revision())
            try:
                await self._attributes.save(self._vault, Kind.USER, leaver.id, kept)
            except (RowChanged, RowExists):
                raise ChangedMeanwhile(
                    "Another request changed the deleted account of that name", retry_after=1
                ) from None
            if await self._attributes.by_alias(self._vault, Kind.USER, name) == leaver.id:
                await self._attributes.free_alias(self._vault, Kind.USER, name)
            note(f"the deleted account {int(leaver.id)} gave up its name; should it come back, it is {excerpt(aside)}")

    async def _have_alias(self, name: str, user_id: UserId) -> None:
        """:raises Uniqueness: another account goes by that alias. One that did once does not count."""
        if await self._attributes.claim_alias(self._vault, Kind.USER, name, user_id):
            return
        holder = await self._attributes.by_alias(self._vault, Kind.USER, name)
        kept = None if holder is None else await self._attributes.get(self._vault, Kind.USER, holder)
        if kept is not None and fold(kept.alias or "") == fold(name):
            raise Uniqueness(f"A user with the userName {excerpt(name)} exists already")
        await self._attributes.move_alias(self._vault, Kind.USER, name, user_id)

    async def _rename(self, user: User, name: str) -> str | None:
        """The alias that gives the user this name; None when it is the login itself.

        :raises Mutability: the connection's policy is to refuse. :raises Uniqueness: somebody goes by that name.
        """
        if name == user.name:
            return user.kept.alias
        if self._policies.rename == "refuse":
            raise Mutability(
                f"userName cannot change: Secret Server has no rename, and this connection's policy is to refuse it "
                f"(the account stays {excerpt(user.login)})"
            )
        if fold(name) != fold(user.name):
            others = [u for u in await self._by_name(name) if u.id != user.id and fold(u.name) == fold(name)]
            if not all(_has_left(other) for other in others):
                raise Uniqueness(f"A user with the userName {excerpt(name)} exists already")
            await self._make_way(others, name)
        note(f"userName is {excerpt(name)} from now on; the login in Secret Server stays {excerpt(user.login)}")
        if name == user.login:
            return None
        await self._have_alias(name, user.id)
        return name


def _has_left(user: User) -> bool:
    """Deleted through SCIM, and not given back in the vault itself."""
    return user.kept.tombstone is not None and not user.enabled


def _aside(name: str, user_id: UserId) -> str:
    """ann.deleted.17@corp.example: no two accounts have it, and a reader sees what it is."""
    local, at, domain = name.partition("@")
    return f"{local[:200]}.deleted.{int(user_id)}{at}{domain}"
