"""Table `vaults`: one row a Secret Server, its credential sealed beside the model and never part of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from scim.errors import InvalidValue, NotFound, StoreUnavailable, VaultRefusedUs
from scim.model import Vault, VaultId
from scim.reach import host_refusal, loopback_allowed
from scim.store.named import Named, new_id
from scim.store.seal import Seal
from scim.store.table import Row, RowChanged, Table


class Vaults:
    """The vaults of this connector."""

    def __init__(self, table: Table, seal: Seal) -> None:
        self._table = table
        self._seal = seal
        self._rows = Named(table, "vault", Vault)

    async def add(self, name: str, url: str, credential: SecretStr, **fields: Any) -> Vault:
        """:raises Uniqueness: when the name is taken, in whatever case."""
        vault = Vault(id=VaultId(new_id()), name=name, url=url, **fields)
        return await self.insert(vault, credential)

    async def insert(self, vault: Vault, credential: SecretStr) -> Vault:
        """Add a vault whose id is given. :raises Uniqueness: when its id or its name is taken."""
        return await self._rows.add(vault, self._sealed(vault.id, credential))

    async def get(self, vault_id: VaultId) -> Vault | None:
        return await self._rows.get(vault_id)

    async def find(self, text: str) -> Vault | None:
        """By name, else by id."""
        return await self._rows.find(text)

    async def need(self, text: str) -> Vault:
        """As find. :raises NotFound:"""
        return await self._rows.need(text)

    async def list(self) -> list[Vault]:
        return await self._rows.list()

    async def update(self, vault_id: VaultId, *, credential: SecretStr | None = None, **changes: Any) -> Vault:
        """Change some fields, and the credential with them in one write. One that was stored goes to no new address.

        :raises NotFound: :raises Uniqueness: the new name is taken. :raises InvalidValue: a value is not allowed, or
            an address names another scheme, host or port and the credential is not given again.
        """

        def judge(old: Vault, new: Vault) -> None:
            moved = moved_urls(old, new)
            if moved and credential is None:
                raise InvalidValue(f"{' and '.join(moved)}: {GIVE_AGAIN}")

        columns = {} if credential is None else self._sealed(vault_id, credential)
        return await self._rows.update(vault_id, changes, columns=columns, judge=judge)

    async def remove(self, vault_id: VaultId) -> None:
        """:raises NotFound:"""
        await self._rows.remove(vault_id)

    async def credential(self, vault_id: VaultId) -> SecretStr:
        """Password, client secret or sdk key, opened.

        :raises NotFound: :raises VaultRefusedUs: when it cannot be opened (another data key, or changed by hand).
        """
        row = await self._rows.row(vault_id)
        if row is None:
            raise NotFound("There is no vault of this name or id")
        blob = row.values.get("credential")
        if not isinstance(blob, bytes):
            raise VaultRefusedUs("This vault has no stored credential: set it with `vault credential`")
        return SecretStr(self._seal.open(blob, _context(vault_id)).decode())

    async def set_credential(self, vault_id: VaultId, credential: SecretStr) -> None:
        """Replace it; also how a credential moves to a new data key. :raises NotFound:"""
        row = await self._rows.row(vault_id)
        if row is None:
            raise NotFound("There is no vault of this name or id")
        await self._table.merge(Row(row.partition, row.key, self._sealed(vault_id, credential)), etag=row.etag)

    async def reseal(self, vault_id: VaultId) -> bool:
        """Seal the credential with the current data key; when it was set stays as it was. False: it was already.

        :raises VaultRefusedUs: no key in force opens it.
        """
        row = await self._rows.row(vault_id)
        blob = None if row is None else row.values.get("credential")
        if row is None or not isinstance(blob, bytes) or self._seal.is_current(blob):
            return False
        fresh = self._seal.close(self._seal.open(blob, _context(vault_id)), _context(vault_id))
        try:
            await self._table.merge(Row(row.partition, row.key, {"credential": fresh}), etag=row.etag)
        except RowChanged:
            raise StoreUnavailable("Somebody else is changing this vault; please try again", retry_after=5) from None
        return True

    async def credential_set_at(self, vault_id: VaultId) -> datetime | None:
        """When the credential was last set: shown to administrators, so that old ones are noticed."""
        row = await self._rows.row(vault_id)
        at = None if row is None else row.values.get("credential_set")
        return at if isinstance(at, datetime) else None

    def _sealed(self, vault_id: VaultId, credential: SecretStr) -> dict[str, Any]:
        blob = self._seal.close(credential.get_secret_value().encode(), _context(vault_id))
        return {"credential": blob, "credential_set": datetime.now(UTC)}


GIVE_AGAIN = (
    "another scheme, host or port is another place to send the password to, so the password or client secret has to "
    "be given again with it"
)


def moved_urls(old: Vault, new: Vault) -> tuple[str, ...]:
    """The fields whose URL would take the stored credential to where it has not been sent before."""
    names = ("url", "platform_url")
    return tuple(n for n in names if getattr(new, n) and _origin(getattr(new, n)) != _origin(getattr(old, n)))


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def vault_url(text: str, *, insecure: bool = False) -> str:
    """The URL of a vault as it is stored: scheme, host, port and path, without a slash at the end.

    `insecure` lets http and this very machine through, which is for the simulator on a developer's machine.

    :raises InvalidValue: For anything that is not a plain https URL to where a vault may be (scim/reach.py). It
        carries the connector's credentials.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise InvalidValue("this is not a URL") from None
    if parts.scheme != "https" and not (insecure and parts.scheme == "http"):
        raise InvalidValue("a vault's URL starts with https://")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise InvalidValue("a vault's URL names a host, and holds no user name or password")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise InvalidValue("a vault's URL ends with its path, e.g. https://vault.example.com/SecretServer")
    if "\\" in text or not text.isprintable() or " " in text.strip():
        raise InvalidValue("a vault's URL holds a character that does not belong there")
    if refusal := host_refusal(parts.hostname, loopback=loopback_allowed(insecure)):
        raise InvalidValue(f"no vault may be at {parts.hostname[:64]}: {refusal}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _context(vault_id: VaultId) -> str:
    return f"vault|{vault_id}"
