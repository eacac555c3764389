"""Step 5: say before you do, tell what you did. The outermost face of the directory, and the one handlers are given.

Every write: an intent row before the first call that changes anything, the step itself, then one outcome event in the
audit trail. Refusals are outcomes too. When an answer was lost the intent stays, marked unknown, until the same request
comes again or the timer has looked (resume.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from scim.audit.events import AuditEvent, Outcome
from scim.audit.trail import AuditTrail
from scim.content import Folder, Grant, Secret
from scim.context import RECOVERED, RequestContext, current, tell
from scim.directory.claims import Claims
from scim.directory.journal_holdings import HoldingsJournal
from scim.directory.port import Directory
from scim.errors import ConnectorError, Forbidden, Held, OutcomeUnknown
from scim.model import (
    Caller,
    Group,
    GroupChange,
    GroupId,
    Kind,
    NewGroup,
    NewUser,
    User,
    UserChange,
    UserId,
    fingerprint,
)
from scim.names import fold
from scim.store.journal import Intent, JournalStore

log = logging.getLogger("scim.journal")
T = TypeVar("T")
C = TypeVar("C", bound="User | Group | Folder | Secret | Grant")


class Journal(HoldingsJournal):
    """A directory whose writes are announced, audited and safe to repeat. See Directory for the promises."""

    def __init__(self, inner: Directory, caller: Caller, store: JournalStore, trail: AuditTrail) -> None:
        self._inner, self._caller, self._store, self._trail = inner, caller, store, trail
        self._vault = caller.connection.vault
        self._claims = Claims(store, self._vault, caller.connection.id)

    # -- writes ------------------------------------------------------------------------------------------------------

    async def create_user(self, new: NewUser) -> User:
        stamp = fingerprint(new.name, new.external_id, new.display_name, new.email, new.enabled, _text(new.document))
        plan = {"name": new.name, "enabled": new.enabled, "external_id": new.external_id}
        intent = self._intent("user.create", Kind.USER, 0, new.name, plan)

        async def work(resumes: datetime | None) -> User:
            return await self._inner.create_user(replace(new, resumes=resumes))

        made = await self._create_once(intent, stamp, work)
        return await self._inner.user(UserId(made)) if isinstance(made, int) else made

    async def change_user(self, user: User, change: UserChange) -> User:
        async def work() -> User:
            if change.name is None or fold(change.name) == fold(user.name):
                return await self._inner.change_user(user, change)
            async with self._claims.held(Kind.USER, change.name, f"rename {int(user.id)}"):
                return await self._inner.change_user(user, change)

        action = "user.disable" if change.enabled is False and user.enabled else "user.change"
        if change.enabled and not user.enabled:
            action = "user.enable"
        return await self._record(action, Kind.USER, user.id, user.name, _plan(change), work)

    async def remove_user(self, user: User) -> None:
        async def work() -> None:
            await self._inner.remove_user(user)

        await self._record("user.delete", Kind.USER, user.id, user.name, {}, work)

    async def create_group(self, new: NewGroup) -> Group:
        stamp = fingerprint(new.name, new.external_id, sorted(new.members), _text(new.document))
        plan = {"name": new.name, "members": list(new.members)[:1000], "external_id": new.external_id}
        intent = self._intent("group.create", Kind.GROUP, 0, new.name, plan)

        async def work(resumes: datetime | None) -> Group:
            return await self._inner.create_group(replace(new, resumes=resumes))

        made = await self._create_once(intent, stamp, work)
        return await self._inner.group(GroupId(made), members=True) if isinstance(made, int) else made

    async def change_group(self, group: Group, change: GroupChange) -> Group:
        async def work() -> Group:
            return await self._inner.change_group(group, change)

        only_members = change == GroupChange(add_members=change.add_members, remove_members=change.remove_members)
        action = "group.members" if only_members else "group.change"
        return await self._record(action, Kind.GROUP, group.id, group.name, _plan(change), work)

    async def remove_group(self, group: Group) -> None:
        async def work() -> None:
            await self._inner.remove_group(group)

        await self._record("group.delete", Kind.GROUP, group.id, group.name, {}, work)

    # -- the way of every write --------------------------------------------------------------------------------------

    async def _create_once(
        self, intent: Intent, stamp: str, work: Callable[[datetime | None], Awaitable[C]], *, claimed: str = ""
    ) -> C | int:
        """What was created, or the id of what the same request created before.

        :param claimed: What is claimed, where that is more than the object's name.

        Claim and intent are written side by side: either is announcement enough, and each is a round trip.
        """
        taken, opened = await asyncio.gather(
            self._claims.take(intent.kind, claimed or intent.object_name, stamp),
            self._store.open(intent),
            return_exceptions=True,
        )
        if isinstance(taken, BaseException) or isinstance(opened, BaseException) or taken[0].state == "done":
            await self._call_off(taken, opened)
            if isinstance(taken, BaseException):
                raise taken
            if isinstance(opened, BaseException):
                raise opened
            return taken[0].object_id
        claim, resumes = taken

        async def settle(outcome: Outcome, made: C | None) -> None:
            # when this attempt failed, what an earlier one did still counts
            unsure = outcome == "unknown" or (resumes and outcome == "failed")
            state = "done" if outcome == "done" else "unknown" if unsure else "failed"
            await self._claims.settle(claim, state, made.id if made else 0, recovered=_recovered())

        context = current()
        mark = len(context.upstream) if context else 0
        try:
            return await self._run(opened, lambda: work(resumes), settle)
        except BaseException as error:
            if not isinstance(error, ConnectorError):  # cancelled on the way, or a bug
                unsure = resumes is not None or _changed_something(context, mark)
                await self._claims.settle(claim, "unknown" if unsure else "failed")
            raise

    async def _call_off(self, taken: Any, opened: Any) -> None:
        """Nothing will be done: leave neither announcement behind."""
        if not isinstance(opened, BaseException):
            await self._store.close(opened)
        if not isinstance(taken, BaseException) and taken[0].state == "open":
            await self._claims.settle(taken[0], "failed")

    async def _record(
        self,
        action: str,
        kind: Kind,
        object_id: int,
        name: str,
        plan: Mapping[str, Any],
        work: Callable[[], Awaitable[T]],
    ) -> T:
        """Announce one change, make it, tell what became of it."""
        intent = await self._store.open(self._intent(action, kind, object_id, name, plan))
        return await self._run(intent, work)

    async def _run(
        self,
        intent: Intent,
        work: Callable[[], Awaitable[T]],
        settle: Callable[[Outcome, T | None], Awaitable[None]] | None = None,
    ) -> T:
        started = time.monotonic()
        context = current()
        mark = len(context.upstream) if context else 0
        try:
            result = await work()
        except ConnectorError as error:
            unknown = _maybe_done(error) or _changed_something(context, mark)
            outcome: Outcome = "refused" if isinstance(error, (Forbidden, Held)) else "unknown" if unknown else "failed"
            event = self._event(intent, outcome, error.status, error.detail, started, mark)
            kept = unknown and outcome != "refused"
            await self._tell(event, intent, keep=kept, settled=settle(outcome, None) if settle else None)
            raise
        made = getattr(result, "id", 0)
        event = self._event(intent, "done", 200, "", started, mark, made)
        await self._tell(event, intent, keep=False, settled=settle("done", result) if settle else None)
        return result

    def _intent(self, action: str, kind: Kind, object_id: int, name: str, plan: Mapping[str, Any]) -> Intent:
        return Intent(
            vault=self._vault,
            key="",
            connection=self._caller.connection.id,
            request_id=self._caller.request_id,
            action=action,
            kind=kind,
            object_id=object_id,
            object_name=name,
            at=datetime.now(UTC),
            plan=plan,
        )

    async def _tell(
        self, event: AuditEvent, intent: Intent, *, keep: bool, settled: Awaitable[None] | None = None
    ) -> None:
        """Write the outcome. The change has happened or not: a failure to tell leaves the intent for the timer."""
        finish = self._store.leave_unknown(intent, event.steps) if keep else self._store.close(intent)
        steps = [self._trail.record(event), finish, *([settled] if settled is not None else [])]
        results = await asyncio.gather(*steps, return_exceptions=True)
        for problem in results:
            if isinstance(problem, BaseException):
                tell(log, "journal.outcome_not_written", action=event.action, requestId=event.request_id)

    def _event(
        self, intent: Intent, outcome: Outcome, status: int, detail: str, started: float, mark: int, object_id: int = 0
    ) -> AuditEvent:
        context = current()
        calls = context.upstream[mark:] if context else []
        caller = self._caller
        return AuditEvent(
            at=datetime.now(UTC),
            request_id=caller.request_id,
            connection=caller.connection.id,
            connection_name=caller.connection.name,
            token_key=caller.token_key,
            address=caller.address,
            method=caller.method,
            route=caller.route,
            action=intent.action,
            kind=str(intent.kind),
            object_id=str(object_id or intent.object_id or ""),
            object_name=intent.object_name,
            outcome=outcome,
            status=status,
            detail="; ".join([*([detail] if detail else []), *(context.notes if context else [])]),
            steps=tuple(f"{c.method} {c.path} → {c.status or 'no answer'}" for c in calls if c.method != "GET"),
            normalised=tuple(context.normalised) if context else (),
            upstream=len(calls),
            ms=round((time.monotonic() - started) * 1000, 1),
            changed=tuple(sorted(intent.plan)),
        )


def _plan(change: UserChange | GroupChange) -> dict[str, Any]:
    """What shall change, for the intent row: names of attributes and harmless values, never a password."""
    plan: dict[str, Any] = {}
    for field in change.__slots__:
        value = getattr(change, field)
        if value is None or value is False or value == ():
            continue
        if field in ("password", "document", "mails"):
            plan[field] = True
        else:
            plan[field] = list(value)[:1000] if isinstance(value, tuple) else value
    if isinstance(change, UserChange) and change.enabled is False:
        plan["enabled"] = False
    return plan


def _text(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def _maybe_done(error: BaseException) -> bool:
    """Whether the vault may have acted although we raise: cancelled on the way, or an answer was lost."""
    return isinstance(error, OutcomeUnknown) or not isinstance(error, ConnectorError)


def _changed_something(context: RequestContext | None, mark: int) -> bool:
    """Whether a call that changes things got through, or got no clear answer, before this failure."""
    calls = context.upstream[mark:] if context else []
    return any(c.method != "GET" and (c.status == 0 or c.status < 300 or c.status >= 500) for c in calls)


def _recovered() -> bool:
    context = current()
    return context is not None and RECOVERED in context.notes
