"""What a crash or a lost answer left open: finish it where finishing is harmless, else look and close it.

Deltas are repeated, since repeating them changes nothing more; a creation is left to the same request, which completes
it, and closed after a day; anything else is closed as "unknown, checked" with what the vault shows now.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from scim.audit.events import AuditEvent
from scim.audit.trail import AuditTrail
from scim.content import GrantId
from scim.context import tell
from scim.directory.detaching import finish, had, left_over
from scim.directory.port import Directory
from scim.directory.port_vault import VaultDirectory
from scim.errors import ConnectorError, NotFound
from scim.model import FolderId, GroupChange, GroupId, Kind, SecretId, UserId, UserQuery, VaultId
from scim.store.detachments import Detachments
from scim.store.journal import Intent, JournalStore

OPEN_FOR = timedelta(minutes=2)
CLAIMS_FOR = timedelta(days=1)
log = logging.getLogger("scim.journal")


async def resume(
    store: JournalStore,
    trail: AuditTrail,
    vault: VaultId,
    directory_of: Callable[[Intent], Awaitable[Directory | None]],
) -> int:
    """Close every intent of a vault that is older than two minutes; returns how many were closed."""
    closed = 0
    now = datetime.now(UTC)
    async for intent in store.left_open(vault):
        if now - intent.at < OPEN_FOR:
            continue
        try:
            directory = await directory_of(intent)
            found = "its connection is gone" if directory is None else await _finish(directory, intent)
        except ConnectorError as error:
            if now - intent.at < CLAIMS_FOR:
                tell(log, "journal.open", requestId=intent.request_id, action=intent.action)
                continue
            found = f"could not be finished within a day: {error.detail}"
        await trail.record(_event(intent, found))
        await store.close(intent)
        closed += 1
    async for claim in store.stale_claims(vault, now - CLAIMS_FOR):
        await store.drop_claim(claim)
    return closed


async def resume_detaching(
    directory: VaultDirectory, detachments: Detachments, trail: AuditTrail, vault: VaultId
) -> int:
    """Give back every right that a vault dropped when an inheritance ended and nobody was left to; returns how many
    folders and secrets were looked at.
    """
    closed = 0
    async for left in left_over(detachments, vault):
        try:
            found = await finish(directory, detachments, left)
        except ConnectorError as error:
            if datetime.now(UTC) - left.since < CLAIMS_FOR:
                tell(log, "journal.open", requestId=left.request_id, action="inheritance.end", detail=error.detail)
                continue
            found = f"could not be finished within a day: {error.detail}; those who had a right are {had(left)}"
            await detachments.drop(left)
        await trail.record(
            AuditEvent(
                at=datetime.now(UTC),
                request_id=left.request_id,
                action="resume.inheritance.end",
                outcome="done" if found.startswith("finished") else "unknown",
                connection=left.connection,
                kind=str(left.kind),
                object_id=str(left.on),
                object_name=left.name,
                detail=found,
            )
        )
        closed += 1
    return closed


async def _finish(directory: Directory, intent: Intent) -> str:
    """What became of it, in words."""
    match intent.action:
        case "user.delete" | "user.disable":
            return await _finish_leaver(directory, intent)
        case "group.members":
            return await _finish_members(directory, intent)
        case "user.create":
            found = await directory.find_users(UserQuery(name=intent.object_name))
            return f"the vault has {found.total} such accounts; the same request again completes it"
    return await _look(directory, intent)


async def _finish_leaver(directory: Directory, intent: Intent) -> str:
    try:
        user = await directory.user(UserId(intent.object_id))
    except NotFound:
        return "finished: the account is disabled and out of sight"
    if intent.action == "user.delete":
        await directory.remove_user(user)
        return "finished by the timer: the account is disabled and out of sight"
    return "done: the account is disabled" if not user.enabled else "not done: the account is still enabled"


async def _finish_members(directory: Directory, intent: Intent) -> str:
    group = await directory.group(GroupId(intent.object_id))
    change = GroupChange(
        add_members=tuple(UserId(i) for i in intent.plan.get("add_members", ())),
        remove_members=tuple(UserId(i) for i in intent.plan.get("remove_members", ())),
    )
    await directory.change_group(group, change)
    return "finished by the timer: the membership is as it was asked for"


async def _look(directory: Directory, intent: Intent) -> str:
    if not intent.object_id:
        return "unknown, checked: nothing of this kind can be looked up by id"
    try:
        if intent.kind is Kind.USER:
            user = await directory.user(UserId(intent.object_id))
            return f"unknown, checked: the account is {'enabled' if user.enabled else 'disabled'} and known by its name"
        if intent.kind is Kind.FOLDER:
            return f"unknown, checked: it is {(await directory.folder(FolderId(intent.object_id))).path}"
        if intent.kind is Kind.SECRET:
            return f"unknown, checked: it is {(await directory.secret(SecretId(intent.object_id))).name}"
        if intent.kind in (Kind.FOLDER_GRANT, Kind.SECRET_GRANT):
            levels = (await directory.grant(intent.kind, GrantId(intent.object_id))).levels
            return f"unknown, checked: the right is {levels.folder or '-'} / {levels.secret}"
        await directory.group(GroupId(intent.object_id))
    except NotFound:
        return "unknown, checked: it is not there"
    return "unknown, checked: it is there"


def _event(intent: Intent, found: str) -> AuditEvent:
    done = found.startswith(("finished", "done"))
    return AuditEvent(
        at=datetime.now(UTC),
        request_id=intent.request_id,
        action=f"resume.{intent.action}",
        outcome="done" if done else "unknown",
        connection=intent.connection,
        kind=str(intent.kind),
        object_id=str(intent.object_id or ""),
        object_name=intent.object_name,
        detail=found,
        steps=intent.steps,
    )
