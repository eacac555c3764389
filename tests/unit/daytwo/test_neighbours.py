"""A version beside the one before it and the one after it, on the same tables."""

from __future__ import annotations

import json
from dataclasses import replace

from scim.store.connections import Connections
from scim.store.vaults import Vaults
from tests.door import Door, user

FIRST_TOKEN = {"connection", "digest", "created", "expires"}
FIRST_CONNECTION = {"id", "name", "vault", "policies", "created"}


async def test_rows_as_the_first_version_wrote_them_still_let_a_client_in():
    door = Door()
    connection = await door.connection()
    token = await door.token(connection)
    tokens, connections = door.store.table("tokens"), door.store.table("connections")
    for key, row in list(tokens.rows.items()):
        if row.key.startswith("key|"):
            tokens.rows[key] = replace(row, values={n: v for n, v in row.values.items() if n in FIRST_TOKEN})
    for key, row in list(connections.rows.items()):
        if row.key.startswith("id|"):
            document = {n: v for n, v in json.loads(row.values["document"]).items() if n in FIRST_CONNECTION}
            document["policies"] = {"rename": "refuse"}
            connections.rows[key] = replace(row, values={"document": json.dumps(document)})
    client = await door.open(token)
    made = await client.post("/Users", json=user("ann"))
    assert made.status_code == 201
    renamed = {**user("bea"), "id": made.json()["id"]}
    refused = await client.put(f"/Users/{made.json()['id']}", json=renamed)
    assert (400, "mutability") == (refused.status_code, refused.json()["scimType"])


async def test_what_a_newer_version_wrote_survives_our_change():
    door = Door()
    connection = await door.connection()
    for name in ("connections", "vaults"):
        table = door.store.table(name)
        for key, row in list(table.rows.items()):
            if row.key.startswith("id|"):
                document = {**json.loads(row.values["document"]), "from_the_future": [1, {"a": "b"}]}
                if "policies" in document:
                    document["policies"]["future_policy"] = "x"
                values = {**row.values, "document": json.dumps(document), "future_column": 7}
                table.rows[key] = replace(row, values=values)
    await Connections(door.store.table("connections")).update(connection.id, read_only=True)
    vaults: Vaults = await door.connector.vaults()
    await vaults.update(connection.vault, username="other")
    for name in ("connections", "vaults"):
        row = next(r for r in door.rows(name) if r.key.startswith("id|"))
        document = json.loads(row.values["document"])
        assert document["from_the_future"] == [1, {"a": "b"}]
        assert row.values["future_column"] == 7
        assert document.get("policies", {"future_policy": "x"})["future_policy"] == "x"
