"""The whole connector in process over a simulated vault, as one client sees it; every call upstream is held against the
vault's API document (tests/unit/secretserver/desk.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from scim.model import Connection, Policies, Vault
from scim.secretserver.directory import SecretServerDirectory
from scim.triggers.exchange import Incoming
from scim.triggers.requests import answer_as
from tests.inprocess import InProcess
from tests.unit.secretserver.desk import Checked

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
OURS = "urn:ietf:params:scim:schemas:extension:secretserver:1.0:"
SECRET, PERMISSION = OURS + "PrivilegedData", OURS + "ContainerPermission"


@dataclass(slots=True)
class Answer:
    status: int
    body: Any
    calls: list[str] = field(default_factory=list)  # upstream, as METHOD /path

    @property
    def detail(self) -> str:
        return str(self.body["detail"])


class World(InProcess):
    """`send` is one SCIM request of the connection `test`, which has these policies."""

    def __init__(self, policies: dict[str, Any] | None = None, switches: dict[str, Any] | None = None, **options: Any):
        sizes = {"users": 12, "groups": 4, "folders": 12, "secrets": 12}
        super().__init__(policies=Policies(**(policies or {})), **{**sizes, **options})
        for name, value in (switches or {}).items():
            self.vault.switches.set(name, value)
        self.connection: Connection | None = None

    def _directory(self, vault: Vault, secret: SecretStr) -> SecretServerDirectory:
        return SecretServerDirectory.connect(
            vault, secret, insecure=True, transport=Checked(self.simulator, checked=True)
        )

    @property
    def vault(self) -> Any:
        return self.simulator.vault

    @property
    def tree(self) -> Any:
        return self.simulator.vault.tree

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        if self.connection is None:
            self.connection = (await self.caller("test")).connection
        path, _, query = path.partition("?")
        await self.ask("DELETE", "/_sim/calls")
        content = b"" if body is None else json.dumps(body).encode()
        named = {"content-type": "application/scim+json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        incoming = Incoming(method, f"/scim/v2{path}", quote(query, safe="=&:,.*+%"), named, content)
        outgoing, _ = await answer_as(self.connector, incoming, self.connection)
        observed = await self.ask("GET", "/_sim/calls")
        calls = [f"{c['method']} {c['path'].removeprefix('/api')}" for c in observed["calls"]]
        value = json.loads(outgoing.body) if outgoing.body else None
        return Answer(outgoing.status, value, [c for c in calls if "oauth2" not in c])

    async def patch(self, path: str, *operations: dict[str, Any]) -> Answer:
        return await self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    async def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.send("POST", path, body)
        assert answer.status == 201, answer.body
        return dict(answer.body)

    # what there is to work with

    def root(self) -> Any:
        """A folder that our account owns and that does not inherit."""
        return self.tree.folders[1]

    def inheriting(self) -> Any:
        """A folder below it that inherits."""
        return next(f for f in self.tree.folders.values() if f.inherits and self.tree.source(f).id != f.id)

    def person(self, at: int = 0) -> Any:
        """Somebody enabled, local, and without power."""
        return [u for u in self.vault.users.values() if u.enabled and u.domain_id == -1 and u.id > 3][at]

    def group(self) -> Any:
        """A group without administrative roles."""
        return next(g for g in self.vault.real_groups.values() if g.enabled and "Admin" not in g.name)

    def rows(self, folder_id: int) -> dict[int, tuple[str, str]]:
        """Whom a folder's own rows name: group (a person's is the personal one) → levels."""
        own = self.tree.folder_grants.of.get(int(folder_id), {}).values()
        return {row.group_id: (row.folder_role, row.secret_role) for row in own}

    def frozen(self) -> str:
        """Everything about folders, secrets and rights, to see that nothing changed."""
        tree = self.tree
        folders = [(f.id, f.name, f.parent_id, f.inherits) for f in tree.folders.values()]
        secrets = [(s.id, s.name, s.folder_id, s.active, s.inherits) for s in tree.secrets.values()]
        grants = [(r.id, r.on, r.group_id, r.folder_role, r.secret_role) for r in tree.folder_grants.rows.values()]
        more = [(r.id, r.on, r.group_id, r.secret_role) for r in tree.secret_grants.rows.values()]
        return repr((folders, secrets, sorted(grants), sorted(more)))
