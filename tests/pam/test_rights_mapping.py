"""How words become rights: style × mode × map × verb, over the whole connector and down to the vault's rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.pam.world import World

Make = Callable[..., World]
WORDS = {"Admin": "Owner", "PowerUser": "Owner", "Auditor": "View/List", "Filler": "Add Secret/None"}
ON_SECRETS = {"Boss": "Owner", "Chief": "Owner", "Reader": "View"}
STYLES, MODES, MAPS = ("simple", "detailed"), ("strict", "legacy"), (False, True)
CELLS = list(itertools.product(STYLES, MODES, MAPS))

# word → the levels on folders and on the secrets in them, with and without a map
PLAIN = {
    "View": ("View", "View"),
    "Add Secret": ("Add Secret", "List"),
    "Edit": ("Edit", "Edit"),
    "Owner": ("Owner", "Owner"),
}
MAPPED = {
    "Admin": ("Owner", "Owner"),
    "PowerUser": ("Owner", "Owner"),
    "Auditor": ("View", "List"),
    "Filler": ("Add Secret", "None"),
}


def policies(style: str, mode: str, mapped: bool) -> dict[str, Any]:
    more = {"container_rights": WORDS, "secret_rights": ON_SECRETS} if mapped else {}
    return {"rights_style": style, "unknown_right": mode, **more}


def body(person: Any, rights: list[str]) -> dict[str, Any]:
    return {"container": {"value": "1"}, "user": {"value": str(person.id)}, "rights": rights}


def shown(style: str, word: str, levels: tuple[str, str]) -> list[str]:
    return [word, f"Secrets:{levels[1]}"] if style == "detailed" else [word]


def held(w: World) -> tuple[str, str] | None:
    return w.rows(1).get(w.person().personal_group_id)


async def sent_back_changes_nothing(w: World, path: str) -> None:
    """PUT, and PATCH replace, of what was read: 0 writes upstream, and the same document with the same version."""
    read = await w.send("GET", path)
    for verb in ("PUT", "PATCH"):
        if verb == "PUT":
            again = await w.send("PUT", path, read.body)
        else:
            again = await w.patch(path, {"op": "replace", "path": "rights", "value": read.body["rights"]})
        assert 200 == again.status, again.body
        assert [] == [call for call in again.calls if not call.startswith("GET")]
        assert read.body == (await w.send("GET", path)).body


@pytest.mark.parametrize(("style", "mode", "mapped"), CELLS)
async def test_every_word_is_given_read_back_and_sent_back(world: Make, style: str, mode: str, mapped: bool) -> None:
    w = world(policies(style, mode, mapped))
    person = w.person()
    path = f"/ContainerPermissions/1-u{person.id}"
    for word, levels in (MAPPED if mapped else PLAIN).items():
        made = await w.made("/ContainerPermissions", body(person, [word]))
        assert (shown(style, word, levels), levels) == (made["rights"], held(w))
        await sent_back_changes_nothing(w, path)
        other = next(x for x in (MAPPED if mapped else PLAIN) if x != word)
        for change in (
            lambda rights: w.send("PUT", path, body(person, rights)),
            lambda rights: w.patch(path, {"op": "replace", "path": "rights", "value": rights}),
            lambda rights: w.patch(path, {"op": "replace", "value": {"rights": rights}}),
        ):
            for name in (other, word):
                answer = await change([name.upper()])  # in any case
                expected = (MAPPED if mapped else PLAIN)[name]
                if style == "detailed":  # the list was whole: what is not in it is taken away
                    expected = (expected[0], held(w)[1] if answer.status >= 300 else "None")  # type: ignore[index]
                assert (200, expected[0]) == (answer.status, held(w)[0]), answer.body  # type: ignore[index]
                if style == "simple":
                    assert ([name], expected) == (answer.body["rights"], held(w))
                await w.send("PUT", path, body(person, shown(style, name, (MAPPED if mapped else PLAIN)[name])))
        assert 204 == (await w.send("DELETE", path)).status


@pytest.mark.parametrize(("style", "mode", "mapped"), CELLS)
async def test_a_single_right_is_added_and_taken_by_patch(world: Make, style: str, mode: str, mapped: bool) -> None:
    """Rights are one level: adding a weaker one changes nothing, a stronger one replaces; the last one is not taken."""
    w = world(policies(style, mode, mapped))
    person = w.person()
    path = f"/ContainerPermissions/1-u{person.id}"
    weak, strong = ("Auditor", "Admin") if mapped else ("View", "Edit")
    levels = MAPPED if mapped else PLAIN
    await w.made("/ContainerPermissions", body(person, [weak]))
    added = await w.patch(path, {"op": "add", "path": "rights", "value": [strong]})
    assert 200 == added.status, added.body
    assert levels[strong][0] == held(w)[0]  # type: ignore[index]
    before = held(w)
    assert 200 == (await w.patch(path, {"op": "add", "path": "rights", "value": [weak]})).status
    assert before == held(w)
    words = (await w.send("GET", path)).body["rights"]
    if style == "detailed":
        none = await w.patch(path, {"op": "remove", "path": f'rights[value eq "{words[1]}"]'})
        assert (200, (levels[strong][0], "None")) == (none.status, held(w)), none.body
        back = await w.patch(path, {"op": "add", "path": "rights", "value": ["Secrets:View"]})
        assert (200, (levels[strong][0], "View")) == (back.status, held(w)), back.body
        words = back.body["rights"]
    before = held(w)
    for last in ({"op": "remove", "path": "rights"}, {"op": "replace", "path": "rights", "value": []}):
        refused = await w.patch(path, last)
        assert (400, before) == (refused.status, held(w)), refused.body
        assert "rights" in refused.detail


@pytest.mark.parametrize(("style", "mode", "mapped"), CELLS)
async def test_what_has_no_word_here_may_be_read_sent_back_and_added_to(
    world: Make, style: str, mode: str, mapped: bool
) -> None:
    """A right that somebody gave in the vault itself, for which this connection's map has no word."""
    w = world(policies(style, mode, mapped))
    person = w.person()
    w.tree.grant_folder(w.root(), person.personal_group_id, "Edit", "View")
    w.vault.changed()
    path = f"/ContainerPermissions/1-u{person.id}"
    read = (await w.send("GET", path)).body["rights"]
    assert ["Edit", "Secrets:View"][: len(read)] == read
    await sent_back_changes_nothing(w, path)
    assert ("Edit", "View") == held(w)
    more = "Admin" if mapped else "Owner"
    answer = await w.patch(path, {"op": "add", "path": "rights", "value": [more]})
    assert (200, "Owner") == (answer.status, held(w)[0]), answer.body  # type: ignore[index]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("mapped", MAPS)
