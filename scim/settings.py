"""The environment, read once into one frozen model. Start-up refuses, in words, when something needed is missing."""

from __future__ import annotations

import base64
import binascii
from functools import cache

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    pepper: SecretStr | None = Field(None, description="base64url of 32 random bytes: keys the hashes of tokens")
    data_key: SecretStr | None = Field(None, description="base64url of 32 random bytes: encrypts vault credentials")

    # how the world sees us; meta.location is built from this and never from a Host header
    public_url: str = Field("", description="https://<app>.azurewebsites.net, without a path")

    # the console's sign-in (later)
    console_tenant_id: str | None = None
    console_client_id: str | None = None

    # budgets (design: 45 s a request, Entra waits 60 s)
    request_seconds: float = 45.0
    connect_seconds: float = 5.0
    read_seconds: float = 10.0
    max_body_bytes: int = 1024 * 1024
    requests_per_second: int = Field(200, description="per connection and instance; beyond it 429")
    burst: int = 400
    vault_concurrency: int = Field(32, description="upstream calls in flight per vault and instance")
    scan_rows: int = Field(200_000, description="most rows a filter without an index may walk; beyond it 400 tooMany")
    connection_cache_seconds: float = Field(30.0, description="a revoked token is refused after this at the latest")
    memberships_seconds: float = Field(300.0, description="age of groups and roles shown on lists of users")
    protected_seconds: float = Field(900.0, description="age of the list of protected principals")
    insecure_vault_urls: bool = Field(False, description="allow http:// vault URLs; only for the simulator on loopback")
    metrics_token: SecretStr | None = Field(None, description="bearer for /metrics; without it /metrics answers 404")
    log_level: str = "INFO"

    @field_validator("pepper", "data_key")
    @classmethod
    def _thirty_two_bytes(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(decode_key(value)) != 32:
            raise ValueError("must be the base64url form of exactly 32 random bytes")
        return value


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
