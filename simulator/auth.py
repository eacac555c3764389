"""Log-in: password, refresh, SDK client and platform service user; tokens, lock-out and the end of a session."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from simulator.errors import ApiError
from simulator.http import Answer, Call, Routes, answer, page
from simulator.vault import LOCAL, User

if TYPE_CHECKING:
    from simulator.vault import Vault

routes = Routes()

PLATFORM_SECRET = "simulator-only"


def bearer(call: Call) -> User | None:
    """The user behind the Authorization header, when its token is alive and the user still enabled."""
    kind, _, token = call.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() != "bearer":
        return None
    user_id = call.vault.sessions.user_id(token.strip())
    user = call.vault.users.get(user_id) if user_id else None
    return user if user and user.enabled and not user.locked else None


def _refused(vault: Vault, text: str) -> Answer:
    style = vault.switches.token_error
    if style == "html":
        return page("Login failed", text, 200)
    return answer({style: text}, 400)


@routes.on("POST", "/oauth2/token", public=True)
def token(call: Call) -> Answer:
    r"""Form-encoded; `local` and the empty domain are the vault's own accounts, DOMAIN\user names another."""
    vault = call.vault
    if not call.headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded"):
        return _refused(vault, "unsupported_grant_type")
    form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    match form.get("grant_type"):
        case "password":
            return _by_password(vault, form)
        case "refresh_token":
            return _by_refresh(vault, form)
        case "client_credentials":
            return _by_client(vault, form)
        case _:
            return _refused(vault, "unsupported_grant_type")


def _by_password(vault: Vault, form: dict[str, str]) -> Answer:
    name, domain = form.get("username", ""), form.get("domain", "")
    if "\\" in name:
        domain, _, name = name.partition("\\")
    tally = vault.logins.setdefault(name.casefold(), {"requests": 0, "failures": 0})
    tally["requests"] += 1
    domain_id = _domain_id(vault, domain)
    user = vault.user_named(domain_id, name) if domain_id is not None else None
    if user is None or not user.enabled or user.locked or not user.password or form.get("password") != user.password:
        tally["failures"] += 1
        if user is not None and not user.locked:
            user.failures += 1
            limit = vault.switches.lockout_after
            if limit and user.failures >= limit:
                user.locked, user.lock_reason = True, "LoginAttemptsExceeded"
            vault.changed()
        return _refused(
            vault, "Login failed." if user is None or not user.locked else "Login failed. The account is locked out."
        )
    user.failures = 0
    user.last_login = time.time()
    return answer(vault.sessions.open(vault, user, vault.token_seconds, left=vault.switches.refresh_limit))


def _domain_id(vault: Vault, domain: str) -> int | None:
    wanted = domain.casefold()
    if wanted in {"", "local"}:
        return LOCAL
    for domain_id, name in vault.domains.items():
        if wanted in {name.casefold(), name.casefold().split(".", maxsplit=1)[0]}:
            return domain_id
    return None


def _by_refresh(vault: Vault, form: dict[str, str]) -> Answer:
    """Single use, few times, and not for ever: timeout plus a quarter of an hour."""
    entry = vault.sessions.refresh.pop(form.get("refresh_token", ""), None)
    user = vault.users.get(entry[0]) if entry else None
    if (
        not vault.switches.refresh_tokens
        or entry is None
        or user is None
        or not user.enabled
        or time.monotonic() >= entry[1]
    ):
        return _refused(vault, "invalid_grant")
    return answer(vault.sessions.open(vault, user, vault.token_seconds, left=entry[2]))


def _by_client(vault: Vault, form: dict[str, str]) -> Answer:
    """An SDK client: the id's prefix is what makes it one; it acts as the calling account."""
    account = vault.users[vault.account_id]
    if not form.get("client_id", "").startswith("sdk-client-") or form.get("client_secret") != account.password:
        return _refused(vault, "invalid_client")
    return answer(vault.sessions.open(vault, account, vault.token_seconds, left=None))


@routes.on("POST", "/identity/api/oauth2/token/xpmplatform", public=True)
def platform_token(call: Call) -> Answer:
    """A Delinea Platform service user; the token then opens the vault that /vaultbroker names."""
    vault = call.vault
    form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    account = vault.users[vault.account_id]
    tally = vault.logins.setdefault(form.get("client_id", "").casefold(), {"requests": 0, "failures": 0})
    tally["requests"] += 1
    good = form.get("grant_type") == "client_credentials" and form.get("scope") == "xpmheadless"
    if not good or form.get("client_id") != account.user_name or form.get("client_secret") != account.password:
        tally["failures"] += 1
        return answer({"error": "invalid_client"}, 400)
    return answer(vault.sessions.open(vault, account, vault.token_seconds, left=None))


@routes.on("GET", "/vaultbroker/api/vaults")
def vaults(call: Call) -> dict[str, Any]:
    host = call.headers.get(b"host", b"localhost").decode("latin-1")
    url = f"http://{host}{call.vault.options.base}"
    return {"vaults": [{"isDefault": True, "isActive": True, "connection": {"url": url}}]}


@routes.on("POST", "/api/v1/oauth-expiration")
def log_out(call: Call) -> bool:
    token = call.headers.get(b"authorization", b"").decode("latin-1").partition(" ")[2].strip()
    call.vault.sessions.access.pop(token, None)
    return True


@routes.on("GET", "/api/v1/healthcheck", public=True)
@routes.on("GET", "/health", public=True)
def health(call: Call) -> dict[str, Any]:
    if call.path == "/health":
        return {"healthy": True}
    now = call.vault.shown_time(time.time())
    return {
        "healthy": True,
        "databaseHealthy": True,
        "databaseMismatch": False,
        "readOnlyMode": False,
        "scheduledForDeletion": False,
        "serviceBusHealthy": True,
        "storageAccountHealthy": True,
        "now": now,
        "utcNow": now,
    }


@routes.on("GET", "/api/v1/version", public=True)
def version(call: Call) -> dict[str, Any]:
    """Two shapes are on record: the vendor's module reads `model`, the 11.2 document does not have it."""
    number = {"version": "11.7.000002" if call.vault.switches.version == "11.7" else "11.2.000002"}
    return {"model": number, "success": True} if call.vault.switches.version_shape == "model" else number


@routes.on("POST", "/api/v1/users/change-password")
def change_password(call: Call) -> Any:
    """The caller's own password."""
    from simulator.passwords import check_policy
    from simulator.users import user_model

    body = call.json
    if body.get("currentPassword") != call.account.password:
        raise ApiError("The current password is incorrect.")
    check_policy(call.vault, str(body.get("newPassword") or ""))
    call.account.password = str(body["newPassword"])
    return user_model(call.vault, call.account)


def unauthorised() -> Answer:
    """401 is on no operation of the document, yet what clients see."""
    body = orjson.dumps({"message": "Authentication failed or expired token."})
    return Answer(401, body, headers=[(b"www-authenticate", b"Bearer")])
