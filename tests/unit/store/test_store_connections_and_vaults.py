from __future__ import annotations

import asyncio
import json
import secrets

import pytest
from pydantic import SecretStr

from scim.errors import InvalidValue, NotFound, StoreUnavailable, Uniqueness, VaultRefusedUs
from scim.model import Connection, ConnectionId, Policies, VaultId
from scim.store.connections import Connections
from scim.store.memory import MemoryStore
from scim.store.seal import Seal
from scim.store.settings_table import SettingsTable
from scim.store.table import Row, RowChanged
from scim.store.vaults import Vaults, vault_url

CANARY = "canary-pässword-7f3a"
KEY, OLD_KEY = b"k" * 32, b"o" * 32
V = VaultId("0123456789abcdef")


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def connections(store):
    return Connections(store.table("connections"))


@pytest.fixture
def vaults(store):
    return Vaults(store.table("vaults"), Seal([KEY]))


async def test_a_connection_comes_back_as_it_was_added(connections):
    made = await connections.add("Entra", V, scope=("User",), sources=("10.0.0.0/8",), policies=Policies(breaker=False))
    assert made == await connections.get(made.id)
    assert made == await connections.find("entra")
    assert made == await connections.find(made.id)
    assert [made] == await connections.list()


async def test_a_name_is_taken_whatever_its_case_and_width(connections):
    await connections.add("Kelvin", V)
    for same in ("kelvin", "KELVIN", " Kelvin ", "\u212aelvin", "Ｋelvin"):
        with pytest.raises(Uniqueness):
            await connections.add(same, V)


async def test_of_many_who_take_a_name_at_once_one_gets_it(connections):
    answers = await asyncio.gather(*(connections.add("entra", V) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, Connection) for answer in answers) == 1
    assert len(await connections.list()) == 1


async def test_an_existing_id_cannot_be_added_again(connections):
    first = await connections.add("one", V)
    with pytest.raises(Uniqueness):
        await connections.insert(first.model_copy(update={"name": "two"}))
    assert first == await connections.get(first.id)


async def test_ids_are_random_and_nobodys_choice(connections):
    ids = {(await connections.add(f"c{n}", V)).id for n in range(50)}
    assert len(ids) == 50
    assert all(len(i) == 16 and int(i, 16) >= 0 for i in ids)


@pytest.mark.parametrize("text", ["", " ", "../x", "a/b", "id|x", "x' or 1 eq 1", "\u0661", "\x00", "a" * 5000])
async def test_strange_ids_and_names_are_simply_not_there(connections, text):
    assert await connections.get(ConnectionId(text)) is None
    assert await connections.find(text) is None


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "x" * 101, "\u202eevil"])
async def test_a_name_that_people_cannot_read_is_refused(connections, name):
    with pytest.raises(InvalidValue):
        await connections.add(name, V)
    made = await connections.add("fine", V)
    with pytest.raises(InvalidValue):
        await connections.update(made.id, name=name)


async def test_a_rename_frees_the_old_name_and_takes_the_new(connections):
    made = await connections.add("old", V)
    await connections.update(made.id, name="new")
    assert await connections.find("old") is None
    assert made.id == (await connections.find("NEW")).id
    await connections.add("old", V)
    with pytest.raises(Uniqueness):
        await connections.update(made.id, name="OLD")


async def test_parallel_changes_of_different_fields_all_hold(connections):
    made = await connections.add("c", V)
    await asyncio.gather(connections.update(made.id, enabled=False), connections.update(made.id, read_only=True))
    now = await connections.get(made.id)
    assert (now.enabled, now.read_only) == (False, True)


async def test_a_value_the_model_refuses_changes_nothing(connections):
    made = await connections.add("c", V)
    with pytest.raises(InvalidValue):
        await connections.update(made.id, policies={"adoption": "everybody"})
    assert made == await connections.get(made.id)


async def test_what_a_newer_version_wrote_survives_a_change(store, connections):
    made = await connections.add("c", V)
    table = store.table("connections")
    document = {**json.loads(made.model_dump_json()), "from_the_future": {"a": [1]}}
    await table.merge(Row("connection", f"id|{made.id}", {"document": json.dumps(document), "future_column": 7}))
    await connections.update(made.id, enabled=False)
    row = await table.get("connection", f"id|{made.id}")
    assert json.loads(row.values["document"])["from_the_future"] == {"a": [1]}
    assert row.values["future_column"] == 7


async def test_a_row_that_cannot_be_read_is_an_outage_and_no_absence(store, connections):
    made = await connections.add("c", V)
    await store.table("connections").merge(Row("connection", f"id|{made.id}", {"document": "{"}))
    for call in (connections.get(made.id), connections.find("c"), connections.list()):
        with pytest.raises(StoreUnavailable):
            await call


async def test_removal_frees_the_name_and_says_when_there_is_nothing(connections):
    made = await connections.add("c", V)
    await connections.remove(made.id)
    assert await connections.find("c") is None
    with pytest.raises(NotFound):
        await connections.remove(made.id)
    with pytest.raises(NotFound):
        await connections.update(made.id, enabled=False)
    await connections.add("c", V)


@pytest.mark.parametrize("fail", ["unavailable", "lost"])
async def test_an_outage_is_told_and_leaves_whole_rows(store, connections, fail):
    store.fail_next(1, fail)
    with pytest.raises(StoreUnavailable):
        await connections.add("c", V)
    assert (fail == "lost") == (await connections.find("c") is not None)


