"""The JSON API: all that the pages do, for scripts. The route table below also writes the OpenAPI document."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from scim.administration import words
from scim.administration.settings import change_settings, checked
from scim.administration.setup_document import add_setup, write_setup
from scim.administration.verbs import add_token, add_vault, checked_vault, remove_connection, remove_vault
from scim.console import bodies, views
from scim.console.desk import Desk
from scim.console.drawing import percentile
from scim.console.gate import Door
from scim.console.guides import GUIDES
from scim.console.pages.audit import asked, page_of, verified
from scim.console.pages.messages import PAGE, conditions
from scim.console.pages.trying import hand_made, plan_request, tried
from scim.console.pages.vaults import test_vault
from scim.console.people import Role
from scim.errors import InvalidValue, NotFound
from scim.model import Connection, Policies
from scim.store.tokens import StoredToken

AUDITOR, OPERATOR, ADMIN = Role.AUDITOR, Role.OPERATOR, Role.ADMIN
BASE = "/console/api"


def answer(value: Any, status: int = 200) -> Response:
    option = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    return Response(orjson.dumps(value, option=option, default=_plain), status, media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return asdict(value)


class Api:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.document: dict[str, Any] = {}

    async def openapi(self, _: Request) -> Response:
        return answer(self.document)

    # -- watching ----------------------------------------------------------------------------------------------------

    async def overview(self, request: Request) -> Response:
        desk = self._desk
        numbers = await views.traffic(desk, request.query_params.get("range", "1h"))
        whole, seen = numbers.total, await views.seen(desk)
        listed = await desk.connections.list()
        connections = [
            {"id": c.id, "name": c.name, "enabled": c.enabled, "seen": seen.get(c.id), "breaker": breaker}
            for c, breaker in zip(listed, await views.breakers(desk, listed, seen), strict=True)
        ]
        counts = {name: getattr(whole, name) for name in ("requests", "refused", "failed", "upstream", "dropped")}
        times = {"p50": percentile(whole.times, 0.5), "p95": percentile(whole.times, 0.95)}
        return answer({"since": numbers.since, "until": numbers.until, **counts, "ms": times,
                       "connections": connections})  # fmt: skip

    async def attention(self, _: Request) -> Response:
        found = await views.attention(self._desk, renamed=True)
        return answer(
            {
                "held": [{"connection": c.id, "name": c.name, **asdict(b)} for c, b in found.held],
                "open": [{"vault": v.id, **asdict(i)} for v, i in found.open_rows],
                "expiring": [{"connection": c.id, **token_shown(t)} for c, t in found.expiring],
                "failing": [{"connection": c.id, "name": c.name, "detail": text} for c, text in found.silent],
                "renamed": [{**r, "vault": r["vault"].id} for r in found.renamed],
                "unread": found.unread,
            }
        )

    async def messages(self, request: Request) -> Response:
        before = request.query_params.get("before", "")[:120]
        found = await self._desk.connector.messages.newest(PAGE, before=before, **conditions(request))
        return answer({"messages": [{"key": m.key, **asdict(m)} for m in found]})

    async def audit(self, request: Request) -> Response:
        page = await page_of(self._desk, asked(request))
        return answer({"rows": page.rows, "looked_at": page.looked, "until": page.until})

    async def verify(self, _: Request) -> Response:
        report = await verified(self._desk)
        return answer({"fine": report.fine, **asdict(report)})

    # -- vaults ------------------------------------------------------------------------------------------------------

    async def vaults(self, _: Request) -> Response:
        return answer({"vaults": await (await self._desk.vaults()).list()})

    async def add_vault(self, request: Request) -> Response:
        desk, body = self._desk, await bodies.body_of(request, bodies.NewVault)
        vaults, insecure = await desk.vaults(), desk.connector.settings.insecure_vault_urls
        values = body.model_dump(exclude={"password"})
        made = await desk.do(request, "vault.add", lambda: add_vault(vaults, body.password, values, insecure=insecure),
                             name=body.name)  # fmt: skip
        return answer(made, 201)

    async def vault(self, request: Request) -> Response:
        return answer(await self._desk.vault(request))

    async def change_vault(self, request: Request) -> Response:
        desk, vault = self._desk, await self._desk.vault(request)
        changes = bodies.given(await bodies.body_of(request, bodies.VaultChange))
        known = vault.model_dump(include={"auth", "platform_url"})
        checked = checked_vault({**known, **changes}, insecure=desk.connector.settings.insecure_vault_urls)
        vaults = await desk.vaults()
        changed = await desk.do(
            request,
            "vault.edit",
            lambda: vaults.update(vault.id, **{n: checked[n] for n in changes}),
            name=vault.name,
            object_id=vault.id,
            changed=tuple(sorted(changes)),
        )
        return answer(changed)

    async def credential(self, request: Request) -> Response:
        desk, vault = self._desk, await self._desk.vault(request)
        body = await bodies.body_of(request, bodies.Credential)
        vaults = await desk.vaults()
        await desk.do(request, "vault.credential", lambda: vaults.set_credential(vault.id, body.password),
                      name=vault.name, object_id=vault.id)  # fmt: skip
        return Response(status_code=204)

    async def test_vault(self, request: Request) -> Response:
        return answer(dict(await test_vault(self._desk, await self._desk.vault(request))))

    async def remove_vault(self, request: Request) -> Response:
        desk, vault = self._desk, await self._desk.vault(request)
        vaults = await desk.vaults()
        await desk.do(request, "vault.remove", lambda: remove_vault(vaults, desk.connections, vault), name=vault.name,
                      object_id=vault.id)  # fmt: skip
        return Response(status_code=204)

    # -- connections -------------------------------------------------------------------------------------------------

    async def connections(self, _: Request) -> Response:
        return answer({"connections": await self._desk.connections.list()})

    async def add_connection(self, request: Request) -> Response:
        desk, body = self._desk, await bodies.body_of(request, bodies.NewConnection)
        vault = await (await desk.vaults()).need(body.vault)
        fields = _checked({"scope": body.scope, "sources": body.sources, "client": body.client})
        policies = _policies(Policies(), body.policies)

        async def work() -> Connection:
            made = await desk.connections.add(body.name, vault.id, read_only=body.read_only, policies=policies)
            return await desk.connections.update(made.id, **fields)

        return answer(await desk.do(request, "connection.add", work, name=body.name), 201)

    async def connection(self, request: Request) -> Response:
        connection = await self._desk.connection(request)
        seen = await views.seen_of(self._desk, connection)
        breaker = await views.breaker(self._desk, connection, seen)
        return answer({**connection.model_dump(mode="json"), "seen": seen, "breaker": breaker})

    async def change_connection(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        changes = _checked(bodies.given(await bodies.body_of(request, bodies.ConnectionChange)))
        if "policies" in changes:
            changes["policies"] = _policies(connection.policies, changes["policies"] or {}).model_dump()
        names = tuple(sorted(changes))
        changed = await desk.do(request, "connection.edit", lambda: desk.connections.update(connection.id, **changes),
                                name=connection.name, object_id=connection.id, connection=connection.id,
                                changed=names)  # fmt: skip
        return answer(changed)

    async def remove_connection(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        connections, tokens = desk.connections, desk.tokens
        await desk.do(request, "connection.remove", lambda: remove_connection(connections, tokens, connection),
                      name=connection.name, object_id=connection.id, connection=connection.id)  # fmt: skip
        return Response(status_code=204)

    async def release(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        await desk.do(request, "breaker.release", lambda: views.release(desk, connection), name=connection.name,
                      object_id=connection.id, connection=connection.id)  # fmt: skip
        return answer(await views.breaker(desk, connection))

    async def tokens(self, request: Request) -> Response:
        connection = await self._desk.connection(request)
        return answer({"tokens": [token_shown(t) for t in await self._desk.tokens.list(connection.id)]})

    async def add_token(self, request: Request) -> Response:
        desk, connection = self._desk, await self._desk.connection(request)
        body = await bodies.body_of(request, bodies.NewToken)
        pepper = (await desk.keys()).pepper
        days = body.days or (await desk.connector.switches.read()).token_days
        made = await desk.do(
            request,
            "token.add",
            lambda: add_token(desk.tokens, connection, pepper, days=days, force=body.force),
            name=connection.name,
            connection=connection.id,
        )
        return answer({"token": made.text, **token_shown(made.stored)}, 201)

    async def revoke(self, request: Request) -> Response:
        desk, key = self._desk, request.path_params["key"]
        token = await desk.tokens.get(key)
        if token is None:
            raise NotFound("There is no token with this key id")
        revoked = await desk.do(request, "token.revoke", lambda: desk.tokens.revoke(key), name=key,
                                connection=token.connection)  # fmt: skip
        desk.connector.access.known.forget(key)
        return answer(token_shown(revoked))

    # -- the rest ----------------------------------------------------------------------------------------------------

    async def plan(self, request: Request) -> Response:
        connection, made = await self._attempt(request)
        return answer(_outcome(await plan_request(self._desk, connection, made)))

    async def run(self, request: Request) -> Response:
        desk = self._desk
        connection, made = await self._attempt(request)
        outgoing, context = await desk.do(
            request,
            "console.try",
            lambda: desk.run_as(desk.connector, made, connection),
            name=f"{made.method} {made.path} as {connection.name}",
            connection=connection.id,
        )
        return answer(_outcome(tried(made, outgoing, context, [])))

    async def _attempt(self, request: Request) -> tuple[Connection, Any]:
        body = await bodies.body_of(request, bodies.Attempt)
        connection = await self._desk.connections.need(body.connection)
        text = "" if body.body is None else orjson.dumps(body.body).decode()
        return connection, hand_made(body.method, body.target, text)

    async def settings(self, _: Request) -> Response:
        return answer(await self._desk.connector.switches.read(fresh=True))

    async def change_settings(self, request: Request) -> Response:
        desk = self._desk
        values = checked(bodies.given(await bodies.body_of(request, bodies.SwitchChange)))
        switches = desk.connector.switches
        await desk.do(
            request, "settings.edit", lambda: change_settings(switches, values), changed=tuple(sorted(values))
        )
        return answer(await switches.read(fresh=True))

    async def backup(self, request: Request) -> Response:
        desk = self._desk
        return answer(await desk.do(request, "console.backup", lambda: write_setup(desk.connector.store)))

    async def restore(self, request: Request) -> Response:
        desk = self._desk
        try:
            document = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            raise InvalidValue("This is not JSON") from None
        if not isinstance(document, dict):
            raise InvalidValue("This is not a set-up document of this connector")
        return answer(await desk.do(request, "console.restore", lambda: add_setup(desk.connector.store, document)))


def token_shown(token: StoredToken) -> dict[str, Any]:
    now = datetime.now(UTC)
    state = "live" if token.live(now) else "revoked" if token.revoked else "expired"
    names = ("key_id", "connection", "created", "expires", "revoked", "last_used", "last_address")
    return {"state": state, **{name: getattr(token, name) for name in names}}


def _outcome(shown: dict[str, Any]) -> dict[str, Any]:
    names = ("request_id", "status", "headers", "answer", "normalised", "notes", "upstream")
    return {**{name: shown[name] for name in names}, "plan": [asdict(step) for step in shown["plan"]]}


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Scope and sources in their canonical form; None means that a field was not meant."""
    values = {name: value for name, value in fields.items() if value is not None}
    if "scope" in values:
        values["scope"] = words.scope(values["scope"]) if values["scope"] else ()
    if "sources" in values:
        values["sources"] = words.sources(values["sources"])
    if "client" in values and values["client"] not in GUIDES:
        raise InvalidValue(f"client: one of {', '.join(GUIDES)}")
    return values


