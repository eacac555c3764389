"""A vault's address is where its password goes: what happens when somebody changes it, on all ways to change it."""

from __future__ import annotations

from typing import Any

import pytest

from scim.errors import VaultRefusedUs
from tests.console.rig import Rig
from tests.unit.secretserver.test_vault_addresses import NEVER, THIS_MACHINE, VAULTS

FIELDS = {"name": "vault", "url": "http://vault.invalid", "auth": "password", "username": "svc-scim"}
PLACES = {
    "host": "http://evil.example",
    "port": "http://vault.invalid:8080",
    "scheme": "https://vault.invalid",
}


async def stored(rig: Rig) -> tuple[str, str, str]:
    vaults = await rig.connector.vaults()
    vault = await vaults.need(rig.vault.id)
    return vault.url, vault.platform_url, (await vaults.credential(vault.id)).get_secret_value()


@pytest.mark.parametrize("place", PLACES)
async def test_a_stored_password_goes_to_no_new_place(rig: Rig, place: str) -> None:
    before, url = await stored(rig), PLACES[place]
    async with rig.signed_in("admin") as browser:
        page, api = f"/console/vaults/{rig.vault.id}", f"/console/api/vaults/{rig.vault.id}"
        refused = await browser.post(page, data={**FIELDS, "url": url})
        assert (400, True) == (refused.status_code, "has to be given again" in refused.text)
        assert f'value="{url}"' in refused.text, "what was typed is still there"
        assert 'id="f-moved"' in refused.text
        assert 'aria-invalid="true"' in refused.text
        refused = await browser.patch(api, json={"url": url})
        assert (400, True) == (refused.status_code, "url: another scheme, host or port" in refused.json()["detail"])
        assert before == await stored(rig)
        assert 200 == (await browser.patch(api, json={"url": url, "password": "canary-new"})).status_code
        assert (url, "", "canary-new") == await stored(rig)
        assert 303 == (await browser.post(page, data={**FIELDS, "password": "canary-back"})).status_code
        assert ("http://vault.invalid", "", "canary-back") == await stored(rig)
    told = str(rig.rows("audit"))
    assert "credential" in told
    assert "canary" not in told


async def test_what_leads_to_the_same_place_needs_no_password(rig: Rig) -> None:
    async with rig.signed_in("admin") as browser:
        api = f"/console/api/vaults/{rig.vault.id}"
        for change in (
            {"url": "http://vault.invalid/SecretServer"},
            {"url": "http://VAULT.invalid:80"},
            {"name": "other"},
        ):
            assert 200 == (await browser.patch(api, json=change)).status_code, change
        form = {**FIELDS, "name": "third", "username": "svc-other"}
        assert 303 == (await browser.post(f"/console/vaults/{rig.vault.id}", data=form)).status_code
    assert "simulator-only" == (await stored(rig))[2]


async def test_a_platform_address_is_a_place_too(rig: Rig) -> None:
    before = await stored(rig)
    change = {"auth": "platform", "platform_url": "https://evil.example"}
    async with rig.signed_in("admin") as browser:
        api = f"/console/api/vaults/{rig.vault.id}"
        refused = await browser.patch(api, json=change)
        assert (400, True) == (refused.status_code, refused.json()["detail"].startswith("platform_url: "))
        assert before == await stored(rig)
        assert 200 == (await browser.patch(api, json={**change, "password": "p"})).status_code
        assert 200 == (await browser.patch(api, json={"auth": "password", "platform_url": ""})).status_code


@pytest.mark.parametrize("mark", ["kept", "taken out", "of another"])
async def test_a_backup_that_somebody_changed_brings_no_password_to_a_new_place(rig: Rig, mark: str) -> None:
    """An administrator's file is no way around it: take a copy, change the address, remove the vault, restore."""
    async with rig.signed_in("admin") as browser:
        document = (await browser.get("/console/api/backup")).json()
        row = next(r for r in document["vaults"] if "credential" in r["values"])
        row["values"]["document"] = row["values"]["document"].replace("vault.invalid", "evil.example")
        if mark != "kept":
            document["mark"] = "" if mark == "taken out" else "0" * 64
        for kind, one in (("connections", rig.connection.id), ("vaults", rig.vault.id)):
            assert 204 == (await browser.delete(f"/console/api/{kind}/{one}")).status_code
        restored = await browser.post("/console/api/restore", json=document)
        assert 1 == restored.json()["passwords_left_out"]
        assert "http://evil.example" == (await browser.get(f"/console/api/vaults/{rig.vault.id}")).json()["url"]
        with pytest.raises(VaultRefusedUs, match="no stored credential"):
            await stored(rig)


@pytest.mark.parametrize("host", NEVER + THIS_MACHINE)
async def test_an_address_where_no_vault_may_be_is_refused_when_it_is_typed(host: str) -> None:
    rig = await Rig(insecure_vault_urls=False).furnish()
    body: dict[str, Any] = {"name": "metadata", "url": f"https://{host}/", "username": "x", "password": "x"}
    async with rig.signed_in("admin") as browser:
        api = await browser.post("/console/api/vaults", json=body)
        assert (400, True) == (api.status_code, "no vault may be at" in api.json()["detail"]), api.text
        page = await browser.post("/console/vaults", data=body)
        assert (400, True) == (page.status_code, "o vault may be at" in page.text)
        for change in ({"url": body["url"], "password": "x"}, {"platform_url": body["url"], "password": "x"}):
            assert 400 == (await browser.patch(f"/console/api/vaults/{rig.vault.id}", json=change)).status_code
        assert 1 == len((await browser.get("/console/api/vaults")).json()["vaults"])
    await rig.connector.close()


async def test_private_networks_stay_possible_and_loopback_belongs_to_the_setting(rig: Rig) -> None:
    cloud = await Rig(insecure_vault_urls=False).furnish()
    for one, hosts in ((cloud, VAULTS), (rig, [*VAULTS, *THIS_MACHINE])):
        async with one.signed_in("admin") as browser:
            for n, host in enumerate(hosts):
                body = {"name": f"v{n}", "url": f"https://{host}", "username": "x", "password": "x"}
                answer = await browser.post("/console/api/vaults", json=body)
                assert (host, 201) == (host, answer.status_code)
    await cloud.connector.close()
