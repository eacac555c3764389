"""What the JSON API takes: the models that check it and that describe it."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from starlette.requests import Request

from scim.administration.console_keys import KEY_DAYS
from scim.errors import InvalidSyntax, InvalidValue
from scim.store.switches import BULK_BYTES, BULK_OPERATIONS
from scim.store.tokens import MOST_DAYS

B = TypeVar("B", bound=BaseModel)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class VaultBody(_Body):
    """A vault. When one is changed, what is not named stays as it is."""

    name: str = Field(min_length=1, max_length=100)
    url: str
    username: str
    auth: Literal["password", "platform", "sdk"] = "password"
    domain: str = ""
    platform_url: str = ""
    protected_users: tuple[int, ...] = ()
    protected_groups: tuple[int, ...] = ()
    protected_roles: tuple[int, ...] = ()


class NewVault(VaultBody):
    """A vault and the password or client secret of its account."""

    password: SecretStr


class VaultChange(_Body):
    """`password` is needed with another scheme, host or port: what is stored is sent to no new place."""

    name: str | None = None
    url: str | None = None
    username: str | None = None
    auth: Literal["password", "platform", "sdk"] | None = None
    domain: str | None = None
    platform_url: str | None = None
    protected_users: tuple[int, ...] | None = None
    protected_groups: tuple[int, ...] | None = None
    protected_roles: tuple[int, ...] | None = None
    password: SecretStr | None = Field(None, min_length=1)


class Credential(_Body):
    password: SecretStr = Field(min_length=1)


class NewConnection(_Body):
    """A connection. `vault` is the vault's id or name; an empty scope means every resource type."""

    name: str = Field(min_length=1, max_length=100)
    vault: str
    client: str = "other"
    read_only: bool = False
    scope: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    policies: dict[str, Any] = Field(default_factory=dict)


class ConnectionChange(_Body):
    name: str | None = None
    client: str | None = None
    enabled: bool | None = None
    read_only: bool | None = None
    scope: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    basic: bool | None = None
    entra_tenant: str | None = None
    entra_audience: str | None = None
    entra_subjects: tuple[str, ...] | None = None
    me_claim: str | None = None
    policies: dict[str, Any] | None = None


class NewToken(_Body):
    """`force`: when two are live, the older one is revoked at the same moment."""

    days: int | None = Field(None, ge=1, le=MOST_DAYS, description="by default as the settings say")
    force: bool = False


class Attempt(_Body):
    """A SCIM request to make in a connection's name."""

    connection: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    target: str = Field(description="below the SCIM base, e.g. /Users?count=10")
    body: Any = None


class NewKey(_Body):
    """A key for scripts."""

    name: str = Field(min_length=1, max_length=100)
    role: Literal["auditor", "operator", "admin"]
    days: int = Field(KEY_DAYS, ge=1, le=365)

    @field_validator("name")
    @classmethod
    def _readable(cls, value: str) -> str:
        if not value.isprintable() or not value.strip():
            raise ValueError("printable characters only")
        return value


class SetupDocument(BaseModel):
    """As GET /backup gave it."""

    model_config = ConfigDict(extra="allow")

    what: str
    version: int


class SwitchChange(_Body):
    maintenance: bool | None = None
    note: str | None = Field(None, max_length=200)
    messages: Literal["full", "outline", "off"] | None = None
    message_days: int | None = Field(None, ge=1, le=30)
    bulk_operations: int | None = Field(None, ge=1, le=BULK_OPERATIONS)
    bulk_bytes: int | None = Field(None, ge=1024, le=BULK_BYTES)
    vault_failures: int | None = Field(None, ge=1, le=1000)
    token_days: int | None = Field(None, ge=1, le=MOST_DAYS)
    sweep_seconds: int | None = Field(None, ge=0, le=604_800, description="null: as SCIM_SWEEP_SECONDS says")


async def body_of(request: Request, model: type[B]) -> B:
    """:raises InvalidSyntax: no JSON. :raises InvalidValue: naming the fields; values are not echoed."""
    try:
        value = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError:
        raise InvalidSyntax("The body is not JSON") from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'body'}: {str(e['msg']).removeprefix('Value error, ')}"
            for e in error.errors(include_input=False)
        )
        raise InvalidValue(said[:600]) from None


def given(body: BaseModel) -> dict[str, Any]:
    """What the caller really named."""
    return {name: getattr(body, name) for name in body.model_fields_set}
