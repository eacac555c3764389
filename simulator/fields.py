"""Reading request bodies: declared properties with their types, and the {dirty, value} patch fields."""

from collections.abc import Mapping
from typing import Any

from simulator.errors import ApiError, invalid
from simulator.http import Call

Shape = Mapping[str, type | str]
"""Property → str, int, bool, "int?", "bool?", "str?", "ints", "strs", "object" or "objects"."""


def read(
    body: dict[str, Any], shape: Shape, required: tuple[str, ...] = (), empty: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Only the declared properties, checked; anything else in the body is ignored, as .NET does.

    A required string may not be blank unless it is named in `empty`.
    """
    complaints: dict[str, list[str]] = {}
    found: dict[str, Any] = {}
    for name, kind in shape.items():
        if name not in body:
            continue
        value = body[name]
        if not _fits(value, kind):
            complaints[name] = [f"Error converting value to type '{_label(kind)}'."]
        elif value is not None or name in required or str(kind).endswith("?"):
            found[name] = value
    for name in required:
        value = found.get(name)
        if name not in complaints and (
            value is None or (isinstance(value, str) and not value.strip() and name not in empty)
        ):
            complaints[name] = [f"The {name} field is required."]
    if complaints:
        raise invalid(complaints)
    return found


def data(call: Call) -> dict[str, Any] | None:
    """The object under `data` of the second patch dialect; None when the body is of another dialect."""
    body = call.json
    inner = body.get("data")
    if isinstance(inner, dict):
        return inner
    if inner is None and call.vault.switches.wrong_wrapper == "refuse":
        raise invalid({"data": ["The data field is required."]})
    return None


def patch(call: Call, body: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """The dirty fields of a patch: property → value.  dirty:false, absence or a bare value change nothing."""
    complaints: dict[str, list[str]] = {}
    found: dict[str, Any] = {}
    strict = call.vault.switches.wrong_wrapper == "refuse"
    for name, kind in shape.items():
        entry = body.get(name)
        if entry is None:
            continue
        if not isinstance(entry, dict):
            if strict:
                complaints[name] = ["Expected an object with dirty and value."]
            continue
        if entry.get("dirty") is not True:
            continue
        value = entry.get("value")
        if not _fits(value, kind) or (value is None and kind in {int, bool}):
            complaints[name] = [f"Error converting value to type '{_label(kind)}'."]
        else:
            found[name] = value
    if complaints:
        raise invalid(complaints)
    if strict and not found and not any(name in body for name in shape):
        raise ApiError("The request names nothing to change.")
    return found


def _fits(value: Any, kind: type | str) -> bool:
    if value is None:
        return True  # null for a property that .NET can leave out; `required` catches the rest
    name = kind if isinstance(kind, str) else kind.__name__
    match name.removesuffix("?"):
        case "str":
            return isinstance(value, str)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31
        case "bool":
            return isinstance(value, bool)
        case "ints":
            return isinstance(value, list) and all(v is not None and _fits(v, int) for v in value)
        case "strs":
            return isinstance(value, list) and all(isinstance(v, str) for v in value)
        case "objects":
            return isinstance(value, list) and all(isinstance(v, dict) for v in value)
        case _:
            return isinstance(value, dict)


def _label(kind: type | str) -> str:
    return kind if isinstance(kind, str) else kind.__name__
