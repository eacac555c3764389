"""What runs by the clock: finish what a crash left open, keep the guard's lists fresh, anchor the audit trail."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func

from scim.context import request_context, tell
from scim.errors import ConnectorError

log = logging.getLogger("scim.timers")
SECONDS = 200.0  # within the host's 230


def timer_blueprint(upkeep: Callable[[], Awaitable[Any]]) -> func.Blueprint:
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

    @blueprint.function_name("timer_upkeep")
    @blueprint.timer_trigger(arg_name="timer", schedule="30 */2 * * * *", run_on_startup=False)
    async def timer_upkeep(timer: func.TimerRequest) -> None:  # noqa: ARG001
        with request_context(f"timer-{secrets.token_hex(4)}", SECONDS):
            try:
                await upkeep()
            except ConnectorError as error:
                tell(log, "timer.failed", detail=error.detail)

    return blueprint
