"""The tenant's policy for local passwords (Configuration > Local User Passwords): a create that breaks it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import ApiError
from simulator.fields import data, patch
from simulator.http import Call, Routes

if TYPE_CHECKING:
    from simulator.vault import Vault

routes = Routes()

DEFAULTS: dict[str, Any] = {
    "allowUsersToResetForgottenPasswords": False,
    "enableLocalUserPasswordExpiration": False,
    "enableMinimumPasswordAge": False,
    "enablePasswordHistory": False,
    "localUserPasswordExpirationDays": 0,
    "localUserPasswordExpirationHours": 0,
    "localUserPasswordExpirationMinutes": 0,
    "minimumPasswordAgeDays": 0,
    "minimumPasswordAgeHours": 0,
    "minimumPasswordAgeMinutes": 0,
    "passwordHistoryItems": 0,
    "passwordMinimumLength": 8,
    "passwordRequireLowercase": True,
    "passwordRequireNumbers": True,
    "passwordRequireSymbols": False,
    "passwordRequireUppercase": True,
}


def policy(vault: Vault) -> dict[str, Any]:
    found: dict[str, Any] = vault.configuration.setdefault("local-user-passwords", dict(DEFAULTS))
    return found


def check_policy(vault: Vault, password: str) -> None:
    rules = policy(vault)
    broken = [
        text
        for rule, met, text in (
            (
                "passwordMinimumLength",
                len(password) >= rules["passwordMinimumLength"],
                f"at least {rules['passwordMinimumLength']} characters",
            ),
            ("passwordRequireLowercase", any(c.islower() for c in password), "a lower-case letter"),
            ("passwordRequireUppercase", any(c.isupper() for c in password), "an upper-case letter"),
            ("passwordRequireNumbers", any(c.isdigit() for c in password), "a number"),
            ("passwordRequireSymbols", any(not c.isalnum() for c in password), "a symbol"),
        )
        if rules[rule] and not met
    ]
    if broken:
        text = f"The password does not meet the requirements: it needs {', '.join(broken)}."
        raise ApiError(text, model_state={"password": [text]})


def _may_read(call: Call) -> None:
    if call.vault.switches.configuration_needs_permission:
        call.need("View Configuration", "Administer Configuration")


@routes.on("GET", "/api/v1/configuration/local-user-passwords")
def read_policy(call: Call) -> dict[str, Any]:
    _may_read(call)
    return policy(call.vault)


@routes.on("PATCH", "/api/v1/configuration/local-user-passwords", "Administer Configuration")
def change_policy(call: Call) -> dict[str, Any]:
    rules = policy(call.vault)
    shape = {name: type(value) for name, value in DEFAULTS.items()}
    rules.update(patch(call, data(call) or {}, shape))
    return rules
