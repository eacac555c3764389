"""How the JSON API answers: models, dataclasses and plain values as JSON, times in UTC."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.responses import Response


def answer(value: Any, status: int = 200) -> Response:
    option = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    return Response(orjson.dumps(value, option=option, default=_plain), status, media_type="application/json")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return asdict(value)
