"""The JSON API: all that the pages do, for scripts. The route table at its end also writes the OpenAPI document."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from scim.administration import words
from scim.administration.verbs import add_token, add_vault, checked_vault, remove_connection, remove_vault
from scim.console import bodies, views
from scim.console.api_answer import answer
from scim.console.api_document import BASE, document
from scim.console.api_rest import ApiRest
from scim.console.desk import Desk
from scim.console.drawing import percentile
from scim.console.gate import Door
from scim.console.guides import GUIDES
from scim.console.pages.audit import AuditPages, asked, page_of, verified
from scim.console.pages.connections import choices_of, first_calls, pastes_of
from scim.console.pages.messages import PAGE, conditions, message_of
from scim.console.pages.overview import vaults_now
from scim.console.pages.vaults import test_vault
from scim.console.people import Role
from scim.errors import ConnectorError, InvalidValue, NotFound
from scim.model import Connection, Policies
from scim.store.messages import Message
from scim.store.tokens import StoredToken

AUDITOR, OPERATOR, ADMIN = Role.AUDITOR, Role.OPERATOR, Role.ADMIN


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

    async def vaults_now(self, _: Request) -> Response:
        found = await vaults_now(self._desk)
        return answer({"vaults": [{"id": vault.id, "name": vault.name, **told(report)} for vault, report in found]})

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
        return answer({"messages": [message_shown(m) for m in found]})

    async def message(self, request: Request) -> Response:
        return answer(message_shown(await message_of(self._desk, request)))

    async def audit(self, request: Request) -> Response:
        page = await page_of(self._desk, asked(request))
        return answer({"rows": page.rows, "looked_at": page.looked, "until": page.until})

    async def export(self, request: Request) -> Response:
        if request.query_params.get("format", "csv") not in ("csv", "jsonl"):
            raise InvalidValue("format is csv or jsonl")
        return await AuditPages(self._desk).export(request)

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
        vault = await self._desk.vault(request)
        set_at = await (await self._desk.vaults()).credential_set_at(vault.id)
        return answer({**vault.model_dump(mode="json"), "credential_set": set_at})

    async def change_vault(self, request: Request) -> Response:
        desk, vault = self._desk, await self._desk.vault(request)
        changes = bodies.given(await bodies.body_of(request, bodies.VaultChange))
        password = changes.pop("password", None)
        known = vault.model_dump(include={"auth", "platform_url"})
        checked = checked_vault({**known, **changes}, insecure=desk.connector.settings.insecure_vault_urls)
        vaults = await desk.vaults()
        changed = await desk.do(
            request,
            "vault.edit",
            lambda: vaults.update(vault.id, credential=password, **{n: checked[n] for n in changes}),
            name=vault.name,
            object_id=vault.id,
            changed=tuple(sorted([*changes, *(["credential"] if password else [])])),
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

    async def checks(self, request: Request) -> Response:
        connection = await self._desk.connection(request)
        guide, seen, rows = await first_calls(self._desk, connection)
        pastes = [
            {"label": p.label, "value": value, "secret": p.secret} for p, value in pastes_of(self._desk, connection)
        ]
        checks = [{"text": check.text, "hint": check.hint, "at": at or None} for check, at in rows]
        return answer({"client": guide.key, "where": guide.where, "values": pastes, "let_in": seen.last_at,
                       "checks": checks, "streak": seen.streak, "last_error": seen.last_error})  # fmt: skip

    async def choices(self, request: Request) -> Response:
        return answer(await choices_of(self._desk, await self._desk.connection(request)))

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


def message_shown(message: Message) -> dict[str, Any]:
    return {"key": message.key, "outcome": message.outcome, **asdict(message)}


def told(report: object) -> dict[str, Any]:
    """How a vault is, in words that a script may compare."""
    if report is None:
        return {"status": "silent", "problem": "no answer in time"}
    if isinstance(report, ConnectorError):
        return {"status": "unreachable", "problem": report.detail}
    health: Any = report
    status = "healthy" if health.account else "refused" if health.reachable else "unreachable"
    account = health.account.name if health.account else None
    return {"status": status, "problem": health.problem, "version": health.version, "ms": health.ms, "account": account}


def token_shown(token: StoredToken) -> dict[str, Any]:
    now = datetime.now(UTC)
    state = "live" if token.live(now) else "revoked" if token.revoked else "expired"
    names = ("key_id", "connection", "created", "expires", "revoked", "last_used", "last_address")
    return {"state": state, **{name: getattr(token, name) for name in names}}


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
    listed = changes.get("person_attributes")
    if isinstance(listed, (list, tuple)):
        changes = {**changes, "person_attributes": words.person_attributes([str(name) for name in listed])}
    unknown = sorted(set(changes) - set(Policies.model_fields))
    if unknown:
        raise InvalidValue(f"policies: there is no {', '.join(unknown)[:80]}")
    try:
        return Policies.model_validate({**old.model_dump(), **changes})
    except ValueError as error:
        raise InvalidValue(f"policies: {str(error)[:300]}") from None


def api_doors(desk: Desk) -> list[Door]:
    """Path, method, what, who; and the words for the OpenAPI document."""
    a = Api(desk)
    doors = [*_watching(a), *_vaults(a), *_connections(a), *_rest(ApiRest(desk))]
    a.document = document(doors, desk.connector.settings.public_url)
    return doors


def _door(
    line: str,
    endpoint: Any,
    role: Role,
    title: str,
    body: Any = None,
    *,
    status: int = 200,
    query: tuple[str, ...] = (),
    media: tuple[str, ...] = ("application/json",),
) -> Door:
    method, _, path = line.partition(" ")
    answered = (status, media)
    return Door(BASE + path, (method,), endpoint, role, title=title, body=body, query=query, answer=answered)


def _watching(a: Api) -> list[Door]:
    search = ("since", "until", "span", "connection", "outcome", "object", "kind", "text", "reads")
    chosen = ("connection", "outcome", "resource")
    return [
        _door("GET /openapi.json", a.openapi, AUDITOR, "This document"),
        _door("GET /overview", a.overview, AUDITOR, "Numbers of the last hours, and each connection's state",
              query=("range",)),
        _door("GET /overview/vaults", a.vaults_now, AUDITOR, "The vaults as they answer now"),
        _door("GET /attention", a.attention, AUDITOR, "What waits for a human"),
        _door("GET /messages", a.messages, AUDITOR, "The newest messages", query=(*chosen, "before")),
        _door("GET /messages/{key}", a.message, AUDITOR, "One message"),
        _door("GET /audit", a.audit, AUDITOR, "Search the audit trail, newest first", query=search),
        _door("GET /audit/export", a.export, AUDITOR, "The same search as a file", query=(*search, "format"),
              media=("text/csv", "application/x-ndjson")),
        _door("POST /audit/verify", a.verify, AUDITOR, "Check the hash chain"),
    ]  # fmt: skip


def _vaults(a: Api) -> list[Door]:
    return [
        _door("GET /vaults", a.vaults, AUDITOR, "All vaults"),
        _door("POST /vaults", a.add_vault, ADMIN, "Add a vault", bodies.NewVault, status=201),
        _door("GET /vaults/{id}", a.vault, AUDITOR, "One vault"),
        _door("PATCH /vaults/{id}", a.change_vault, ADMIN, "Change a vault", bodies.VaultChange),
        _door("DELETE /vaults/{id}", a.remove_vault, ADMIN, "Forget a vault", status=204),
        _door(
            "PUT /vaults/{id}/credential", a.credential, ADMIN, "Replace its password", bodies.Credential, status=204
        ),
        _door("POST /vaults/{id}/test", a.test_vault, OPERATOR, "Sign in and report"),
    ]


def _connections(a: Api) -> list[Door]:
    new, change = bodies.NewConnection, bodies.ConnectionChange
    return [
        _door("GET /connections", a.connections, AUDITOR, "All connections"),
        _door("POST /connections", a.add_connection, ADMIN, "Add a connection", new, status=201),
        _door("GET /connections/{id}", a.connection, AUDITOR, "One connection"),
        _door("PATCH /connections/{id}", a.change_connection, ADMIN, "Change a connection", change),
        _door("DELETE /connections/{id}", a.remove_connection, ADMIN, "Revoke its tokens and forget it", status=204),
        _door("GET /connections/{id}/checks", a.checks, AUDITOR, "Values for its client's form, and its first calls"),
        _door("GET /connections/{id}/choices", a.choices, ADMIN, "Templates and folders that its policies may name"),
        _door("POST /connections/{id}/release", a.release, OPERATOR, "Let held mass changes pass for an hour"),
        _door("GET /connections/{id}/tokens", a.tokens, AUDITOR, "Its tokens, without their text"),
        _door("POST /connections/{id}/tokens", a.add_token, ADMIN, "Make a token; its text is told once",
              bodies.NewToken, status=201),
        _door("DELETE /tokens/{key}", a.revoke, ADMIN, "Revoke a token"),
    ]  # fmt: skip


def _rest(r: ApiRest) -> list[Door]:
    return [
        _door("POST /try/plan", r.plan, OPERATOR, "Plan a SCIM request; nothing is changed", bodies.Attempt),
        _door("POST /try/run", r.run, ADMIN, "Carry out a SCIM request", bodies.Attempt),
        _door("GET /settings", r.settings, AUDITOR, "What can be switched, and what the environment says"),
        _door("PATCH /settings", r.change_settings, ADMIN, "Change settings", bodies.SwitchChange),
        _door("GET /keys", r.keys, AUDITOR, "Keys for scripts, without their text"),
        _door("POST /keys", r.add_key, ADMIN, "Make a key; its text is told once", bodies.NewKey, status=201),
        _door("DELETE /keys/{key}", r.remove_key, ADMIN, "Remove a key", status=204),
        _door("DELETE /sessions", r.end_sessions, ADMIN, "End every session of a person; keys live on", status=204),
        _door("GET /backup", r.backup, ADMIN, "Vaults, connections and tokens; sealed and hashed"),
        _door("POST /restore", r.restore, ADMIN, "Add what is missing from a backup", bodies.SetupDocument),
    ]
