"""What the fault tests say about folders, secrets, rights and roles: a world, reads, writes, and what comes of it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import httpx

from scim.model import Policies
from tests.door import Door, group, patch, user
from tests.faults.dialogue import Play, Request, repetitions
from tests.pam.world import SECRET

LOST = {  # what a policy would refuse, and what waits for a human
    "break_inheritance": "break",
    "delete_non_empty": "allow",
    "breaker_floor": 10_000,
}
PATHS = {"/Containers": "id,name,displayName,description,externalId,parent,path,privilegedData,inheritsPermissions"}
SEEN = ("/Containers", "/ContainerPermissions", "/PrivilegedData", "/PrivilegedDataPermissions", "/Roles")


@dataclass(slots=True)
class Made:
    """What one connection made in a vault that has folders, secrets, people and groups of its own."""

    door: Door
    client: httpx.AsyncClient
    box: str  # a folder at the root, with rights of its own
    inner: str  # below it, and inheriting
    empty: str  # at the root, with nothing in it
    secret: str  # in the box, and inheriting
    shared: str  # in the box, with rights of its own
    right: str  # of user 7 on the box
    inherited: str  # the same, seen on the inner folder
    sharing: str  # of user 7 on the shared secret
    user: str
    team: str
    others: str


def folder(name: str, parent: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, **({"parent": {"value": parent}} if parent else {}), **more}


def secret(name: str, at: str, **more: Any) -> dict[str, Any]:
    fields = [{"name": "machine", "value": "srv01"}, {"name": "username", "value": "root"}]
    return {
        "name": name,
        SECRET: {"template": "Windows Account", "folder": {"value": at}, "fields": fields},
        **more,
    }


def right(on: str, *, user: str = "", team: str = "", rights: str = "View", **more: Any) -> dict[str, Any]:
    to = {"user": {"value": user}} if user else {"group": {"value": team}}
    return {"container": {"value": on}, **to, "rights": [rights], **more}


def sharing(on: str, *, user: str = "", team: str = "", rights: str = "View") -> dict[str, Any]:
    to = {"user": {"value": user}} if user else {"group": {"value": team}}
    return {"privilegedData": {"value": on}, **to, "rights": [rights]}


async def world(write: str = "", **settings: Any) -> Made:
    door = Door(users=9, groups=3, folders=4, secrets=4, settings=settings)
    client = await door.client(policies=Policies(**LOST))

    async def made(path: str, body: dict[str, Any]) -> str:
        answer = await client.post(path, json=body)
        assert 201 == answer.status_code, answer.text
        return str(answer.json()["id"])

    box = await made("/Containers", folder("Box", externalId="f-box", description="edge"))
    inner = await made("/Containers", folder("Inner", box, externalId="f-inner"))
    empty = await made("/Containers", folder("Empty", externalId="f-empty"))
    held = await made("/PrivilegedData", secret("Held", box, externalId="s-held"))
    shared = await made("/PrivilegedData", secret("Shared", box, externalId="s-shared"))
    given = await made("/ContainerPermissions", right(box, user="7", externalId="r-box"))
    person = await made("/Users", user("known", externalId="x-known"))
    team = await made("/Groups", group("Known", person, externalId="g-known"))
    others = await made("/Groups", group("Others", "8"))
    await made("/ContainerPermissions", right(box, team=others, rights="Edit"))
    share = await made("/PrivilegedDataPermissions", sharing(shared, user="7"))
    for path in (f"/Users/{person}", f"/Groups/{team}"):
        done = await client.patch(path, json=patch({"op": "add", "path": "roles", "value": [{"value": "3"}]}))
        assert done.status_code < 300, done.text
    await door.connector.trail.close()
    below = given.replace(f"{box}-", f"{inner}-")
    return Made(door, client, box, inner, empty, held, shared, given, below, share, person, team, others)


# -- reads -----------------------------------------------------------------------------------------------------------


def get(path: str, **query: Any) -> Request:
    return lambda w: w.client.get(path.format(w=w), params={k: v.format(w=w) for k, v in query.items()})


def searched(path: str, **body: Any) -> Request:
    schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]

    def send(w: Made) -> Awaitable[httpx.Response]:
        filled = {k: v.format(w=w) if isinstance(v, str) else v for k, v in body.items()}
        return w.client.post(path, json={"schemas": schemas, **filled})

    return send


READS: dict[str, Request] = {
    "folder": get("/Containers/{w.box}"),
    "folder with its secrets": get("/Containers/{w.box}", attributes="name,privilegedData,owner"),
    "page of folders": get("/Containers", startIndex="2", count="3"),
    "folders with their secrets": get("/Containers", attributes="name,privilegedData"),
    "folders with their owners": get("/Containers", attributes="name,owner"),
    "folders with a cursor": get("/Containers", cursor="", count="3"),
    "sorted folders": get("/Containers", sortBy="name", count="5"),
    "folder by name": get("/Containers", filter='name eq "Box"'),
    "no folder by name": get("/Containers", filter='name eq "No such box"'),
    "folder by path": get("/Containers", filter='path eq "\\\\Box"'),
    "folder by external id": get("/Containers", filter='externalId eq "f-box"'),
    "folders below": get("/Containers", filter='parent.value eq "{w.box}"'),
    "folder of a secret": get("/Containers", filter='privilegedData.value eq "{w.secret}"'),
    "changed folders": get("/Containers", filter='meta.lastModified gt "2020-01-01T00:00:00Z"'),
    "searched folders": searched("/Containers/.search", filter='name sw "B"'),
    "right": get("/ContainerPermissions/{w.right}"),
    "inherited right": get("/ContainerPermissions/{w.inherited}"),
    "page of rights": get("/ContainerPermissions", startIndex="2", count="5"),
    "rights with a cursor": get("/ContainerPermissions", cursor="", count="5"),
    "rights on a folder": get("/ContainerPermissions", filter='container.value eq "{w.box}"'),
    "rights on an inheriting folder": get("/ContainerPermissions", filter='container.value eq "{w.inner}"'),
    "rights of a user": get("/ContainerPermissions", filter='user.value eq "7"'),
    "rights of a group": get("/ContainerPermissions", filter='group.value eq "{w.others}"'),
    "rights of nobody": get("/ContainerPermissions", filter='user.value eq "{w.user}"'),
    "one pair": get("/ContainerPermissions", filter='user.value eq "7" and container.value eq "{w.box}"'),
    "rights by a folder's name": get("/ContainerPermissions", filter='container.name eq "Box"'),
    "rights by a user's name": get("/ContainerPermissions", filter='user.display eq "known"'),
    "rights that edit": get("/ContainerPermissions", filter='rights eq "Edit"'),
    "secret": get("/PrivilegedData/{w.secret}"),
    "page of secrets": get("/PrivilegedData", startIndex="1", count="3"),
    "secrets with a cursor": get("/PrivilegedData", cursor="", count="3"),
    "secret by name": get("/PrivilegedData", filter='name eq "Held"'),
    "no secret by name": get("/PrivilegedData", filter='name eq "No such secret"'),
    "secret by external id": get("/PrivilegedData", filter='externalId eq "s-held"'),
    "secrets in a folder": get("/PrivilegedData", filter=SECRET + ':folder.value eq "{w.box}"'),
    "right on a secret": get("/PrivilegedDataPermissions/{w.sharing}"),
    "page of rights on secrets": get("/PrivilegedDataPermissions", count="5"),
    "rights on a secret": get("/PrivilegedDataPermissions", filter='privilegedData.value eq "{w.shared}"'),
    "no rights on a secret": get("/PrivilegedDataPermissions", filter='privilegedData.value eq "{w.secret}"'),
    "rights of a user on secrets": get("/PrivilegedDataPermissions", filter='user.value eq "7"'),
    "roles": get("/Roles"),
    "role with its members": get("/Roles/3", attributes="displayName,members"),
    "role by name": get("/Roles", filter='displayName eq "Read Only User"'),
    "roles of a user": get("/Users/{w.user}", attributes="userName,roles"),
    "roles of a group": get("/Groups/{w.team}", attributes="displayName,roles"),
    "a schema with the vault's words": get("/Schemas/urn:ietf:params:scim:schemas:pam:1.0:ContainerPermission"),
}


# -- writes ----------------------------------------------------------------------------------------------------------


def change(path: str, *operations: dict[str, Any]) -> Request:
    def send(w: Made) -> Awaitable[httpx.Response]:
        return w.client.patch(path.format(w=w), json=patch(*(_filled(operation, w) for operation in operations)))

    return send


def _filled(value: Any, w: Made) -> Any:
    if isinstance(value, dict):
        return {k: _filled(v, w) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, w) for v in value]
    return value.format(w=w) if isinstance(value, str) else value


def gone(path: str) -> Request:
    return lambda w: w.client.delete(path.format(w=w))


def rights(word: str) -> dict[str, Any]:
    return {"op": "replace", "path": "rights", "value": [word]}


def role(op: str, number: str) -> dict[str, Any]:
    if op == "add":
        return {"op": "add", "path": "roles", "value": [{"value": number}]}
    return {"op": "remove", "path": f'roles[value eq "{number}"]'}


WRITES: dict[str, Request] = {
    "create a folder": lambda w: w.client.post(
        "/Containers", json=folder("New", w.box, externalId="f-new", description="new")
    ),
    "create a root folder": lambda w: w.client.post("/Containers", json=folder("New root", externalId="f-root")),
    "rename a folder": change("/Containers/{w.inner}", {"op": "replace", "path": "name", "value": "Inside"}),
    "move a folder": change("/Containers/{w.inner}", {"op": "replace", "path": "parent", "value": {"value": "1"}}),
    "describe a folder": change("/Containers/{w.inner}", {"op": "add", "path": "description", "value": "told"}),
    "replace a folder": lambda w: w.client.put(
        f"/Containers/{w.inner}", json=folder("Replaced", "1", externalId="f-replaced", description="other")
    ),
    "delete a folder": gone("/Containers/{w.empty}"),
    "delete a full folder": gone("/Containers/{w.box}"),
    "create a right": lambda w: w.client.post(
        "/ContainerPermissions", json=right(w.box, user="8", rights="Edit", externalId="r-new")
    ),
    "create a right of a group": lambda w: w.client.post("/ContainerPermissions", json=right(w.empty, team=w.team)),
    "create a right below": lambda w: w.client.post("/ContainerPermissions", json=right(w.inner, user="8")),
    "change a right": change("/ContainerPermissions/{w.right}", rights("Owner")),
    "change a right below": change("/ContainerPermissions/{w.inherited}", rights("Owner")),
    "replace a right": lambda w: w.client.put(
        f"/ContainerPermissions/{w.right}", json=right(w.box, user="7", rights="Add Secret", externalId="r-2")
    ),
    "delete a right": gone("/ContainerPermissions/{w.right}"),
    "delete a right below": gone("/ContainerPermissions/{w.inherited}"),
    "create a secret": lambda w: w.client.post("/PrivilegedData", json=secret("New", w.box, externalId="s-new")),
    "rename a secret": change("/PrivilegedData/{w.secret}", {"op": "replace", "path": "name", "value": "Renamed"}),
    "move a secret": change(
        "/PrivilegedData/{w.secret}", {"op": "replace", "path": SECRET + ":folder", "value": {"value": "{w.empty}"}}
    ),
    "replace a secret": lambda w: w.client.put(
        f"/PrivilegedData/{w.secret}", json={"name": "Replaced", "externalId": "s-2", "description": "told"}
    ),
    "delete a secret": gone("/PrivilegedData/{w.secret}"),
    "create a right on a secret": lambda w: w.client.post(
        "/PrivilegedDataPermissions", json=sharing(w.shared, user="8", rights="Edit")
    ),
    "create a right on an inheriting secret": lambda w: w.client.post(
        "/PrivilegedDataPermissions", json=sharing(w.secret, team=w.team)
    ),
    "change a right on a secret": change("/PrivilegedDataPermissions/{w.sharing}", rights("Owner")),
    "delete a right on a secret": gone("/PrivilegedDataPermissions/{w.sharing}"),
    "give a user a role": change("/Users/7", role("add", "3")),
    "take a user's role": change("/Users/{w.user}", role("remove", "3")),
    "give a group a role": change("/Groups/{w.others}", role("add", "3")),
    "take a group's role": change("/Groups/{w.team}", role("remove", "3")),
}


# -- what is there -----------------------------------------------------------------------------------------------------


def in_the_vault(door: Door) -> dict[str, Any]:
    """Folders, secrets, rights and roles, as a person would see them there; what is there twice stands here twice."""
    state = door.state()
    tree = door.vault.tree
    paths = {f.id: tree.path(f) for f in tree.folders.values()}
    names = {s["id"]: s["name"] for s in state["secrets"]}
    groups = {g["id"]: g["name"] for g in state["groups"]}
    return {
        "folders": sorted((paths[f.id], f.inherits, f.type_id) for f in tree.folders.values()),
        "rights": sorted(
            (paths[r.on], groups[r.group_id], r.folder_role, r.secret_role) for r in tree.folder_grants.rows.values()
        ),
        "secrets": sorted(
            (s.name, paths.get(s.folder_id, ""), s.active, s.inherits, s.template_id) for s in tree.secrets.values()
        ),
        "rights on secrets": sorted(
            (names[r.on], groups[r.group_id], r.secret_role) for r in tree.secret_grants.rows.values()
        ),
        "roles of users": sorted((r["userId"], r["roleId"]) for r in state["user_roles"]),
        "roles of groups": sorted((groups[r["groupId"]], r["roleId"]) for r in state["group_roles"]),
        "views": state["secret_views"],
    }


async def in_view(w: Made) -> list[dict[str, Any]]:
    """What the client sees of it, without times and versions, and what it finds again by external id."""
    shown = []
    for path in SEEN:
        query = {"count": 200} | ({"attributes": PATHS[path]} if path in PATHS else {})
        listed = (await w.client.get(path, params=query)).json()
        for resource in listed["Resources"]:
            resource.pop("meta", None)
            if "externalId" in resource:
                query = {"filter": f'externalId eq "{resource["externalId"]}"', "attributes": "id"}
                found = (await w.client.get(path, params=query)).json()
                resource["found by externalId"] = [r["id"] for r in found.get("Resources", [])]
            shown.append({"of": path, **resource})
    return shown


HOLDINGS = Play(WRITES, world, in_the_vault, in_view, repetitions)


# -- a vault that copies no rows -------------------------------------------------------------------------------------


async def forgetful_world(write: str = "", **settings: Any) -> Made:
    """Here the rights of a folder or secret are gone when its inheritance ends, but for those of who ended it."""
    w = await world(write, **settings)
    w.door.vault.switches.set("rows_after_break", "none")
    return w


ENDING = {
    name: WRITES[name]
    for name in (
        "create a right below",
        "change a right below",
        "delete a right below",
        "create a right on an inheriting secret",
    )
}
TO_THE_ROOT = {
    "move a folder to the root": change(
        "/Containers/{w.inner}", {"op": "replace", "path": "parent", "value": {"value": "-1"}}
    )
}
FORGETFUL = Play({**ENDING, **TO_THE_ROOT}, forgetful_world, in_the_vault, in_view, repetitions)
