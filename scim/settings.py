"""The environment, read once into one frozen model. Start-up refuses, in words, when something needed is missing."""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

UNRESOLVED = "@Microsoft.KeyVault("


class Settings(BaseSettings):
    """Every setting of the connector. Each is documented in README.md (a test holds the two together)."""

    model_config = SettingsConfigDict(env_prefix="SCIM_", frozen=True, extra="ignore")

    # where state lives: one of the two
    tables_endpoint: str | None = Field(None, description="https://<account>.table.core.windows.net (managed identity)")
    tables_connection_string: SecretStr | None = Field(None, description="only for the local table emulator")

    # keys: from Key Vault in Azure, from the environment on a developer's machine and in a container
    key_vault_uri: str | None = Field(
        None, description="https://<vault>.vault.azure.net, secrets scim-pepper, scim-data-key"
    )
    identity_client_id: str | None = Field(None, description="client id of the user-assigned managed identity")
    pepper: SecretStr | None = Field(
        None, description="base64url of 32 random bytes: keys the hashes of tokens; or new,old"
    )
    data_key: SecretStr | None = Field(
        None, description="base64url of 32 random bytes: encrypts vault credentials; or new,old"
    )

    # how the world sees us; meta.location is built from this and never from a Host header
    public_url: str = Field("", description="https://<app>.azurewebsites.net, without a path")

    # the console's sign-in
    console_tenant_id: str | None = Field(None, description="Entra tenant whose people may sign in to the console")
    console_client_id: str | None = Field(None, description="the console's app registration, with its app roles")
    console_client_secret: SecretStr | None = Field(
        None, description="its secret; better none, and a federated credential of the managed identity"
    )
    console_vault_permission: str = Field(
        "", description="accounts of a vault that hold this permission may sign in; empty: none"
    )
    console_development: bool = Field(False, description="sign in without anything; refused anywhere but on loopback")

    # where Entra's signing keys are; another one in national clouds
    entra_authority: str = Field("https://login.microsoftonline.com", description="issuer of Entra's tokens (v2)")
    entra_sts: str = Field("https://sts.windows.net", description="issuer of Entra's older tokens (v1)")

    # budgets (design: 45 s a request, Entra waits 60 s)
    request_seconds: float = Field(45.0, description="longest that a SCIM request takes; Entra waits 60")
    connect_seconds: float = Field(5.0, description="to Secret Server: until it takes a connection")
    read_seconds: float = Field(10.0, description="to Secret Server: until it begins to answer")
    max_body_bytes: int = Field(1024 * 1024, description="largest body of a SCIM request; beyond it 413")
    requests_per_second: int = Field(200, description="per connection and instance; beyond it 429")
    burst: int = Field(400, description="as many at once before the rate counts")
    vault_concurrency: int = Field(32, description="upstream calls in flight per vault and instance")
    scan_rows: int = Field(200_000, description="most rows a filter without an index may walk; beyond it 400 tooMany")
    connection_cache_seconds: float = Field(30.0, description="a revoked token is refused after this at the latest")
    memberships_seconds: float = Field(300.0, description="age of groups and roles shown on lists of users")
    sweep_seconds: float = Field(3600.0, description="how often a vault is searched for changes of others; 0: never")
    protected_seconds: float = Field(900.0, description="age of the list of protected principals")
    insecure_vault_urls: bool = Field(
        False, description="allow http:// vault URLs and loopback; only for the simulator"
    )
    metrics_token: SecretStr | None = Field(None, description="bearer for /metrics; without it /metrics answers 404")
    open_telemetry: bool = Field(False, description="send spans by OTLP, as OTEL_EXPORTER_OTLP_ENDPOINT says")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="what is logged; no level logs a body"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("metrics_token", "console_client_secret", mode="before")
    @classmethod
    def _resolved(cls, value: Any) -> Any:
        """A reference that the platform could not resolve is no secret: anybody could guess it."""
        return None if isinstance(value, str) and value.startswith(UNRESOLVED) else value

    @field_validator("pepper", "data_key")
    @classmethod
    def _thirty_two_bytes(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and any(len(key) != 32 for key in decode_keys(value)):
            raise ValueError("must be the base64url form of exactly 32 random bytes, or two of them with a comma")
        return value


def decode_keys(value: SecretStr) -> tuple[bytes, ...]:
    """One key, or several with commas between them while one is rotated: the current one first. :raises ValueError:"""
    return tuple(decode_key(SecretStr(part)) for part in value.get_secret_value().split(","))


def decode_key(value: SecretStr) -> bytes:
    """The bytes of a base64url key, padding optional.

    :raises ValueError: When it is not base64url.
    """
    text = value.get_secret_value().strip()
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("must be base64url") from error


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings()
