"""What `--demo` adds: a few accounts provisioned over SCIM, and command lines to try next."""

import json
import os
import secrets
import sys
from typing import Any

from local.probe import Refused, send

_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_PEOPLE = (("Ada", "Byron"), ("Grace", "Murray"), ("Edsger", "Wybe"))


async def fill(ready: dict[str, Any]) -> None:
    """Three users and a group come through the connector, so that the console has something to tell."""
    members = []
    for given, family in _PEOPLE:
        user = {
            "schemas": [_USER],
            "userName": f"{given}.{family}@example.com".lower(),
            "name": {"givenName": given, "familyName": family},
            "displayName": f"{given} {family}",
            "emails": [{"value": f"{given}.{family}@example.com".lower(), "primary": True}],
            "active": True,
        }
        created = await _post(ready, "Users", user)
        if created:
            members.append({"value": created["id"]})
    await _post(ready, "Groups", {"schemas": [_GROUP], "displayName": "Demo operators", "members": members})


async def _post(ready: dict[str, Any], kind: str, resource: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {ready['token']}", "Content-Type": "application/scim+json"}
    try:
        reply = await send("POST", f"{ready['scim']}/{kind}", headers, json.dumps(resource).encode(), 30)
    except Refused as refused:
        print(f"local: warning: the demo's {kind} were not created: {refused}", file=sys.stderr)
        return {}
    if reply.status != 201:
        said = reply.body[:300].decode("utf-8", "replace")
        print(f"local: warning: the demo's {kind} were not created: {reply.status} {said}", file=sys.stderr)
        return {}
    created: dict[str, Any] = json.loads(reply.body)
    return created


def show(ready: dict[str, Any], *, demo: bool) -> None:
    print(f"SCIM base URL  {ready['scim']}")
    print(
        f"Token          {ready['token']}" if ready["token"] else f"Console code   {ready['code']} (once, 15 minutes)"
    )
    print(f"Console        {ready['console']}")
    print(f"Secret Server  {ready['secret_server']}")
    if demo and ready["token"]:
        print(f"\nProvision a user:\n{_curl(ready)}")
        print(f"\nSee it in the simulated Secret Server:\n{_state(ready)}")
    print("\nCtrl-C ends all of it.", flush=True)


def _curl(ready: dict[str, Any]) -> str:
    # A new name each time: a line that answers 409 at the second start would be a poor welcome.
    name = f"jo.{secrets.token_hex(3)}@example.com"
    user = {
        "schemas": [_USER],
        "userName": name,
        "name": {"givenName": "Jo", "familyName": "Demo"},
        "displayName": "Jo Demo",
        "emails": [{"value": name, "primary": True}],
        "active": True,
    }
    return (
        f"curl -sS -X POST {ready['scim']}/Users -H 'Authorization: Bearer {ready['token']}' "
        f"-H 'Content-Type: application/scim+json' -d '{json.dumps(user)}'"
    )


def _state(ready: dict[str, Any]) -> str:
    program = "import json,sys; print(json.dumps(json.load(sys.stdin)['users'][-1], indent=2))"
    return f'curl -sS {ready["secret_server"]}/_sim/state | {os.path.relpath(sys.executable)} -c "{program}"'
