"""`/_sim`: what was asked, what is really in the vault, what shall go wrong, and what a person did there meanwhile."""

from __future__ import annotations

from typing import Any

import orjson

from simulator.act import act
from simulator.calls import Journal
from simulator.errors import ApiError
from simulator.faults import Faults
from simulator.http import Answer, answer
from simulator.state import state
from simulator.vault import Vault


class Observatory:
    """Answers everything under /_sim; none of it is counted as a call, and no fault touches it."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.journal = Journal()
        self.faults = Faults()

    def answer(self, method: str, path: str, query: str, body: bytes) -> Answer:
        try:
            return self._answer(method, path.removeprefix("/_sim").rstrip("/"), query, body)
        except (ApiError, ValueError, KeyError, TypeError) as error:
            text = f"missing {error}" if isinstance(error, KeyError) else str(error)
            return answer({"message": text}, 400)

    def _answer(self, method: str, path: str, query: str, body: bytes) -> Answer:
        match method, path:
            case "GET", "/calls":
                return answer({"count": self.journal.count, "calls": self.journal.shown(full="full=1" in query)})
            case "DELETE", "/calls":
                self.journal.clear()
                return answer({"count": 0, "calls": []})
            case "PUT" | "GET" | "DELETE", "/faults":
                if method != "GET":
                    self.faults.set(orjson.loads(body) if method == "PUT" else {"rules": []})
                return answer({"rules": [r.shown() for r in self.faults.rules]})
            case "GET", "/state":
                return Answer(200, state(self.vault, _wanted(query)))
            case "PUT" | "GET", "/switches":
                return self._switches(method, body)
            case "POST", "/act":
                return answer(act(self.vault, _object(body)))
            case "GET", "/health" | "":
                return answer({"healthy": True, "account": self.vault.options.account})
            case _:
                return answer({"message": f"/_sim has no {method} {path}; see python -m simulator --help"}, 404)

    def _switches(self, method: str, body: bytes) -> Answer:
        if method == "PUT":
            for name, value in _object(body).items():
                self.vault.switches.set(name, value)
            self.vault.changed()
        return answer(self.vault.switches.as_dict())


def _object(body: bytes) -> dict[str, Any]:
    value = orjson.loads(body)
    if not isinstance(value, dict):
        raise TypeError("The body is an object.")
    return value


def _wanted(query: str) -> set[str]:
    """`?only=users,groups` leaves the rest out."""
    for part in query.split("&"):
        if part.startswith("only="):
            return set(part[5:].replace("%2C", ",").split(","))
    return set()
