"""Coming and going. Four ways in, each only where it is configured; all end in the same sealed cookie."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scim.access.entra_sign_in import EntraSignIn
from scim.administration.console_keys import take_code
from scim.administration.deeds import Deed
from scim.console.desk import Desk, field, form_of
from scim.console.gate import cookie_name, keep, set_cookie
from scim.console.people import Person, Role, role_named
from scim.errors import ConnectorError, Forbidden, TooManyRequests, Unauthenticated

FLOW_SECONDS = 600
GUESSES, GUESSES_OF_ALL = 3, 50  # of one account: fewer than what locks it in the vault


class SignIn:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._entra = EntraSignIn.from_settings(desk.connector.settings)

    async def show(self, request: Request) -> Response:
        return await self._page(request)

    async def _page(self, request: Request, error: ConnectorError | None = None) -> Response:
        desk, settings = self._desk, self._desk.connector.settings
        vaults = await (await desk.vaults()).list() if settings.console_vault_permission else []
        return desk.page(
            request,
            "sign_in.html",
            200 if error is None else error.status,
            error=error,
            entra=self._entra.configured,
            vaults=vaults,
            permission=settings.console_vault_permission,
            development=desk.development(request),
            next=_inside(request.query_params.get("next", "")),
            done=request.query_params.get("done", ""),
        )

    # -- the ways ----------------------------------------------------------------------------------------------------

    async def development(self, request: Request) -> Response:
        if not self._desk.development(request):
            raise Forbidden("There is no development identity here")
        form = await form_of(request)
        role = role_named(field(form, "role", "admin")) or Role.ADMIN
        return await self._let_in(request, Person("developer", role, "development"), form)

    async def code(self, request: Request) -> Response:
        form = await form_of(request)
        peppers = (await self._desk.keys()).peppers
        key = await take_code(self._desk.console_keys, peppers, field(form, "code")[:100])
        role = role_named(key.role) if key is not None else None
        if key is None or role is None:
            return await self._page(request, Unauthenticated("This code is wrong, was used before, or has expired"))
        return await self._let_in(request, Person(key.name, role, "code"), form)

    async def vault(self, request: Request) -> Response:
        """With an account of the vault that holds the permission which the settings name."""
        form, desk = await form_of(request), self._desk
        wanted = desk.connector.settings.console_vault_permission
        vault = await (await desk.vaults()).get(field(form, "vault"))  # type: ignore[arg-type]
        name, password = field(form, "name")[:200], form.get("password", [""])[0]
        if not wanted or vault is None or not name or not password:
            return await self._page(request, Unauthenticated("Name and password, please"))
        now, tried = time.monotonic(), f"{vault.id}|{name.casefold()}"
        if desk.attempts.wait(tried, now, GUESSES) or desk.attempts.wait("everybody", now, GUESSES_OF_ALL):
            return await self._page(request, TooManyRequests("Too many wrong attempts; wait a quarter of an hour"))
        domain = field(form, "domain")
        account = vault.model_copy(update={"auth": "password", "username": name, "domain": domain})
        report = await desk.connector.probe(account, SecretStr(password))
        held = {_plain(p) for p in report.get("permissions", ())}
        if not report.get("reachable"):
            return await self._page(request, ConnectorError("The vault does not answer; try another way in"))
        if not report.get("credentials") or not held:
            desk.attempts.failed(tried, now)
            desk.attempts.failed("everybody", now)
            return await self._page(request, Unauthenticated("The vault does not accept this name and password"))
        if _plain(wanted) not in held and _plain("Unlimited Administrator") not in held:
            return await self._page(request, Forbidden(f"This account does not hold the permission “{wanted}”"))
        return await self._let_in(request, Person(f"{name} at {vault.name}"[:120], Role.ADMIN, "vault"), form)

    async def entra(self, request: Request) -> Response:
        if not self._entra.configured:
            raise Forbidden("Signing in with Entra is not configured")
        flow = await self._entra.begin()
        response = RedirectResponse(flow["auth_uri"], 303)
        value = {"flow": flow, "next": _inside(request.query_params.get("next", "")), "at": int(time.time())}
        sealed = (await self._desk.cookies()).close("flow", value)
        # the answer is posted by another site: only a cookie that says so comes along
        set_cookie(request, response, cookie_name(request, "flow"), sealed, seconds=FLOW_SECONDS, site="none")
        return response

    async def callback(self, request: Request) -> Response:
        cookies = await self._desk.cookies()
        kept = cookies.open("flow", request.cookies.get(cookie_name(request, "flow"), ""))
        if kept is None or time.time() - kept["at"] > FLOW_SECONDS:
            return await self._page(request, Unauthenticated("This sign-in was not begun here, or took too long"))
        answer = {name: values[0] for name, values in (await form_of(request)).items()}
        try:
            found = await self._entra.finish(kept["flow"], answer)
        except ConnectorError as error:
            return await self._page(request, error)
        roles = [role for name in found.roles if (role := role_named(name)) is not None]
        if not roles:
            return await self._page(
                request, Forbidden(f"{found.name} has no role here: assign Admin, Operator or Auditor in Entra")
            )
        response = await self._let_in(request, Person(found.name, max(roles), "entra"), {"next": [kept["next"]]})
        response.delete_cookie(cookie_name(request, "flow"), path="/")
        return response

    async def leave(self, request: Request) -> Response:
        response = RedirectResponse("/console/sign-in?done=out", 303)
        set_cookie(request, response, cookie_name(request), "", seconds=0)
        return response

    async def _let_in(self, request: Request, person: Person, form: object) -> Response:
        target = _inside(field(form, "next")) if isinstance(form, dict) else ""
        deed = Deed("console.sign-in", f"{person.name} ({person.way})", "console", name=person.role.title)
        await self._desk.connector.trail.record(deed.event("done", status=200))
        response = RedirectResponse(target or "/console", 303)
        keep(request, response, await self._desk.cookies(), person)
        return response


def _inside(target: str) -> str:
    """An address of ours, and nothing else."""
    parts = urlsplit(target)
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/console") and "\\" not in target
    return target if inside and target.isprintable() else ""


def _plain(permission: str) -> str:
    return "".join(permission.split()).casefold()
