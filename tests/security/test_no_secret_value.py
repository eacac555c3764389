"""SECURITY.md 1: the connector asks for no secret's value, whatever its account might see."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from pydantic import SecretStr

from scim import content
from scim.secretserver import operations, wire_content
from scim.secretserver.operations import Operation

ROOT = Path(__file__).resolve().parents[2]
ALL = {name: value for name, value in vars(operations).items() if isinstance(value, Operation)}
# of one secret: the summary, and what a new one looks like. Never /secrets/{id}, its fields, or its restricted forms
READS_OF_SECRETS = {"/v2/secrets", "/v1/secrets/{id}/summary", "/v1/secrets/stub"}


def test_only_lists_and_summaries_of_secrets_are_read():
    read = {o.path for o in ALL.values() if o.method == "GET" and re.match(r"/v\d/secrets(/|$)", o.path)}
    assert read == READS_OF_SECRETS


def test_no_call_is_made_beside_the_table_of_operations():
    for path in (ROOT / "scim").rglob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search(r"secrets/.*(/fields|/restricted|password|checkout|check-out)", text), path


def test_what_a_vault_answers_about_a_secret_has_no_place_for_a_value():
    models = [m for m in vars(wire_content).values() if isinstance(m, type) and hasattr(m, "model_fields")]
    assert models
    for model in models:
        if "secret" in model.__name__.lower():
            assert not {"items", "item_value", "itemValue", "value", "password"} & set(model.model_fields), model


def test_a_secret_in_our_own_words_has_no_value():
    assert not [f.name for f in dataclasses.fields(content.Secret) if "value" in f.name or "field" in f.name]
    given = {f.name: str(f.type) for f in dataclasses.fields(content.NewSecret)}
    assert SecretStr.__name__ in given["fields"], "what a client writes travels sealed in SecretStr"
