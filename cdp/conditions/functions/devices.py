"""``has_device``: which kinds of devices a person has been seen with."""

from __future__ import annotations

from typing import Any

from cdp.conditions.functions.base import Example, Function, Param
from cdp.identity.identifiers import SYSTEMS


def identifier_types(system: str) -> tuple[str, ...]:
    """The types of identifiers by which devices of a system are known."""
    return tuple(f"{system}.{what}" for what in ("id", "push_token", "idfa"))


def _apply(types: Any) -> bool:
    """Gets the identifiers that the person has of the types: who evaluates looks them up."""
    return bool(types)


def _check(literals: tuple[Any, ...]) -> str | None:
    if literals[0] in SYSTEMS:
        return None
    return f"devices are known of {', '.join(SYSTEMS)}, so nobody has one of {literals[0]}"


HAS_DEVICE = Function(
    "has_device",
    (Param("system", "text", literal=True),),
    "yes or no",
    'Whether the person has an identifier of an `"ios"` or `"android"` device (its id, its push '
    "token or its advertising id, as apps send them in `context.device`), or a push token of a "
    'browser (`"web"`) or of Expo (`"expo"`).',
    "has an {0} device",
    Example('has_device("ios")', {"identifiers": {"ios.push_token": ["f00d"]}}),
    _apply,
    unless="has no {0} device",
    check=_check,
    fql=False,
    of_a_person=True,
)
