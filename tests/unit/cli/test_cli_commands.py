from __future__ import annotations

import io
import json
import re
from typing import get_args

import pytest

from scim.access.keys import derive
from scim.access.tokens import digest, parse
from scim.audit.verify import verify
from scim.cli.main import AUDITED, COMMANDS, main
from scim.cli.office import Office
from scim.cli.parser import build
from scim.errors import VaultRefusedUs
from scim.model import Policies
from scim.settings import Settings
from scim.store.memory import MemoryStore

PASSWORD = "canary-pässword-1"
KEYS = derive(b"canary-pepper-0123456789abcdefgh", (b"canary-data-key-123456789abcdefg",))
TOKEN = re.compile(r"ssc_[0-9a-f]{8}_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}")


class Console:
    """A terminal in front of one office."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.office = Office(Settings(_env_file=None, insecure_vault_urls=False), self.store, KEYS, self.probe)
        self.out = self.err = ""
        self.probed: list[str] = []

    async def probe(self, vault, credential):
        self.probed.append(credential.get_secret_value())
        if vault.username == "wrong":
            raise VaultRefusedUs("Secret Server refuses the account")
        return {"account": vault.username, "version": "11.7"}

    def __call__(self, line: str, stdin: str = "") -> int:
        out, err = io.StringIO(), io.StringIO()
        code = main(line.split(), office=self.office, stdin=io.StringIO(stdin), stdout=out, stderr=err)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def json(self, line: str, stdin: str = ""):
        assert self("--json " + line, stdin) == 0, self.err
        return json.loads(self.out)

    def rows(self) -> str:
        return repr([row for table in self.store.tables.values() for row in table.rows.values()])


@pytest.fixture
def console():
    return Console()


@pytest.fixture
def ready(console):
    assert (
        console("vault add prod --url https://acme.secretservercloud.com --username svc --password-stdin", PASSWORD)
        == 0
    )
    assert console("connection add entra --vault PROD --scope user,group --source 10.0.0.0/8") == 0
    return console


def test_the_way_from_nothing_to_a_token(console):
    assert console("setup") == 0
    assert console("vault add prod --url https://x.example/ --username svc --password-stdin", PASSWORD + "\n") == 0
    assert console("connection add entra --vault prod") == 0
    assert console("token add entra --days 30") == 0
    token = parse(console.out.strip())
    assert token is not None
    assert "cannot be shown again" in console.err
    listed = console.json("token list entra")
    assert [(token.key_id, "live")] == [(row["key_id"], row["state"]) for row in listed]
    row = console.store.table("tokens").rows["tokens", f"key|{token.key_id}"]
    assert digest(token, KEYS.pepper) == row.values["digest"]


def test_a_password_is_shown_and_stored_nowhere(ready, monkeypatch):
    seen = ready.out + ready.err
    monkeypatch.setenv("MY_PASSWORD", PASSWORD + "2")
    ready("vault credential prod --password-env MY_PASSWORD")
    for line in ("vault list", "vault show prod", "--json vault show prod", "vault test prod", "audit export"):
        assert ready(line) == 0, ready.err
        seen += ready.out + ready.err
    assert ready.probed == [PASSWORD + "2"]
    assert "canary" not in seen + ready.rows()


def test_a_password_is_never_an_argument(console):
    assert console("vault add v --url https://x --username u --password secret") == 2
    assert console("vault add v --url https://x --username u") == 2
    assert "never as an argument" in console.err
    assert console("vault add v --url https://x --username u --password-stdin", "\n") == 1
    assert console("vault add v --url https://x --username u --password-env NOT_SET_ANYWHERE") == 1
    assert console.json("vault list") == []


def test_a_token_is_shown_once(ready):
    ready("token add entra")
    text = ready.out.strip()
    for line in ("token list entra", "connection show entra", "--json connection show entra", "audit export"):
        ready(line)
        assert text[13:40] not in ready.out + ready.err
    assert text[13:40] not in ready.rows()


def test_the_third_token_needs_force(ready):
    first = ready.json("token add entra")["key_id"]
    ready("token add entra")
    assert ready("token add entra") == 1
    assert "--force" in ready.err
    assert ready("token add entra --force") == 0
    assert next(row["state"] for row in ready.json("token list entra") if row["key_id"] == first) == "revoked"


def test_a_revoked_token_stays_revoked(ready):
    key_id = ready.json("token add entra")["key_id"]
    assert ready.json(f"token revoke {key_id}")["state"] == "revoked"
    assert ready("token revoke 00000000") == 1
    assert ready("token add entra --days 731") == 2
    assert ready("token add nobody") == 1


def test_a_vault_is_edited_field_by_field(ready):
    ready("vault edit prod --protect-user 3 --protect-user 5 --protect-group 7 --username other")
    ready("vault edit prod --unprotect-user 3 --protect-user 9 --rename main")
    shown = ready.json("vault show MAIN")
    assert (shown["protected_users"], shown["protected_groups"], shown["username"]) == ([5, 9], [7], "other")
    assert ready("vault edit main") == 2
    assert ready("vault edit nobody --username x") == 1


def test_another_address_wants_the_password_again(ready):
    assert ready("vault edit prod --url https://evil.example") == 1
    assert "has to be given again" in ready.err
    assert ready.json("vault show prod")["url"] == "https://acme.secretservercloud.com"
    assert ready("vault edit prod --url https://acme.secretservercloud.com/SecretServer") == 0
    assert ready("vault edit prod --url https://pam.acme.com --password-stdin", "another") == 0
    assert ready.json("vault show prod")["url"] == "https://pam.acme.com"
    assert ready("vault edit prod --username x --password-env NOT_SET_ANYWHERE") == 1


@pytest.mark.parametrize(
    "url",
    ["http://x", "https://u:p@x", "ftp://x", "https://x?a=b", "x", "https://169.254.169.254", "https://localhost"],
)
def test_a_vault_needs_a_plain_https_url(console, url):
    assert console(f"vault add v --url {url} --username u --password-stdin", "x") == 1
    assert console.json("vault list") == []


def test_platform_authentication_needs_its_url(console):
    line = "vault add v --url https://x --auth platform --username u --password-stdin"
    assert console(line, "x") == 2
    assert console(line + " --platform-url https://acme.delinea.app", "x") == 0


def test_a_vault_in_use_is_not_removed(ready):
    assert ready("vault remove prod") == 1
    assert "entra" in ready.err
    assert ready("connection remove entra") == 0
    assert ready("vault remove prod") == 0


def test_testing_a_vault_tells_who_we_are_there(ready):
    assert ready.json("vault test prod")["account"] == "svc"
    ready("vault edit prod --username wrong")
    assert ready("vault test prod") == 1
    assert "refuses the account" in ready.err


def test_a_connection_is_edited_field_by_field(ready):
    ready("connection edit entra --policy adoption=managed-only --policy breaker-floor=25 --read-only")
    ready("connection edit entra --policy mail_domains=Acme.com,acme.org --source 2001:db8::/32 --scope all")
    shown = ready.json("connection show entra")
    policies = shown["policies"]
    assert (
        policies["adoption"],
        policies["breaker_floor"],
        policies["mail_domains"],
    ) == ("managed-only", 25, ["acme.com", "acme.org"])
    assert (shown["read_only"], shown["scope"], shown["sources"]) == (True, [], ["2001:db8::/32"])
    ready("connection edit entra --policy person_attributes=NAME,costcenter")
    assert ready.json("connection show entra")["policies"]["person_attributes"] == ["name", "costCenter"]
    ready("connection edit entra --policy person_attributes=None")
    assert ready.json("connection show entra")["policies"]["person_attributes"] == ["none"]
    ready("connection edit entra --policy person_attributes=")
    assert ready.json("connection show entra")["policies"]["person_attributes"] == []
    ready("connection edit entra --read-write --source any --rename okta")
    shown = ready.json("connection show okta")
    assert (shown["read_only"], shown["sources"]) == (False, [])
    assert ready("connection edit okta") == 2


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("--policy adoption=all", "adopt"),
        ("--policy person_attributes=name,shoeSize", "nickName"),
        ("--policy person_attributes=none,name", "none alone"),
        ("--policy breaker=maybe", "true or false"),
        ("--policy breaker_percent=101", "0 to 100"),
        ("--policy breaker_floor=-1", "whole number"),
        ("--policy breaker_floor=１", "whole number"),
        ("--policy nosuch=1", "adoption"),
        ("--policy adoption", "KEY=VALUE"),
        ("--scope Users", "PrivilegedData"),
        ("--scope ,", "PrivilegedData"),
        ("--source 10.0.0.1/8", "host bits"),
        ("--source 300.0.0.0/8", "203.0.113.0/24"),
    ],
)
def test_a_wrong_value_is_refused_with_the_right_ones(ready, option, hint):
    before = ready.json("connection show entra")
    assert ready(f"connection edit entra {option}") == 1
    assert hint in ready.err
    assert ready(f"connection add other --vault prod {option}") == 1
    assert before == ready.json("connection show entra")


@pytest.mark.parametrize("key", Policies.model_fields)
def test_every_policy_can_be_set(ready, key):
    choices = get_args(Policies.model_fields[key].annotation)
    value = next((choice for choice in choices if isinstance(choice, str)), "1")
    value = {"person_attributes": "title"}.get(key, "Use=View" if key.endswith("_rights") else value)
    assert ready(f"connection edit entra --policy {key}={value}") == 0, ready.err


def test_a_disabled_connection_keeps_everything_else(ready):
    before = ready.json("connection show entra")
    assert ready("connection disable entra") == 0
    assert {**before, "enabled": False} == ready.json("connection show entra")
    assert ready("connection enable entra") == 0
    assert before == ready.json("connection show entra")


def test_a_removed_connection_takes_its_tokens_along(ready):
    key_id = ready.json("token add entra")["key_id"]
    assert ready.json("connection remove entra")["revoked_tokens"] == 1
    assert ready.json(f"token revoke {key_id}")["state"] == "revoked"
    assert ready.json("connection list") == []


@pytest.mark.parametrize(
    "line", ["", "nope", "vault", "vault nope", "token add", "vault list --nope", "connection add x"]
)
def test_what_is_not_understood_exits_with_two(console, line):
    assert console(line) == 2
    assert "usage" in console.err


def test_help_has_examples_and_exits_well(console, capsys):
    assert console("--help") == 0
    assert "examples:" in capsys.readouterr().out
    assert console("vault add --help") == 0


def test_every_word_of_the_parser_has_a_command():
    nouns = next(a for a in build()._actions if a.dest == "noun").choices
    words = set()
    for noun, parser in nouns.items():
        verbs = [a for a in parser._actions if a.dest == "verb"]
        words |= {(noun, verb) for verb in verbs[0].choices} if verbs else {(noun, None)}
    assert words - {("batch", None)} == set(COMMANDS)


def test_a_batch_answers_line_by_line_and_goes_on_after_a_refusal(console):
    lines = [
        {"argv": ["vault", "add", "v", "--url", "https://x", "--username", "u", "--password-stdin"], "stdin": PASSWORD},
        {"argv": ["connection", "add", "c", "--vault", "v"]},
        {"argv": ["connection", "add", "c", "--vault", "v"]},
        {"argv": ["nope"]},
        {"argv": ["batch"]},
        {"argv": ["audit", "export"]},
        {"argv": ["vault", "list", "--help"]},
        {},
        {"argv": ["token", "add", "c"]},
    ]
    text = "\n\n".join(json.dumps(line) for line in lines) + "\nnot json\n"
    assert console("batch", text) == 2
    answers = [json.loads(line) for line in console.out.splitlines() if line.startswith("{")]
    assert [answer["exit"] for answer in answers] == [0, 0, 1, 2, 2, 2, 0, 2, 0, 2]
    assert TOKEN.fullmatch(answers[8]["answer"]["token"])
    assert "canary" not in console.out


def test_a_change_is_told_to_the_audit_trail_before_and_after(ready):
    ready("token add entra")
    ready("token add nobody")
    assert ready("audit export --since 1d") == 0
    events = [json.loads(line) for line in ready.out.splitlines()]
    told = [(event["action"], event["outcome"]) for event in events]
    assert {("vault.add", "done"), ("connection.add", "done"), ("token.add", "unknown"), ("token.add", "done")} <= set(
        told
    )
    assert ("token.add", "refused") in told
    assert len(told) == 2 * 4
    assert ready("audit verify") == 0


def test_nothing_is_changed_that_cannot_be_told(ready):
    ready.store.fail_next(1)
    assert ready("token add entra") == 1
    assert ready.json("token list entra") == []


def test_every_changing_command_is_audited():
    reads = {"list", "show", "test", "verify", "export", "setup", "rotate-pepper", "verify-audit"}
    assert {words for words in COMMANDS if (words[1] or words[0]) not in reads} == AUDITED


def test_a_broken_trail_exits_with_one_and_says_where(ready):
    table = ready.store.table("audit")
    keys = sorted(keys for keys in table.rows if keys[0] != "anchors")
    row = table.rows.pop(keys[0])
    assert ready("audit verify") == 1
    assert row.partition in ready.err
    assert ready("audit verify --heads /nonexistent") == 1


def test_an_export_knows_its_times_and_forms(ready, tmp_path):
    assert ready("audit export --format csv --since 2020-01-01 --until 2099-01-01T00:00:00Z") == 0
    assert ready.out.startswith('"at"')
    assert ready("audit export --since 2099-01-01") == 0
    assert ready.out == ""
    assert ready("audit export --since yesterday") == 2
    log = tmp_path / "log"
    log.write_text("nothing here\n")
    assert ready(f"audit verify --heads {log} --since 1d") == 0


def test_an_outage_is_a_refusal_with_a_reason(ready):
    for line in ("vault list", "audit verify", "audit export"):
        ready.store.fail_next(1)
        assert ready(line) == 1
        assert "Table Storage" in ready.err


def test_missing_settings_are_named(monkeypatch):
    for name in (
        "SCIM_TABLES_CONNECTION_STRING",
        "SCIM_TABLES_ENDPOINT",
        "SCIM_PEPPER",
        "SCIM_DATA_KEY",
        "SCIM_KEY_VAULT_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    err = io.StringIO()
    assert main(["vault", "list"], stderr=err) == 1
    assert "SCIM_TABLES_ENDPOINT" in err.getvalue()
    monkeypatch.setenv("SCIM_TABLES_CONNECTION_STRING", "UseDevelopmentStorage=true")
    assert main(["vault", "list"], stderr=err) == 1
    assert "SCIM_PEPPER" in err.getvalue()
    monkeypatch.setenv("SCIM_PEPPER", "canary")
    assert main(["vault", "list"], stderr=err) == 1
    assert "32 random bytes" in err.getvalue()
    assert "canary" not in err.getvalue()


def test_a_trail_written_by_commands_verifies(ready):
    import asyncio

    assert asyncio.run(verify(ready.store.table("audit"))).fine
