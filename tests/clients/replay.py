"""Replays a client's dialog, written down as JSON, and compares answers and the vault with what it promises.

A dialog is an object: `client`, `source`, `base` ("2.0" or "1.1"), `sign_in` ("bearer", "basic" or "secret"),
`connection` (fields of the connection), `headers`, and `steps`. A step has a `name`, a `request` (method, path, body),
what to `expect` (status, headers, body, absent), what to `capture` (name → path into the answer), how many `calls` to
the vault it may cost at most, and what holds in the `vault` afterwards. `${name}` stands for what was captured;
`${run}` differs with every replay.

In an expected body objects are subsets, lists are whole; "$any" is any value, "$integer" one that is no string.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

import httpx

DIALOGS = Path(__file__).parent / "dialogs"


def load(name: str) -> dict[str, Any]:
    return dict(json.loads((DIALOGS / f"{name}.json").read_text("utf-8")))


def filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).substitute(known) if "${" in value else value
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if isinstance(value, dict):
        return {filled(key, known): filled(item, known) for key, item in value.items()}
    return value


def at(value: Any, path: str) -> Any:
    """`Resources.0.id` in an answer."""
    for part in path.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where an answer is not what was promised, in words."""
    if expected == "$any":
        return []
    if expected == "$integer":
        return [] if type(found) is int else [f"{where}: {found!r} is no integer"]
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{where}.{key}: missing" for key in expected if key not in found]
        return missing + [d for k in expected if k in found for d in differences(expected[k], found[k], f"{where}.{k}")]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{where}: {len(found)} entries, not {len(expected)}: {found!r}"]
        return [
            d for i, (e, f) in enumerate(zip(expected, found, strict=True)) for d in differences(e, f, f"{where}.{i}")
        ]
    return [] if type(expected) is type(found) and expected == found else [f"{where}: {found!r}, not {expected!r}"]


class Replay:
    """One run of a dialog by one client against a running stack."""

    def __init__(self, client: httpx.Client, stack: Any, run: str) -> None:
        self._client, self._stack = client, stack
        self.known = {"run": run, "base": str(client.base_url).rstrip("/")}

    def step(self, step: dict[str, Any]) -> None:
        request = filled(step["request"], self.known)
        body = None if "body" not in request else json.dumps(request["body"]).encode()
        method, path = request["method"], request["path"]
        self._stack.forget_calls()
        answer = self._client.request(method, path, content=body, headers=request.get("headers", {}))
        said = f"{step['name']}: {method} {path} -> {answer.status_code} {answer.text[:1500]}"
        self._check(filled(step["expect"], self.known), answer, said)
        for name, place in step.get("capture", {}).items():
            self.known[name] = str(at(answer.json(), place))
        if "calls" in step:
            made = [f"{c['method']} {c['path']}" for c in self._stack.calls() if "oauth2" not in c["path"]]
            assert len(made) <= step["calls"], f"{said}\nupstream: {made}"
        if "vault" in step:
            state = self._stack.state()
            for promise in filled(step["vault"], self.known):
                problems = broken(promise, state)
                assert problems == [], f"{said}\nin the vault: {problems}"

    def _check(self, expect: dict[str, Any], answer: httpx.Response, said: str) -> None:
        statuses = expect["status"] if isinstance(expect["status"], list) else [expect["status"]]
        assert answer.status_code in statuses, said
        for name, value in expect.get("headers", {}).items():
            assert differences(value, answer.headers.get(name, ""), name) == [], f"{said}\n{dict(answer.headers)}"
        if answer.status_code == 204:
            assert answer.content == b"", said
        elif answer.content:
            body = answer.json()
            assert differences(expect.get("body", {}), body) == [], said
            assert [name for name in expect.get("absent", []) if name in body] == [], said
        else:
            assert "body" not in expect, said


def broken(promise: dict[str, Any], state: dict[str, Any]) -> list[str]:
    """{"user": id, "has": {…}}, {"users": name, "count": n}, {"group": id, "members": […], "has": {…}} and so on.

    {"rights_on": folder, "holder": {"userId" or "groupId": id}, "of": [[folder level, secret level]]}: its own rows.
    """
    if "users" in promise:
        found = [u for u in state["users"] if u["userName"].casefold() == promise["users"].casefold()]
        return differences(promise["count"], len(found), f"users named {promise['users']}")
    if "groups" in promise:
        found = [g for g in state["groups"] if g["name"].casefold() == promise["groups"].casefold() and g["enabled"]]
        return differences(promise["count"], len(found), f"enabled groups named {promise['groups']}")
    if "user" in promise:
        row = next((u for u in state["users"] if u["id"] == int(promise["user"])), None)
        held = sorted(r["roleId"] for r in state["user_roles"] if r["userId"] == int(promise["user"]))
        return differences(promise["has"], row, "user") + differences(promise.get("roles", held), held, "roles")
    if "folder" in promise:
        row = next((f for f in state["folders"] if f["id"] == int(promise["folder"])), None)
        return differences(promise["has"], row, "folder")
    if "rights_on" in promise:
        return differences(promise["of"], _levels(promise, state), f"the rights on folder {promise['rights_on']}")
    number = int(promise["group"])
    problems = []
    if "members" in promise:
        members = {m["userId"] for m in state["group_members"] if m["groupId"] == number}
        problems += differences(sorted(int(m) for m in promise["members"]), sorted(members), "members")
    if "has" in promise:
        row = next((g for g in state["groups"] if g["id"] == number), None)
        problems += differences(promise["has"], row, "group")
    return problems


def _levels(promise: dict[str, Any], state: dict[str, Any]) -> list[list[str]]:
    (kind, holder), *_ = promise["holder"].items()
    return [
        [row["folderAccessRoleName"], row["secretAccessRoleName"]]
        for row in state["folder_permissions"]
        if row["folderId"] == int(promise["rights_on"]) and row[kind] == int(holder)
    ]
