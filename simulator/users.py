"""Users: search, read, create, replace, patch, disable.  A user is never removed and its userName never changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from simulator.errors import ApiError, invalid
from simulator.fields import patch, read
from simulator.http import Call, Routes, missing
from simulator.paging import envelope
from simulator.passwords import check_policy
from simulator.vault import LOCAL, User, Vault

routes = Routes()

READ = ("View Users", "Administer Users")
WRITE = "Administer Users"

_FLAGS = ("duoTwoFactor", "fido2TwoFactor", "oathTwoFactor", "radiusTwoFactor", "twoFactor")
_MORE: dict[str, type | str] = {
    **dict.fromkeys(_FLAGS, bool),
    "radiusUserName": str,
    "unixAuthenticationMethod": str,
    "dateOptionId": int,
    "timeOptionId": int,
}
_UNIX = {"Password", "PublicKey", "PasswordOrPublicKey", "PasswordAndPublicKey"}
_CREATE: dict[str, type | str] = {
    "userName": str,
    "displayName": str,
    "password": str,
    "emailAddress": str,
    "enabled": bool,
    "domainId": int,
    "adGuid": str,
    "isApplicationAccount": bool,
    **{k: v for k, v in _MORE.items() if not k.endswith("OptionId")},
}
_CHANGE: dict[str, type | str] = {
    "displayName": str,
    "emailAddress": str,
    "enabled": bool,
    "isApplicationAccount": bool,
    "isLockedOut": bool,
    "loginFailures": int,
    "password": str,
    **_MORE,
}


def user_model(vault: Vault, user: User) -> dict[str, Any]:
    more = user.more or {}
    return {
        "id": user.id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "emailAddress": user.email,
        "domainId": vault.shown_domain(user.domain_id),
        "enabled": user.enabled,
        "created": vault.shown_time(user.created),
        "lastLogin": vault.shown_time(user.last_login),
        "personalGroupId": user.personal_group_id,
        "isApplicationAccount": user.application,
        "isLockedOut": user.locked,
        "lockOutReason": user.lock_reason,
        "lockOutReasonDescription": more.get("lockOutReasonDescription", ""),
        "loginFailures": user.failures,
        "adGuid": user.ad_guid,
        "externalUserSource": "None",
        "platformIntegrationType": "None",
        "platformServiceUser": False,
        "isEmailCopiedFromAD": user.domain_id != LOCAL,
        "isEmailVerified": False,
        "mustVerifyEmail": False,
        "oathVerified": False,
        "userLcid": 0,
        "dateOptionId": more.get("dateOptionId", -1),
        "timeOptionId": more.get("timeOptionId", -1),
        "radiusUserName": more.get("radiusUserName", ""),
        "slackId": more.get("slackId", ""),
        "unixAuthenticationMethod": more.get("unixAuthenticationMethod", "Password"),
        "ipAddressRestrictions": [],
        **{flag: more.get(flag, False) for flag in _FLAGS},
    }


def user_summary(vault: Vault, user: User) -> dict[str, Any]:
    """A search row: without adGuid and personalGroupId, with domainName."""
    return {
        "id": user.id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "emailAddress": user.email,
        "domainId": vault.shown_domain(user.domain_id),
        "domainName": vault.domain_name(user.domain_id),
        "enabled": user.enabled,
        "created": vault.shown_time(user.created),
        "lastLogin": vault.shown_time(user.last_login),
        "isApplicationAccount": user.application,
        "isLockedOut": user.locked,
        "loginFailures": user.failures,
        "externalUserSource": "None",
        "platformIntegrationType": "None",
        "twoFactorMethod": _two_factor(user),
    }


def _two_factor(user: User) -> str:
    more = user.more or {}
    methods = {
        "radiusTwoFactor": "Radius",
        "oathTwoFactor": "TOTPAuthenticator",
        "duoTwoFactor": "Duo",
        "fido2TwoFactor": "Fido2",
    }
    for flag, method in methods.items():
        if more.get(flag):
            return method
    return "Email" if more.get("twoFactor") else "None"


SORT_KEYS: dict[str, Callable[[User], Any]] = {
    "id": lambda u: u.id,
    "username": lambda u: u.user_name.casefold(),
    "displayname": lambda u: u.display_name.casefold(),
    "emailaddress": lambda u: u.email.casefold(),
    "created": lambda u: u.created,
    "enabled": lambda u: u.enabled,
}


def find_user(vault: Vault, user_id: int) -> User:
    user = vault.users.get(user_id)
    if user is None or not vault.visible(user):
        raise missing(vault, "User")
    return user


def matching(call: Call) -> list[User]:
    """The users a search means: text contained in one of three fields, active unless asked, of one domain or of any."""
    vault = call.vault
    if not call.may(*READ):
        if vault.switches.denied_search == "refuse":
            call.need(*READ)
        return []
    text, inactive = call.text("filter.searchText"), call.flag("filter.includeInactive")
    domain, ids = call.number("filter.domainId"), call.numbers("filter.userIds")
    parts = _search_parts(call)
    key = ("users", text.casefold(), inactive, domain, tuple(ids), parts)

    def build() -> list[User]:
        if ids:
            found = [vault.users[i] for i in sorted(set(ids)) if i in vault.users]
            if text:
                hits = set(vault.haystack.find(text, parts))
                found = [u for u in found if u.id in hits]
        elif text:
            found = [vault.users[i] for i in vault.haystack.find(text, parts)]
        else:
            found = list(vault.users.values())
        if not inactive:
            found = [u for u in found if u.enabled]
        if domain is not None:
            wanted = LOCAL if domain in {LOCAL, vault.switches.local_domain_id} else domain
            found = [u for u in found if u.domain_id == wanted]
        return [u for u in found if vault.visible(u)] if vault.switches.lag_ms else found

    found: list[User] = vault.remembered(key, build)
    return found


def _search_parts(call: Call) -> tuple[int, ...]:
    """The accepted values of searchFields are not documented; property names stand for themselves here."""
    names = [n.strip().lower() for value in call.texts("filter.searchFields") for n in value.split(",")]
    mode = call.vault.switches.search_fields
    if not names or mode == "ignore":
        return ()
    if mode == "refuse":
        raise invalid({"filter.searchFields": ["The value is not valid."]})
    parts = {"username": 0, "displayname": 1, "emailaddress": 2, "email": 2}
    return tuple(sorted({parts[n] for n in names if n in parts}))


@routes.on("GET", "/api/v1/users")
def search(call: Call) -> dict[str, Any]:
    vault = call.vault
    return envelope(call, matching(call), lambda u: user_summary(vault, u), SORT_KEYS)


@routes.on("GET", "/api/v1/users/lookup")
def lookup(call: Call) -> dict[str, Any]:
    return envelope(call, matching(call), lambda u: {"id": u.id, "value": u.display_name})


@routes.on("GET", "/api/v1/users/{id}")
def get(call: Call) -> dict[str, Any]:
    """A disabled user is there only for those who ask with includeInactive (a switch: the facts do not say)."""
    user = find_user(call.vault, call.id())
    if user is not call.account:
        call.need(*READ)
    if not user.enabled and call.vault.switches.get_inactive_needs_flag and not call.flag("includeInactive"):
        raise missing(call.vault, "User")
    return user_model(call.vault, user)


def _first_roles(vault: Vault) -> frozenset[int]:
    return frozenset({vault.default_role_id}) if vault.switches.new_user_role else frozenset()


@routes.on("POST", "/api/v1/users", WRITE)
def create(call: Call) -> dict[str, Any]:
    """Taken names are taken within one domain, by disabled users too; new users hold the role User."""
    vault = call.vault
    body = read(call.json, _CREATE, ("userName", "displayName", "password"))
    domain = body.get("domainId", LOCAL)
    domain = LOCAL if domain in {LOCAL, vault.switches.local_domain_id} else domain
    if domain not in vault.domains:
        raise invalid({"domainId": [f"There is no domain {domain}."]})
    if len(body.get("adGuid", "")) > 50:
        raise invalid({"adGuid": ["The value is longer than 50 characters."]})
    _check_unix(body)
    name = body["userName"].strip()
    if vault.user_named(domain, name):
        raise ApiError("A user with this user name already exists.", status=vault.switches.duplicate_status)
    if domain == LOCAL:
        check_policy(vault, body["password"])
    enabled, application = body.get("enabled", vault.switches.create_enabled), body.get("isApplicationAccount", False)
    check_licences(vault, enabling=enabled and not application, application=application)
    user = User(
        id=vault.new_id("user"),
        user_name=name,
        display_name=body["displayName"],
        email=body.get("emailAddress", ""),
        domain_id=domain,
        enabled=enabled,
        created=time.time(),
        password=body["password"],
        application=application,
        ad_guid=body.get("adGuid", ""),
        more={k: body[k] for k in _MORE if k in body} or None,
        born=time.monotonic(),
    )
    vault.add_user(user, _first_roles(vault))
    vault.tree.add_personal_folder(user)
    vault.changed()
    return user_model(vault, user)


def check_licences(vault: Vault, *, enabling: bool, application: bool = False) -> None:
    """A seat for every enabled user; application accounts need none, but their number is limited too."""
    limits = vault.switches
    if enabling and limits.licences:
        used = sum(u.enabled and not u.application for u in vault.users.values())
        if used >= limits.licences:
            raise ApiError("The maximum number of licensed users has been reached.")
    if application and limits.application_accounts:
        used = sum(u.application for u in vault.users.values())
        if used >= limits.application_accounts:
            raise ApiError("The application account limit has been met.", code="API_MetApplicationAPILimit")


@routes.on("PUT", "/api/v1/users/{id}", WRITE)
def replace(call: Call) -> dict[str, Any]:
    """All of it: what is left out falls back to empty or false (a switch), except the password."""
    vault = call.vault
    user = find_user(vault, call.id())
    body = read(call.json, {"id": int, **_CHANGE}, ("id",))
    if body.pop("id") != user.id:
        raise invalid({"id": ["The id does not match the path."]})
    if vault.switches.put_missing == "reset":
        if not (body.get("displayName") or "").strip():
            raise invalid({"displayName": ["The displayName field is required."]})
        empty = {str: "", bool: False, int: 0}
        for name, kind in _CHANGE.items():
            if name not in {"password", "unixAuthenticationMethod"} and isinstance(kind, type):
                body.setdefault(name, empty[kind])
    apply(vault, user, body)
    return user_model(vault, user)


@routes.on("PATCH", "/api/v1/users/{id}", WRITE)
def change(call: Call) -> dict[str, Any]:
    """Bare {field: {dirty, value}}; a body wrapped in `data` is another dialect and changes nothing."""
    vault = call.vault
    user = find_user(vault, call.id())
    dirty = patch(call, call.json, {**_CHANGE, "slackId": str, "ipAddressRestrictionIds": "ints"})
    dirty.pop("ipAddressRestrictionIds", None)
    body_id = call.json.get("id")
    if body_id is not None and body_id != user.id:
        raise invalid({"id": ["The id does not match the path."]})
    apply(vault, user, dirty)
    return user_model(vault, user)


def apply(vault: Vault, user: User, values: dict[str, Any]) -> None:
    """Check everything, then change everything."""
    _check_unix(values)
    if "displayName" in values and not (values["displayName"] or "").strip():
        raise invalid({"displayName": ["The displayName field is required."]})
    _check_directory(vault, user, values)
    if values.get("enabled") and not user.enabled:
        check_licences(vault, enabling=not user.application)
    if values.get("isApplicationAccount") and not user.application:
        check_licences(vault, enabling=False, application=True)
    password = values.get("password")
    if password:
        if user.domain_id != LOCAL:
            raise ApiError("The password of a directory user is not kept here.")
        check_policy(vault, password)
        user.password = password
    user.display_name = values.get("displayName", user.display_name)
    user.email = values.get("emailAddress", user.email) or ""
    user.enabled = values.get("enabled", user.enabled)
    user.application = values.get("isApplicationAccount", user.application)
    user.failures = values.get("loginFailures", user.failures)
    locked = values.get("isLockedOut", user.locked)
    if locked != user.locked:
        user.locked, user.lock_reason = locked, "Other" if locked else None
        user.failures = 0 if not locked else user.failures
    more = {k: v for k, v in values.items() if (k in _MORE or k == "slackId") and v not in {None, "", False}}
    gone = {k for k in values if k in _MORE and k not in more}
    if more or (gone and user.more):
        user.more = {k: v for k, v in {**(user.more or {}), **more}.items() if k not in gone} or None
    vault.update_user(user)


def _check_unix(values: dict[str, Any]) -> None:
    method = values.get("unixAuthenticationMethod")
    if method is not None and method not in _UNIX:
        raise invalid({"unixAuthenticationMethod": [f"The value '{method}' is not valid."]})


def _check_directory(vault: Vault, user: User, values: dict[str, Any]) -> None:
    """Name, e-mail and state of a directory's user come from the directory."""
    if user.domain_id == LOCAL or vault.switches.directory_managed == "accept":
        return
    now = {"displayName": user.display_name, "emailAddress": user.email, "enabled": user.enabled}
    changed = [name for name, value in now.items() if name in values and values[name] != value]
    if changed:
        text = f"{changed[0]} is managed by the directory {vault.domain_name(user.domain_id)}."
        raise ApiError(text, code=vault.switches.directory_managed_code or None)


@routes.on("DELETE", "/api/v1/users/{id}", WRITE)
def delete(call: Call) -> dict[str, Any]:
    """Disables.  Doing it twice is an error."""
    vault = call.vault
    user = find_user(vault, call.id())
    if not user.enabled and vault.switches.second_delete == "error":
        raise ApiError("The user is already disabled.")
    _check_directory(vault, user, {"enabled": False})
    user.enabled = False
    vault.update_user(user)
    return {"id": user.id, "objectType": "User", "responseCodes": []}


@routes.on("GET", "/api/v1/users/stub", WRITE)
def stub(call: Call) -> dict[str, Any]:
    return user_model(call.vault, User(0, "", "", "", created=time.time()))


@routes.on("GET", "/api/v1/users/current")
def current(call: Call) -> dict[str, Any]:
    """Who the token speaks for, and what it may do."""
    user = call.account
    return {
        "id": user.id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "emailAddress": user.email,
        "permissions": [{"name": name} for name in sorted(call.vault.permissions_of(user))],
        "platformIntegrationType": "None",
        "dateOptionId": -1,
        "timeOptionId": -1,
        "userLcid": 0,
        "userTheme": "",
    }
