"""Filters that name a place: whichever spelling a client sends, the right rows come, or words that say why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import OURS, World

Make = Callable[..., World]
PAM = "urn:ietf:params:scim:schemas:pam:1.0:"
OKTA = "urn:okta:scim:schemas:core:1.0:"


async def found(w: World, path: str, text: str) -> set[str]:
    answer = await w.send("GET", f"{path}?filter={text}&count=500&attributes=id")
    assert 200 == answer.status, (text, answer.body)
    assert answer.body["totalResults"] == len(answer.body["Resources"])
    return {str(r["id"]) for r in answer.body["Resources"]}


def secrets_in(w: World, folder: int) -> set[str]:
    account = w.vault.users[w.vault.account_id]
    return {
        str(s.id)
        for s in w.tree.secrets.values()
        if s.active and s.folder_id == folder and w.tree.secret_level(account, s)
    }


# -- the folder of a secret ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [f"{OURS}PrivilegedData:folder", "folder", "Folder"])
@pytest.mark.parametrize("end", ["", ".value"])
@pytest.mark.parametrize("value", ["{id}", '"{id}"', "'{id}'"])
async def test_the_secrets_of_a_folder_are_found_by_every_spelling(
    world: Make, name: str, end: str, value: str
) -> None:
    w = world(secrets=40)
    folder = next(f for f in w.tree.folders if len(secrets_in(w, f)) > 1)
    assert secrets_in(w, folder) == await found(w, "/PrivilegedData", f"{name}{end} eq {value.format(id=folder)}")


async def test_attributes_of_our_extensions_are_known_without_their_urn(world: Make) -> None:
    w = world(secrets=40)
    whole = await found(w, "/PrivilegedData", f'{OURS}PrivilegedData:template eq "Windows Account"')
    assert whole
    assert whole == await found(w, "/PrivilegedData", 'template eq "Windows Account"')
    owners = await found(w, "/ContainerPermissions", f'{OURS}ContainerPermission:folderLevel eq "Owner"')
    assert owners
    assert owners == await found(w, "/ContainerPermissions", 'folderlevel eq "Owner"')
    every = await found(w, "/ContainerPermissions", "id pr")
    assert every == await found(w, "/ContainerPermissions", 'direct eq "True"')
    assert every == await found(w, "/ContainerPermissions", "direct eq true")


# -- the root --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ['parent.value eq "-1"', "parent.value eq -1", 'parent eq "-1"', "parent eq 0", 'parent.value eq "\\\\"']
)
async def test_containers_at_the_root_are_found_by_what_a_client_would_create_them_with(world: Make, text: str) -> None:
    w = world()
    at_root = await found(w, "/Containers", "not (parent pr)")
    assert at_root
    assert at_root == await found(w, "/Containers", text)
    below = await found(w, "/Containers", "parent pr")
    assert below
    assert below == await found(w, "/Containers", text.replace(" eq ", " ne "))
    named = next(f.name for f in w.tree.folders.values() if str(f.id) in at_root)
    assert await found(w, "/Containers", f'({text}) and name eq "{named}"') <= at_root
    assert await found(w, "/Containers", "id pr") == await found(w, "/Containers", f"not ({text}) or {text}")


# -- paths -----------------------------------------------------------------------------------------------------------


def spellings(path: str) -> list[str]:
    """A path as JSON, with its backslashes doubled once more, as it stands, in single quotes, and without its first."""
    doubled = path.replace("\\", "\\\\")
    written = (path, doubled, path[1:], path + "\\")
    return [*(json.dumps(text) for text in written), f'"{path}"', f"'{path}'"]


@pytest.mark.parametrize("attribute", ["path", "name", f"{PAM}Container:name", f"{PAM}Container:path", "NAME"])
@pytest.mark.parametrize("spelling", range(6))
async def test_a_container_is_found_by_its_path_however_its_backslashes_are_written(
    world: Make, attribute: str, spelling: int
) -> None:
    w = world()
    folder = w.inheriting()
    w.tree.folders[folder.id].name = "new tools"  # \n and \t are escapes in JSON
    w.vault.changed()
    text = spellings(w.tree.path(folder))[spelling]
    assert {str(folder.id)} == await found(w, "/Containers", f"{attribute} eq {text}")
    assert str(folder.id) not in await found(w, "/Containers", f"{attribute} ne {text}")


@pytest.mark.parametrize("name", ["caf\u00e9 n\u00fcrnberg", "a 'quoted' word", "uber \u2014\u00a0alles"])
async def test_an_escape_that_json_has_is_read_as_json_has_it(world: Make, name: str) -> None:
    w = world()
    folder = w.inheriting()
    w.tree.folders[folder.id].name = name
    w.vault.changed()
    for text in (name, w.tree.path(folder)):
        for literal in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
            assert {str(folder.id)} == await found(w, "/Containers", f"name eq {literal}")


async def test_a_creation_below_a_path_with_doubled_backslashes_is_made_there(world: Make) -> None:
    w = world()
    path = w.tree.path(w.inheriting()).replace("\\", "\\\\")
    made = await w.made("/Containers", {"name": "inside", "parent": {"value": path}})
    assert str(w.inheriting().id) == made["parent"]["value"]


async def test_secrets_are_found_by_the_path_of_their_folder(world: Make) -> None:
    w = world(secrets=40)
    folder = next(f for f in w.tree.folders.values() if len(secrets_in(w, f.id)) > 1)
    for text in spellings(w.tree.path(folder)):
        assert secrets_in(w, folder.id) == await found(w, "/PrivilegedData", f"path eq {text}")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/ContainerPermissions", "container.name eq {path}"),
        ("/ContainerPermissions", "container.value eq {path}"),
        ("/ContainerPermissions", "container eq {path}"),
        ("/ContainerPermissions", 'user.value eq "4" and container.display eq {path}'),
        ("/Containers", "parent.value eq {path}"),
        ("/Containers", "parent eq {path}"),
        ("/PrivilegedData", f"{OURS}PrivilegedData:folder.value eq {{path}}"),
        ("/PrivilegedData", "folder eq {path}"),
    ],
)
async def test_a_path_where_an_id_or_a_name_is_compared_is_refused_in_words(world: Make, path: str, text: str) -> None:
    """It could match nothing, whatever there is."""
    w = world()
    place = w.tree.path(w.inheriting())
    answer = await w.send("GET", f"{path}?filter={text.format(path=json.dumps(place))}")
    assert (400, "invalidFilter") == (answer.status, answer.body["scimType"])
    assert "path eq" in answer.detail
    assert [] == answer.calls


# -- URNs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "urn", "text"),
    [
        ("/Containers", PAM + "Container", 'name eq "{root}"'),
        ("/Containers", PAM + "Container", 'name sw "{root}"'),
        ("/Containers", PAM + "Container", 'parent.value eq "1"'),
        ("/Containers", PAM + "Container", "path pr"),
        ("/PrivilegedData", PAM + "PrivilegedData", 'name co "a"'),
        ("/ContainerPermissions", PAM + "ContainerPermission", 'container.value eq "1"'),
        ("/ContainerPermissions", PAM + "ContainerPermission", 'rights eq "Owner"'),
        ("/Roles", OKTA + "Role", 'displayName eq "Administrator"'),
        ("/Entitlements", OKTA + "Entitlement", 'displayName eq "Owner"'),
    ],
)
async def test_an_attribute_with_the_urn_of_its_own_schema_is_the_same_attribute(
    world: Make, path: str, urn: str, text: str
) -> None:
    """RFC 7644 §3.10."""
    w = world(secrets=40)
    text = text.format(root=w.root().name)
    plain = await found(w, path, text)
    assert plain
    assert plain == await found(w, path, f"{urn}:{text}")
    assert plain == await found(w, path, f"{urn.upper()}:{text}")


@pytest.mark.parametrize("attribute", ["name", PAM + "Container:name"])
async def test_containers_are_sorted_and_shown_by_an_attribute_with_its_urn(world: Make, attribute: str) -> None:
    w = world()
    answer: Any = await w.send("GET", f"/Containers?sortBy={attribute}&count=50&attributes={attribute}")
    names = [r["name"] for r in answer.body["Resources"]]
    assert sorted(names, key=str.casefold) == names
    assert len(names) > 3
