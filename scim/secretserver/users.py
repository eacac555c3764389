"""Users of one vault: read, find, create, change, disable. Groups and roles of users are put on elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from scim.errors import BadRequest, InvalidValue, Mutability, NotFound, VaultMisbehaved, VaultRefusedUs
from scim.model import NewUser, Ref, User, UserChange, UserId, UserQuery, Window
from scim.names import fold, spellings
from scim.secretserver import operations, wire
from scim.secretserver.account import READS_USERS, Account
from scim.secretserver.answers import AlreadyDone
from scim.secretserver.client import VaultClient
from scim.secretserver.domains import Domains
from scim.secretserver.flight import abreast
from scim.secretserver.paging import Listing, Pager
from scim.secretserver.passwords import Passwords
from scim.secretserver.personal import PersonalGroups

USERS = Listing(operations.SEARCH_USERS, wire.Page[wire.UserRow], "id")
EVERYBODY = (("filter.includeInactive", "true"),)
FEW = 3
"""So many users by id are read singly, in parallel: they bring their personal group along."""
IDS_A_CALL = 60
"""Ids in one query string: 60 of ten digits stay under 2,000 characters (IIS allows 2,048, facts 12.17)."""


class Users:
    """:param search_fields: Narrow searches by `filter.searchFields`, whose accepted values are undocumented."""

    def __init__(
        self,
        client: VaultClient,
        pager: Pager,
        account: Account,
        personal: PersonalGroups,
        *,
        scan_rows: int,
        search_fields: bool = False,
    ) -> None:
        self._client = client
        self._pager = pager
        self._account = account
        self._personal = personal
        self._scan_rows = scan_rows
        self._search_fields = search_fields
        self._local_label = ""
        self.domains = Domains(pager)
        self.passwords = Passwords(client)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def read(self, user_id: UserId) -> User:
        """`GET /v1/users/{id}?includeInactive=true`. :raises NotFound:"""
        row = await self._client.call(operations.READ_USER, wire.UserRow, user_id, query=(("includeInactive", "true"),))
        return await self._whole(row, user_id)

    async def by_ids(self, ids: Iterable[UserId]) -> list[User]:
        """Those of the ids that exist, in id order; filter.userIds beyond a few."""
        wanted = sorted(set(ids))
        if len(wanted) > FEW:
            return await self._by_batches(wanted)
        found = await abreast((lambda i=i: self._read_or_none(i)) for i in wanted)  # type: ignore[misc]
        return [user for user in found if user is not None]

    async def by_text(self, text: str, field: str) -> list[User]:
        """Every user with the text somewhere in user name, display name or e-mail.

        The vault's search is a contains-match over three fields (facts 12.4), so callers compare exactly. A text
        with several normal forms is searched in each, because the vault may keep any.
        """
        rows: dict[int, User] = {}
        for one in spellings(text):
            query = [("filter.searchText", one), *EVERYBODY]
            if self._search_fields:
                query.append(("filter.searchFields", field))
            found = await self._pager.walk(USERS, query=query, limit=self._scan_rows)
            rows.update((row.id, self._listed(row)) for row in found)
        if not rows:
            await self._account.trust_nothing_found("users", READS_USERS)
        return [rows[i] for i in sorted(rows)]

    async def window(self, window: Window) -> tuple[list[User], int]:
        rows, total = await self._pager.window(USERS, window.offset, window.limit, query=EVERYBODY)
        self._someone(total)
        return [self._listed(row) for row in rows], total

    async def everybody(self) -> list[User]:
        rows = await self._pager.walk(USERS, query=EVERYBODY, limit=self._scan_rows)
        self._someone(len(rows))
        return [self._listed(row) for row in rows]

    async def find(self, query: UserQuery) -> list[User]:
        """All users that meet the query's conditions, in id order; its window is the caller's affair."""
        if query.ids is not None:
            found = await self.by_ids(query.ids)
        else:
            text, field = next(
                (
                    (value, field)
                    for value, field in (
                        (query.name, "userName"),
                        (query.email, "emailAddress"),
                        (query.display_name, "displayName"),
                    )
                    if value is not None and value.strip()
                ),
                ("", ""),
            )
            found = await self.by_text(text, field) if text else await self.everybody()
        return [user for user in found if _meets(user, query)]

    async def strangers(self, ids: Iterable[UserId]) -> list[UserId]:
        """Those of the ids that are no users."""
        wanted = sorted(set(ids))
        found = await self._by_batches(wanted) if len(wanted) > 1 else await self.by_ids(wanted)
        return sorted(set(wanted) - {user.id for user in found})

    # --- writing ----------------------------------------------------------------------------------------------------

    async def create(self, new: NewUser) -> User:
        """One `POST /v1/users`, never repeated by itself. `domainId` is left out: the account is local (facts 4).

        :raises OutcomeUnknown: The answer was lost.
        """
        given = new.password.get_secret_value() if new.password is not None else None
        password = given if given is not None else await self.passwords.generate()
        row = await self._client.call(
            operations.CREATE_USER,
            wire.UserRow,
            body={
                "userName": new.name,
                "displayName": new.display_name or new.name,
                "emailAddress": new.email,
                "password": password,
                "enabled": new.enabled,
            },
        )
        if fold(row.user_name) != fold(new.name):
            raise VaultMisbehaved("Secret Server created an account of another name than was asked for")
        return await self._whole(row, UserId(row.id))

    async def change(self, user: User, change: UserChange) -> User:
        """One `PATCH /v1/users/{id}` with what differs, in the users' dialect (bare `{dirty, value}`, facts 12.8).

        The answer is compared with what was asked, because another dialect would answer 200 and change nothing.
        """
        wanted = _differences(user, change)
        if user.domain is not None:
            _refuse_directorys(user, wanted)
        if not wanted:
            return user
        row = await self._client.call(
            operations.CHANGE_USER,
            wire.UserRow,
            user.id,
            body={name: {"dirty": True, "value": value} for name, value in wanted.items()},
            repeatable="password" not in wanted,
        )
        after = await self._whole(row, user.id, user.domain)
        self._compare(user, after, wanted)
        return replace(after, groups=user.groups, roles=user.roles, kept=user.kept)

    async def disable(self, user: User) -> None:
        """`DELETE /v1/users/{id}` disables; doing it twice is an error there and none here (facts 12.2)."""
        if not user.enabled:
            return
        try:
            await self._client.call(operations.DISABLE_USER, wire.Deleted, user.id)
        except AlreadyDone:
            return
        except Mutability:
            raise
        except BadRequest:
            # the words for "already disabled" are not documented: the account itself tells
            if (await self.read(user.id)).enabled:
                raise

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _read_or_none(self, user_id: UserId) -> User | None:
        try:
            return await self.read(user_id)
        except NotFound:
            return None

    async def _by_batches(self, ids: Sequence[UserId]) -> list[User]:
        batches = [ids[i : i + IDS_A_CALL] for i in range(0, len(ids), IDS_A_CALL)]
        found = await abreast((lambda batch=batch: self._batch(batch)) for batch in batches)  # type: ignore[misc]
        rows = [user for batch in found for user in batch]
        if not rows:
            await self._account.trust_nothing_found("users", READS_USERS)
        return rows

    async def _batch(self, ids: Sequence[UserId]) -> list[User]:
        query = [*EVERYBODY, *(("filter.userIds", str(i)) for i in ids)]
        page = await self._pager.walk(USERS, query=query, take=max(len(ids), 10), limit=self._scan_rows)
        rows = [row for row in page if row.id in set(ids)]
        if len(rows) < len(page):  # the vault does not know the filter
            found = await abreast((lambda i=i: self._read_or_none(i)) for i in ids)  # type: ignore[misc]
            return [user for user in found if user is not None]
        return [self._listed(row) for row in rows]

    async def rows_by_ids(self, ids: Iterable[UserId]) -> list[wire.UserRow]:
        """Search rows as they come, for what only they say: the domain's name as searches spell it."""
        query = [*EVERYBODY, *(("filter.userIds", str(i)) for i in sorted(set(ids)))]
        return await self._pager.walk(USERS, query=query, limit=self._scan_rows)

    def domain_label(self, user: User) -> str:
        """How searches spell the user's domain; for local users too, where the model has none."""
        return user.domain.name if user.domain is not None else self._local_label

    def _listed(self, row: wire.UserRow) -> User:
        user = _to_user(row)
        if user.domain is None:
            self._local_label = row.domain_name or ""
        self.domains.learn(user.domain)
        return self._personal.learn(user)

    async def _whole(self, row: wire.UserRow, asked: UserId, domain: Ref | None = None) -> User:
        if row.id != asked:
            raise VaultMisbehaved("Secret Server answered with another user than was asked for")
        return self._personal.learn(_to_user(row, domain or await self.domains.ref(row.domain_id)))

    def _someone(self, total: int) -> None:
        """A vault has at least the account that asks."""
        if total == 0:
            raise VaultRefusedUs("Our account in Secret Server sees no users, not even itself: it may not search them")

    @staticmethod
    def _compare(before: User, after: User, wanted: dict[str, object]) -> None:
        now = {"displayName": after.display_name, "emailAddress": after.email, "enabled": after.enabled}
        for name, value in wanted.items():
            if name == "password" or _same(now[name], value):
                continue
            if before.domain is not None:
                raise Mutability(f"{_WORDS[name]}: the user's directory {before.domain.name} keeps it as it is")
            raise VaultMisbehaved(f"Secret Server accepted a change of a user's {_WORDS[name]} and did not make it")


