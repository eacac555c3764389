"""A stand-in for the app's command line: it checks what it is handed and remembers next to nothing."""

import json
import os
import sys
from pathlib import Path

ACCOUNT = ["--auth", "password", "--username", "svc-scim", "--password-stdin"]


def answer(words: list[str], given: str) -> dict:
    if words == ["setup"]:
        return {"tables": "ready"}
    if words[:2] == ["vault", "add"]:
        if given != "simulator-only" or words[-5:] != [
            "--auth",
            "password",
            "--username",
            "svc-scim",
            "--password-stdin",
        ]:
            raise ValueError("that is not the account")
        if place := os.environ.get("FIXTURE_VAULT_FILE"):
            Path(place).write_text(words[words.index("--url") + 1])
        return {"name": "demo"}
    if words == ["connection", "add", "demo", "--vault", "demo"]:
        return {"id": "1", "name": "demo"}
    if words == ["token", "add", "demo"]:
        return {"token": "ssc_fixture"}
    raise ValueError(f"unknown words: {words}")


assert sys.argv[1:] == ["batch"]
for line in sys.stdin:
    asked = json.loads(line)
    try:
        print(json.dumps({"exit": 0, "answer": answer(asked["argv"], asked["stdin"])}), flush=True)
    except ValueError as error:
        print(json.dumps({"exit": 1, "error": str(error)}), flush=True)
