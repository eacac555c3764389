"""The permission map: words of the client, each with a right chosen from those that the vault has."""

from __future__ import annotations

import re
from typing import Any

import pytest

from scim.administration.words import policies, rights_map
from scim.console.policies import CHOICES, GROUPS, TEXTS
from scim.errors import InvalidValue
from scim.model import Policies
from tests.console.rig import Rig

BLANK = {"with_policies": "1"}


async def saved(rig: Rig, browser: Any, **rows: list[str]) -> Any:
    form = {name.replace("__", "."): values for name, values in rows.items()}
    page = (await browser.get(f"/console/connections/{rig.connection.id}")).text
    texts = dict(re.findall(r'<select id="f-(\w+)" name="\1".*?<option value="([^"]*)" selected', page, re.DOTALL))
    numbers = {"breaker_floor": "10", "breaker_percent": "10"}
    return await browser.post(f"/console/connections/{rig.connection.id}", data={**BLANK, **texts, **numbers, **form})


async def test_rows_are_added_changed_and_taken_out_without_a_script() -> None:
    rig = await Rig().furnish()
    async with rig.signed_in("admin") as browser:
        answer = await saved(
            rig,
            browser,
            container_rights__word=["Admin", "PowerUser", "Auditor", "", ""],
            container_rights__right=["Owner", "Owner", "View", "", ""],
            container_rights__secrets=["", "", "List", "", ""],
            secret_rights__word=["Use", ""],
            secret_rights__right=["View", ""],
        )
        assert 303 == answer.status_code, answer.text
        kept = (await rig.connector.connections.get(rig.connection.id)).policies
        assert {"Admin": "Owner", "PowerUser": "Owner", "Auditor": "View/List"} == kept.container_rights
        assert {"Use": "View"} == kept.secret_rights
        page = (await browser.get(f"/console/connections/{rig.connection.id}")).text
        assert 6 == page.count('name="container_rights.word"'), "three rows and three empty ones"
        assert 303 == (await saved(rig, browser, container_rights__word=["Admin", ""],
                                   container_rights__right=["Edit", "Owner"])).status_code  # fmt: skip
        kept = (await rig.connector.connections.get(rig.connection.id)).policies
        assert ({"Admin": "Edit"}, {}) == (kept.container_rights, kept.secret_rights)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"container_rights__word": ["Admin"], "container_rights__right": [""]}, "choose what Admin means"),
        ({"container_rights__word": ["A", "A"], "container_rights__right": ["View", "Edit"]}, "twice"),
        ({"container_rights__word": ["A"], "container_rights__right": ["Fly"]}, "View, Add Secret, Edit, Owner"),
        ({"secret_rights__word": ["A"], "secret_rights__right": ["Add Secret"]}, "List, View, Edit, Owner"),
    ],
)
async def test_what_is_no_right_of_the_vault_is_refused_with_those_that_are(rows: Any, said: str) -> None:
    rig = await Rig().furnish()
    async with rig.signed_in("admin") as browser:
        answer = await saved(rig, browser, **rows)
        assert (400, True) == (answer.status_code, said in answer.text)
        assert {} == (await rig.connector.connections.get(rig.connection.id)).policies.container_rights


def test_every_choice_of_a_policy_says_what_it_means() -> None:
    """Policies that are new are shown anyhow, but as the bare word: give them a text."""
    told = {(q.name, choice) for questions in GROUPS.values() for q in questions for choice in q.choices}
    assert told == set(CHOICES)
    assert set(TEXTS) == set(Policies.model_fields)


async def test_the_api_and_the_command_line_refuse_them_too() -> None:
    rig = await Rig().furnish()
    with pytest.raises(InvalidValue, match="View, Add Secret, Edit, Owner"):
        policies({"container_rights": "Admin=Ownr"})
    assert {"container_rights": {"Admin": "Owner", "Auditor": "View/List"}} == policies(
        {"container_rights": "Admin=owner,Auditor=view/list"}
    )
    for bad in ({"": "View"}, {"A": "View/Fly"}, {"x" * 101: "View"}, {"A": ""}):
        with pytest.raises(InvalidValue):
            rights_map("container_rights", bad)
    async with rig.signed_in("admin") as browser:
        path = f"/console/api/connections/{rig.connection.id}"
        wrong = await browser.patch(path, json={"policies": {"secret_rights": {"Use": "None"}}})
        assert (400, True) == (wrong.status_code, "List, View, Edit, Owner" in wrong.json()["detail"])
        assert 200 == (await browser.patch(path, json={"policies": {"secret_rights": {"Use": "view"}}})).status_code


async def test_templates_and_folders_are_offered_while_the_vault_answers_and_typed_when_it_does_not() -> None:
    rig = await Rig().furnish()
    async with rig.signed_in("admin") as browser:
        path = f"/console/connections/{rig.connection.id}/choices"
        offered = (await browser.get(path)).text
        assert "Active Directory Account" in offered
        assert 'value="\\' in offered, "folders by their paths"
        session = await rig.connector.session(rig.vault.id)
        for _ in range(session.directory.client.breaker.limit):
            session.directory.client.breaker.failed()
        session.directory.client.breaker._opens_at += 1000
        silent = await browser.get(path)
        assert (200, True) == (silent.status_code, "can be typed" in silent.text)
