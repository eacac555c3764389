"""What each client of facts 2.4 sends, recorded, replayed over HTTP against the running stack."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from tests.clients.replay import Replay
from tests.clients.test_dialogs import client
from tests.conftest import Stack

pytestmark = pytest.mark.stack
RECORDED = Path(__file__).parent.parent / "clients" / "pam"


@pytest.mark.parametrize("name", sorted(path.stem for path in RECORDED.glob("*.json")))
def test_the_recorded_requests_are_answered_as_promised(stack: Stack, name: str) -> None:
    dialog = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    run = secrets.token_hex(3)
    with client(stack, dialog, run) as http:
        replay = Replay(http, stack, run)
        for step in dialog["steps"]:
            replay.step(step)
    assert stack.state()["secret_views"] == []
