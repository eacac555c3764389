"""The draft's own examples, as files named by its sections: each is understood, and what we answer has its shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scim.protocol.dialects import normalise_body
from scim.protocol.service import Dialect, Service
from tests.pam.world import World

Make = Callable[..., World]
FILES = sorted((Path(__file__).parent / "examples").glob("*.json"))
WANTED = {
    "Container": "/Containers/{folder}?attributes=name,displayName,description,type,parent,owner,privilegedData",
    "ContainerPermission": "/ContainerPermissions/{grant}",
    "PrivilegedData": "/PrivilegedData/{secret}",
}


def example(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@pytest.mark.parametrize("strict", [True, False])
def test_every_example_is_understood_without_losing_a_word(path: Path, strict: bool) -> None:
    service = Service(Dialect(strict=strict), secret="0" * 64)
    sent = example(path)
    name = sent["meta"]["resourceType"]
    body, _ = normalise_body("POST", name, sent)
    with service.provider:
        kind = next(t for t in service.provider.resource_types if t.name == name)
        read = service.read_creation(kind, json.dumps(body).encode(), "application/scim+json").model_dump()
    owned = {"id", "meta", "groups", "owner", "schemas"} | ({"privilegedData"} if name == "Container" else set())
    for key, value in sent.items():
        if key in owned or value in ("", []):
            continue
        if isinstance(value, dict) and "value" in value:
            assert value["value"] == read[key]["value"], key
        else:
            assert value == read[key], key


@pytest.mark.parametrize(
    "path", [p for p in FILES if "draft-3" in p.stem or "container-p" in p.stem], ids=lambda p: p.stem
)
async def test_what_we_answer_has_the_shape_of_the_example(world: Make, path: Path) -> None:
    w = world(secrets=30)
    shape = example(path)
    name = shape["meta"]["resourceType"]
    folder = next(f for f in w.tree.folders.values() if f.parent_id == 1 and w.tree.secrets_in.get(f.id))
    w.tree.detach_folder(folder)
    w.vault.changed()
    secret = next(iter(w.tree.secrets_in[folder.id]))
    await w.patch(f"/Containers/{folder.id}", {"op": "add", "path": "description", "value": "d"})
    await w.patch(f"/PrivilegedData/{secret}", {"op": "add", "path": "description", "value": "d"})
    grant = f"{folder.id}-u2"
    wanted = WANTED[name].format(folder=folder.id, secret=secret, grant=grant)
    answer = (await w.send("GET", wanted)).body
    for key, value in shape.items():
        if key == "meta" and "attributes=" in wanted:
            continue
        assert key in answer, key
        if isinstance(value, dict) and "value" in value:
            assert set(value) - {"display"} <= set(answer[key]), key
        if isinstance(value, list) and value and isinstance(value[0], dict):
            assert set(value[0]) <= set(answer[key][0]), key