def _policies(old: Policies, changes: dict[str, Any]) -> Policies:
    for key in words.RIGHTS_MAPS:
        if isinstance(changes.get(key), dict):
            changes = {**changes, key: words.rights_map(key, {str(k): str(v) for k, v in changes[key].items()})}
    unknown = sorted(set(changes) - set(Policies.model_fields))
    if unknown:
        raise InvalidValue(f"policies: there is no {', '.join(unknown)[:80]}")
    try:
        return Policies.model_validate({**old.model_dump(), **changes})
    except ValueError as error:
        raise InvalidValue(f"policies: {str(error)[:300]}") from None


def api_doors(desk: Desk) -> list[Door]:
    """Path, methods, what, who; and the words for the OpenAPI document."""
    a = Api(desk)
    table: list[tuple[str, str, Any, Role, str, Any]] = [
        ("/openapi.json", "GET", a.openapi, AUDITOR, "This document", None),
        ("/overview", "GET", a.overview, AUDITOR, "Numbers of the last hours, and each connection's state", None),
        ("/attention", "GET", a.attention, AUDITOR, "What waits for a human", None),
        ("/messages", "GET", a.messages, AUDITOR, "The newest messages", None),
        ("/audit", "GET", a.audit, AUDITOR, "Search the audit trail, newest first", None),
        ("/audit/verify", "POST", a.verify, AUDITOR, "Check the hash chain", None),
        ("/vaults", "GET", a.vaults, AUDITOR, "All vaults", None),
        ("/vaults", "POST", a.add_vault, ADMIN, "Add a vault", bodies.NewVault),
        ("/vaults/{id}", "GET", a.vault, AUDITOR, "One vault", None),
        ("/vaults/{id}", "PATCH", a.change_vault, ADMIN, "Change a vault", bodies.VaultChange),
        ("/vaults/{id}", "DELETE", a.remove_vault, ADMIN, "Forget a vault", None),
        ("/vaults/{id}/credential", "PUT", a.credential, ADMIN, "Replace its password", bodies.Credential),
        ("/vaults/{id}/test", "POST", a.test_vault, OPERATOR, "Sign in and report", None),
        ("/connections", "GET", a.connections, AUDITOR, "All connections", None),
        ("/connections", "POST", a.add_connection, ADMIN, "Add a connection", bodies.NewConnection),
        ("/connections/{id}", "GET", a.connection, AUDITOR, "One connection", None),
        ("/connections/{id}", "PATCH", a.change_connection, ADMIN, "Change a connection", bodies.ConnectionChange),
        ("/connections/{id}", "DELETE", a.remove_connection, ADMIN, "Revoke its tokens and forget it", None),
        ("/connections/{id}/release", "POST", a.release, OPERATOR, "Let held mass changes pass for an hour", None),
        ("/connections/{id}/tokens", "GET", a.tokens, AUDITOR, "Its tokens, without their text", None),
        (
            "/connections/{id}/tokens",
            "POST",
            a.add_token,
            ADMIN,
            "Make a token; its text is told once",
            bodies.NewToken,
        ),
        ("/tokens/{key}", "DELETE", a.revoke, ADMIN, "Revoke a token", None),
        ("/try/plan", "POST", a.plan, OPERATOR, "Plan a SCIM request; nothing is changed", bodies.Attempt),
        ("/try/run", "POST", a.run, ADMIN, "Carry out a SCIM request", bodies.Attempt),
        ("/settings", "GET", a.settings, AUDITOR, "The switches", None),
        ("/settings", "PATCH", a.change_settings, ADMIN, "Change switches", bodies.SwitchChange),
        ("/backup", "GET", a.backup, ADMIN, "Vaults, connections and tokens; sealed and hashed", None),
        ("/restore", "POST", a.restore, ADMIN, "Add what is missing from a backup", None),
    ]
    doors = [
        Door(BASE + p, (method,), what, role, title=title, body=body) for p, method, what, role, title, body in table
    ]
    a.document = _document(doors, desk.connector.settings.public_url)
    return doors


def _document(doors: list[Door], base: str) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for door in doors:
        method = door.methods[0].lower()
        operation: dict[str, Any] = {
            "summary": door.title,
            "operationId": f"{method}_{re.sub('[^a-z]+', '_', door.path.removeprefix(BASE).lower()).strip('_')}",
            "description": f"Needs the role {door.role.title}.",
            "responses": {"default": {"description": "the result as JSON, or an error as application/problem+json"}},
        }
        names = re.findall(r"{(\w+)}", door.path)
        if names:
            operation["parameters"] = [
                {"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names
            ]
        if door.body is not None:
            schema = door.body.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {})
            schemas[door.body.__name__] = schema
            ref = {"$ref": f"#/components/schemas/{door.body.__name__}"}
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref}}}
        paths.setdefault(door.path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "SCIM Connector for Secret Server: console", "version": "1"},
        "servers": [{"url": base}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }
