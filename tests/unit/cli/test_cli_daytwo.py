"""What administrators do after the first day: copies, keys, the breaker."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from scim.access.access import Access
from scim.access.keys import derive
from scim.access.tokens import parse
from scim.cli.main import main
from scim.cli.office import Office
from scim.directory.breaker import Breaker
from scim.errors import Held, Unauthenticated
from scim.settings import Settings
from scim.store.connections import Connections
from scim.store.memory import MemoryStore
from scim.store.table import Row
from scim.store.tokens import Tokens

OLD, NEW = b"canary-pepper-old-0123456789abcd", b"canary-pepper-new-0123456789abcd"
KEY, NEXT_KEY = b"canary-data-key-old-0123456789ab", b"canary-data-key-new-0123456789ab"
PASSWORD = "canary-password"


class Terminal:
    """A terminal in front of an office whose keys can be changed."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.keys = derive(OLD, (KEY,))
        self.out = self.err = ""

    @property
    def office(self) -> Office:
        async def probe(_vault, credential):
            return {"account": credential.get_secret_value()}

        return Office(Settings(_env_file=None), self.store, self.keys, probe)

    def __call__(self, line: str, stdin: str = "") -> int:
        out, err = io.StringIO(), io.StringIO()
        code = main(line.split(), office=self.office, stdin=io.StringIO(stdin), stdout=out, stderr=err)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def json(self, line: str, stdin: str = ""):
        assert self("--json " + line, stdin) == 0, self.err
        return json.loads(self.out)

    def rows(self, *but: str):
        return {
            (name, *place): dict(row.values)
            for name, table in self.store.tables.items()
            if name not in but
            for place, row in table.rows.items()
        }


@pytest.fixture
def terminal():
    terminal = Terminal()
    assert terminal("setup") == 0
    terminal("vault add prod --url https://acme.secretservercloud.com --username svc --password-stdin", PASSWORD)
    terminal("connection add entra --vault prod")
    terminal("token add entra")
    terminal.token = parse(terminal.out.strip())
    return terminal


# -- copies ----------------------------------------------------------------------------------------------------------


def test_what_was_copied_comes_back_value_by_value(terminal, tmp_path):
    table = terminal.store.table("attributes")
    when = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    values = {"text": "ä\u2028\n", "whole": 2**62, "part": 1.0, "yes": True, "when": when, "raw": b"\x00\xff"}
    asyncio.run(table.insert(Row("v|user", "0000000001", values)))
    before = terminal.rows("audit", "journal", "messages")
    assert terminal(f"backup {tmp_path}/copy") == 0, terminal.err
    terminal.store.tables.clear()
    assert terminal(f"restore {tmp_path}/copy") == 0, terminal.err
    assert before == terminal.rows("audit", "journal", "messages")
    stored = terminal.store.table("attributes").rows["v|user", "0000000001"].values
    assert [type(values[n]) for n in values] == [type(stored[n]) for n in values]


def test_a_copy_holds_no_secret_in_clear_and_is_for_its_owner_only(terminal, tmp_path):
    terminal(f"backup {tmp_path}/copy")
    text = b"".join(path.read_bytes() for path in (tmp_path / "copy").iterdir())
    for secret in (PASSWORD.encode(), OLD, KEY, terminal.token.text[13:].encode()):
        assert secret not in text
    assert not (tmp_path / "copy" / "audit.jsonl").exists()
    assert {0o600} == {path.stat().st_mode & 0o777 for path in (tmp_path / "copy").iterdir()}


def test_a_file_that_was_touched_is_refused_and_nothing_is_written(terminal, tmp_path):
    terminal(f"backup {tmp_path}/copy")
    before = terminal.rows("audit")
    for change in ("append", "remove", "manifest"):
        copy = tmp_path / "copy" / ("manifest.json" if change == "manifest" else "tokens.jsonl")
        whole = copy.read_bytes()
        copy.write_bytes(whole + b"{}\n" if change == "append" else whole[: len(whole) // 2])
        assert terminal(f"restore {tmp_path}/copy --replace") == 1
        copy.write_bytes(whole)
    assert before == terminal.rows("audit")


def test_full_tables_are_replaced_only_when_that_is_said(terminal, tmp_path):
    terminal(f"backup {tmp_path}/copy")
    terminal("connection add okta --vault prod")
    assert terminal(f"restore {tmp_path}/copy") == 1
    assert "--replace" in terminal.err
    assert terminal(f"restore {tmp_path}/copy --replace") == 0
    assert [c["name"] for c in terminal.json("connection list")] == ["entra"]


def test_a_token_revoked_after_the_copy_stays_revoked(terminal, tmp_path):
    terminal(f"backup {tmp_path}/copy")
    terminal(f"token revoke {terminal.token.key_id}")
    assert terminal.json(f"restore {tmp_path}/copy --replace")["kept_revoked"] == 1
    assert [t["state"] for t in terminal.json("token list entra")] == ["revoked"]


def test_what_was_under_way_is_not_repeated_by_a_restore(terminal, tmp_path):
    asyncio.run(terminal.store.table("journal").insert(Row("open|v", "1", {"action": "group.members"})))
    terminal(f"backup {tmp_path}/copy")
    terminal.store.tables.clear()
    terminal(f"restore {tmp_path}/copy")
    assert not terminal.store.table("journal").rows


def test_a_console_key_that_was_taken_away_does_not_come_back(terminal, tmp_path):
    old = terminal.json("console key old")["key"][4:12]
    terminal(f"backup {tmp_path}/copy")
    assert terminal(f"console remove {old}") == 0, terminal.err
    new = terminal.json("console key new")["key"][4:12]
    assert terminal(f"restore {tmp_path}/copy --replace") == 0
    assert [new] == [key["key_id"] for key in terminal.json("console list")]


def test_a_copy_wants_a_directory_of_its_own(terminal, tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    assert terminal(f"backup {tmp_path}") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_restore_under_other_keys_says_what_will_not_work(terminal, tmp_path):
    terminal(f"backup {tmp_path}/copy")
    terminal.keys = derive(NEW, (NEXT_KEY,))
    terminal.store.tables.clear()
    assert terminal(f"restore {tmp_path}/copy") == 0
    assert "another pepper" in terminal.err
    assert "another data key" in terminal.err


# -- keys ------------------------------------------------------------------------------------------------------------


def access(terminal: Terminal) -> Access:
    async def pepper() -> bytes:
        return terminal.keys.pepper

    async def older() -> tuple[bytes, ...]:
        return terminal.keys.older_peppers

    store = terminal.store
    return Access(
        Tokens(store.table("tokens")), Connections(store.table("connections")), pepper, Settings(_env_file=None),
        older_peppers=older,
    )  # fmt: skip


async def enter(terminal: Terminal, text: str) -> None:
    door = access(terminal)
    await door.authenticate({"authorization": f"Bearer {text}"})
    await door.close()
    await door.authenticate({"authorization": f"Bearer {text}"})


def test_a_token_outlives_the_pepper_that_it_was_made_under(terminal):
    text = terminal.token.text
    assert terminal("rotate-pepper") == 0
    terminal.keys = derive(NEW, (KEY,), (OLD,))
    assert terminal("rotate-pepper") == 1
    assert terminal.token.key_id in terminal.err
    asyncio.run(enter(terminal, text))
    assert terminal("rotate-pepper") == 0, terminal.err
    terminal.keys = derive(NEW, (KEY,))
    asyncio.run(enter(terminal, text))


def test_without_the_old_pepper_a_token_that_never_came_is_refused(terminal):
    terminal.keys = derive(NEW, (KEY,))
    with pytest.raises(Unauthenticated):
        asyncio.run(enter(terminal, terminal.token.text))


def test_instances_may_learn_of_the_new_pepper_one_after_the_other(terminal):
    """First `old,new` everywhere, then `new,old`: at no moment does an instance refuse what another one moved."""
    text = terminal.token.text
    slow, quick = derive(OLD, (KEY,), (NEW,)), derive(NEW, (KEY,), (OLD,))
    for keys in (slow, quick, slow, quick, quick):
        terminal.keys = keys
        asyncio.run(enter(terminal, text))
    terminal.keys = quick
    assert terminal("rotate-pepper") == 0


def test_credentials_move_to_the_new_data_key(terminal):
    terminal.keys = derive(OLD, (NEXT_KEY, KEY))
    set_at = terminal.json("vault show prod")["credential_set"]
    assert terminal.json("rotate-data-key") == {"resealed": ["prod"], "already": []}
    assert terminal.json("rotate-data-key") == {"resealed": [], "already": ["prod"]}
    terminal.keys = derive(OLD, (NEXT_KEY,))
    assert terminal.json("vault test prod")["account"] == PASSWORD
    assert set_at == terminal.json("vault show prod")["credential_set"]


def test_a_credential_that_no_key_opens_is_named_not_lost(terminal):
    before = terminal.rows("audit")
    terminal.keys = derive(OLD, (NEXT_KEY,))
    assert terminal("rotate-data-key") == 1
    assert "no longer has" in terminal.err
    assert before == terminal.rows("audit")


# -- the breaker -----------------------------------------------------------------------------------------------------


def test_a_released_breaker_lets_changes_pass_and_the_trail_says_who_did_it(terminal):
    connection = asyncio.run(terminal.office.connections.need("entra"))

    async def no_users() -> int:
        return 0

    def admit() -> None:
        asyncio.run(Breaker(terminal.store.table("settings"), connection, no_users).admit(11))

    with pytest.raises(Held):
        admit()
    assert terminal("breaker release entra --minutes 5") == 0
    admit()
    assert terminal.json("breaker show entra") == {
        "connection": "entra", "changes_in_the_last_hour": 11, "floor": 10, "percent_of_users": 10, "released": True,
        "switched_on": True,
    }  # fmt: skip
    terminal("audit export --format jsonl")
    actions = [json.loads(line)["action"] for line in terminal.out.splitlines()]
    assert "breaker.release" in actions
    assert terminal("breaker release nobody") == 1
    assert terminal("breaker release entra --minutes 0") == 2


def test_verify_audit_is_audit_verify(terminal):
    assert terminal("verify-audit") == 0
    table = terminal.store.table("audit")
    place, row = next((place, row) for place, row in table.rows.items() if place[0] != "anchors")
    table.rows[place] = replace(row, values={**row.values, "event": "{}"})
    assert terminal("verify-audit") == 1