@pytest.mark.parametrize("style", STYLES)
async def test_an_unknown_word_is_refused_with_the_allowed_or_means_view(
    world: Make, style: str, mode: str, mapped: bool
) -> None:
    w = world(policies(style, mode, mapped))
    person = w.person()
    before = w.frozen()
    answer = await w.send("POST", "/ContainerPermissions", body(person, ["Wizard"]))
    if mode == "legacy":
        assert (201, ("View", "View")) == (answer.status, held(w)), answer.body
        return
    assert (400, "invalidValue", before) == (answer.status, answer.body["scimType"], w.frozen())
    for word in WORDS if mapped else PLAIN:
        assert word in answer.detail
    assert ("Secrets:List" in answer.detail) == (style == "detailed")


@pytest.mark.parametrize("mapped", MAPS)
async def test_words_on_secrets_have_a_map_of_their_own(world: Make, mapped: bool) -> None:
    w = world({**policies("simple", "strict", mapped), "break_inheritance": "break"})
    person = w.person()
    secret = next(s for s in w.tree.secrets.values() if s.folder_id == 1)
    words = (
        {"Boss": "Owner", "Chief": "Owner", "Reader": "View"} if mapped else {r: r for r in ("List", "View", "Edit")}
    )
    path = f"/PrivilegedDataPermissions/{secret.id}-u{person.id}"
    sent = {"privilegedData": {"value": str(secret.id)}, "user": {"value": str(person.id)}}
    await w.made("/PrivilegedDataPermissions", {**sent, "rights": [next(iter(words))]})
    for word, level in words.items():
        answer = await w.send("PUT", path, {**sent, "rights": [word.lower()]})
        row = w.tree.secret_grants.held(secret.id, person.personal_group_id)
        assert (200, [word], level) == (answer.status, answer.body["rights"], row.secret_role)
        await sent_back_changes_nothing(w, path)
    refused = await w.send("PUT", path, {**sent, "rights": ["Add Secret"]})
    assert (400, True) == (refused.status, next(iter(words)) in refused.detail)
