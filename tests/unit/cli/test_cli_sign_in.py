"""Ways to sign in beside a token, as the command line sets them."""

from __future__ import annotations

import pytest

from tests.unit.cli.test_cli_commands import PASSWORD, Console

TENANT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def console() -> Console:
    found = Console()
    found.json("setup")
    found.json("vault add v --url https://vault.example --username svc --password-stdin", PASSWORD)
    return found


def test_a_connection_is_told_whom_of_entra_it_lets_in(console: Console) -> None:
    options = (
        f"--entra-tenant {TENANT} --entra-audience api://x --entra-subject AAAA --entra-subject bbbb --me-claim upn"
    )
    made = console.json(f"connection add entra --vault v {options}")
    assert (TENANT, "api://x", ["aaaa", "bbbb"], "upn", False) == tuple(
        made[name] for name in ("entra_tenant", "entra_audience", "entra_subjects", "me_claim", "basic")
    )
    changed = console.json("connection edit entra --entra-subject none --me-claim none --basic")
    assert ([], "", True, TENANT) == tuple(changed[n] for n in ("entra_subjects", "me_claim", "basic", "entra_tenant"))
    assert console.json("connection edit entra --no-basic")["basic"] is False


def test_a_tenant_is_an_id_and_nothing_that_could_lead_a_url_elsewhere(console: Console) -> None:
    for tenant in ("contoso.onmicrosoft.com", "../x", TENANT + "/..", "common"):
        assert console(f"connection add entra --vault v --entra-tenant {tenant}") == 1
        words = "The Entra tenant must be its id, such as 72f988bf-86f1-41af-91ab-2d7cd011db47"
        assert words in console.err, "the sentence, and no pattern"
        assert "pattern" not in console.err
    assert console.json("connection list") == []


def test_a_client_secret_is_listed_as_one_and_counts_apart(console: Console) -> None:
    console.json("connection add c --vault v")
    kinds = ["bearer", "bearer", "client_secret", "client_secret"]
    for kind in kinds:
        assert kind == console.json(f"token add c --kind {kind}")["kind"]
    assert console("token add c --kind client_secret") == 1
    assert kinds == [token["kind"] for token in console.json("token list c")]