async def test_a_credential_is_sealed_and_opens_again(store, vaults):
    vault = await vaults.add("v", "https://x", SecretStr(CANARY), username="svc")
    assert (await vaults.credential(vault.id)).get_secret_value() == CANARY
    await vaults.set_credential(vault.id, SecretStr("another"))
    assert (await vaults.credential(vault.id)).get_secret_value() == "another"
    assert vault == await vaults.get(vault.id)


async def test_a_credential_shows_itself_nowhere(store, vaults):
    vault = await vaults.add("v", "https://x", SecretStr(CANARY), username="svc")
    rows = [row async for row in store.table("vaults").query(None)]
    shown = [
        repr(rows),
        repr(vault),
        vault.model_dump_json(),
        str(vaults.__dict__),
        repr(await vaults.credential(vault.id)),
    ]
    assert not [text for text in shown if "canary" in text or KEY.decode() in text]


async def test_a_sealed_credential_does_not_open_in_another_row(store, vaults):
    one = await vaults.add("one", "https://x", SecretStr(CANARY))
    two = await vaults.add("two", "https://x", SecretStr("other"))
    table = store.table("vaults")
    stolen = (await table.get("vault", f"id|{one.id}")).values["credential"]
    await table.merge(Row("vault", f"id|{two.id}", {"credential": stolen}))
    with pytest.raises(VaultRefusedUs):
        await vaults.credential(two.id)


async def test_every_changed_bit_of_a_seal_is_noticed():
    seal = Seal([KEY])
    blob = seal.close(b"secret", "vault|1")
    for index in range(len(blob)):
        with pytest.raises(VaultRefusedUs):
            seal.open(bytes([*blob[:index], blob[index] ^ 1, *blob[index + 1 :]]), "vault|1")
    for short in (b"", blob[:5], blob[:-1]):
        with pytest.raises(VaultRefusedUs):
            seal.open(short, "vault|1")


def test_a_new_key_seals_while_the_old_one_still_opens():
    old = Seal([OLD_KEY]).close(b"secret", "c")
    both = Seal([KEY, OLD_KEY])
    assert both.open(old, "c") == b"secret"
    assert Seal([KEY]).open(both.close(b"secret", "c"), "c") == b"secret"
    with pytest.raises(VaultRefusedUs, match="set the credential again"):
        Seal([KEY]).open(old, "c")


def test_the_same_secret_never_seals_alike():
    seal = Seal([KEY])
    assert len({seal.close(b"secret", "c") for _ in range(100)}) == 100


def test_a_seal_needs_whole_keys_and_hides_them():
    for keys in ([], [b"short"]):
        with pytest.raises(ValueError, match="32 bytes"):
            Seal(keys)
    assert "kkkk" not in repr(Seal([KEY]))


async def test_a_vault_without_credential_is_our_fault_and_nobody_elses(store, vaults):
    with pytest.raises(NotFound):
        await vaults.credential(VaultId("feedfeedfeedfeed"))
    with pytest.raises(NotFound):
        await vaults.set_credential(VaultId("feedfeedfeedfeed"), SecretStr("x"))
    vault = await vaults.add("v", "https://x", SecretStr("x"))
    assert await vaults.credential_set_at(vault.id) is not None
    row = await store.table("vaults").get("vault", f"id|{vault.id}")
    await store.table("vaults").put(Row(row.partition, row.key, {"document": row.values["document"]}))
    with pytest.raises(VaultRefusedUs, match="vault credential"):
        await vaults.credential(vault.id)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("https://acme.secretservercloud.com", "https://acme.secretservercloud.com"),
        (" https://PAM.acme.com/SecretServer/ ", "https://pam.acme.com/SecretServer"),
        ("https://pam.acme.com:8443", "https://pam.acme.com:8443"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
    ],
)
def test_a_vault_url_is_stored_in_one_form(text, stored):
    assert stored == vault_url(text)


@pytest.mark.parametrize(
    "text",
    ["", "x", "http://x", "ftp://x", "https://", "https://u:p@x", "https://x?a=b", "https://x#f", "https://x?", "file:///etc",
     "https://x:99999", "https://x\\@y", "https://a b", "https://[x", "javascript:alert(1)", "https://x\ny"],
)  # fmt: skip
def test_what_is_no_plain_https_url_is_no_vault(text):
    with pytest.raises(InvalidValue):
        vault_url(text)


def test_http_is_for_the_simulator_alone():
    assert vault_url("http://127.0.0.1:7080/", insecure=True) == "http://127.0.0.1:7080"


async def test_a_setting_is_changed_by_who_read_it_last(store):
    table = SettingsTable(store.table("settings"))
    assert await table.get("protected") == ({}, "")
    first = await table.put("protected", {"users": [1]}, "")
    with pytest.raises(RowChanged):
        await table.put("protected", {"users": []}, "")
    second = await table.put("protected", {"users": [1, 2]}, first)
    with pytest.raises(RowChanged):
        await table.put("protected", {"users": []}, first)
    assert ({"users": [1, 2]}, second) == await table.get("protected")
    await store.table("settings").merge(Row("settings", "protected", {"document": "{"}))
    with pytest.raises(StoreUnavailable):
        await table.get("protected")
    with pytest.raises(ValueError, match="name of a setting"):
        await table.get("../x")


def test_ten_thousand_fuzzed_names_make_no_bad_key():
    from scim.store.limits import check_key
    from scim.store.named import _name_key

    for _ in range(10_000):
        check_key(_name_key(secrets.token_bytes(12).decode("utf-16-le", "surrogatepass") + "/\\#?\n"))