_WORDS = {"displayName": "displayName", "emailAddress": "emails", "enabled": "active", "password": "password"}
"""The vault's property → the name by which a reader of the error knows it."""


def _to_user(row: wire.UserRow, domain: Ref | None = None) -> User:
    try:
        return wire.to_user(row, domain)
    except ValueError:
        raise VaultMisbehaved("Secret Server's time of a user's creation cannot be read") from None


def _differences(user: User, change: UserChange) -> dict[str, object]:
    wanted: dict[str, object] = {}
    if change.display_name is not None and change.display_name != user.display_name:
        wanted["displayName"] = change.display_name
    if change.email is not None and change.email != user.email:
        wanted["emailAddress"] = change.email
    if change.enabled is not None and change.enabled != user.enabled:
        wanted["enabled"] = change.enabled
    if change.password is not None:
        wanted["password"] = change.password.get_secret_value()
        if not wanted["password"]:
            raise InvalidValue("password: it may not be empty")
    return wanted


def _refuse_directorys(user: User, wanted: dict[str, object]) -> None:
    """Names, e-mail and password come from the directory. Whether `enabled` does depends on how it synchronises
    (mirror or not, facts 12.7), so that one is left to the vault.
    """
    for name in ("displayName", "emailAddress", "password"):
        if name in wanted:
            directory = f" {user.domain.name}" if user.domain and user.domain.name else ""
            raise Mutability(f"{_WORDS[name]}: the user comes from the directory{directory}, which owns it")


def _meets(user: User, query: UserQuery) -> bool:
    return (
        (query.name is None or fold(user.login) == fold(query.name))
        and (query.email is None or fold(user.email) == fold(query.email))
        and (query.display_name is None or fold(user.display_name) == fold(query.display_name))
    )


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, str) and isinstance(wanted, str):
        return found.strip() == wanted.strip()
    return found == wanted
