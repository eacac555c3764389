"""Step 1: one HTTP trigger per SCIM resource route.

The host matches routes in alphabetical order of function names, first match wins, and answers a wrong method with an
empty 404 (Functions host v4). Hence the names: each route answers every method, so that 405 is ours, and the catch-alls
sort last, so that 404 is ours. tests/unit/triggers holds the order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from scim.errors import ConnectorError, NotFound
from scim.triggers.exchange import ALL_METHODS, read, write
from scim.triggers.requests import Edge, answer, refusal
from scim.triggers.scim11 import Scim11
from scim.triggers.trouble import tell_trouble

ROUTES = {
    "scim_bulk": "scim/v2/Bulk",
    "scim_container_permissions": "scim/v2/ContainerPermissions/{*rest}",
    "scim_containers": "scim/v2/Containers/{*rest}",
    "scim_entitlements": "scim/v2/Entitlements/{*rest}",
    "scim_groups": "scim/v2/Groups/{*rest}",
    "scim_me": "scim/v2/Me",
    "scim_privileged_data": "scim/v2/PrivilegedData/{*rest}",
    "scim_privileged_data_permissions": "scim/v2/PrivilegedDataPermissions/{*rest}",
    "scim_resource_types": "scim/v2/ResourceTypes/{*rest}",
    "scim_roles": "scim/v2/Roles/{*rest}",
    "scim_schemas": "scim/v2/Schemas/{*rest}",
    "scim_search": "scim/v2/.search",
    "scim_service_provider_config": "scim/v2/ServiceProviderConfig",
    "scim_service_provider_configs": "scim/v2/ServiceProviderConfigs",
    "scim_users": "scim/v2/Users/{*rest}",
    "scim_v1_anything": "scim/v1/{*rest}",
    "scim_zz_anything": "scim/v2/{*rest}",
    "zz_anything": "{*rest}",
}
"""Function name → route. The last two catch what nothing else does."""

Get = Callable[[], Any]


def scim_blueprint(connector: Get) -> func.Blueprint:
    """:param connector: Gives the process's Connector, made at the first request."""
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    for name, route in ROUTES.items():
        edge = Scim11() if name.startswith("scim_v1_") else None
        serve = _trigger(connector, edge) if name.startswith("scim_") else _nothing()
        serve.__name__ = name
        decorated = blueprint.route(route=route, methods=ALL_METHODS, auth_level=func.AuthLevel.ANONYMOUS)(serve)
        blueprint.function_name(name)(decorated)
    return blueprint


def _trigger(connector: Get, edge: Edge | None) -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        incoming = read(req)
        try:
            outgoing = await answer(connector(), incoming, edge)
        except ConnectorError as error:  # the connector itself could not be made: settings
            tell_trouble(error)
            outgoing = refusal(error)
        return write(outgoing, head=incoming.method == "HEAD")

    return serve


def _nothing() -> Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]:
    async def serve(req: func.HttpRequest) -> func.HttpResponse:
        outgoing = refusal(NotFound("There is nothing here; SCIM 2.0 is under /scim/v2, 1.1 under /scim/v1"))
        return write(outgoing, head=(req.method or "").upper() == "HEAD")

    return serve
