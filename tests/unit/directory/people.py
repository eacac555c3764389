"""People of one vault, as requests of their own would make, rename and remove them."""

from __future__ import annotations

from typing import Any

from scim.context import request_context
from scim.model import ExternalId, NewUser, User, UserChange, UserId, UserQuery
from tests.inprocess import InProcess


async def create(inside: InProcess, name: str, external_id: str | None = None, connection: str = "test") -> Any:
    """One request of its own, as an instance would serve it."""
    with request_context(f"r-{id(object())}", 30):
        directory = await inside.connector.directory(await inside.caller(connection))
        return await directory.create_user(
            NewUser(name, name, f"{name}@corp.example", external_id=ExternalId(external_id) if external_id else None)
        )


async def accounts(inside: InProcess, name: str) -> list[dict[str, Any]]:
    return [u for u in (await inside.state("users"))["users"] if u["userName"].startswith(name)]


async def leave(inside: InProcess, user: User, connection: str = "test") -> None:
    with request_context("leave", 30):
        directory = await inside.connector.directory(await inside.caller(connection))
        await directory.remove_user(await directory.user(user.id))


async def named(inside: InProcess, name: str) -> list[UserId]:
    with request_context("look", 30):
        directory = await inside.connector.directory(await inside.caller())
        return [u.id for u in (await directory.find_users(UserQuery(name=name))).items]


async def rename(inside: InProcess, user_id: UserId, name: str) -> User:
    with request_context(f"rename {user_id} {name}", 30):
        directory = await inside.connector.directory(await inside.caller())
        return await directory.change_user(await directory.user(user_id), UserChange(name=name))
