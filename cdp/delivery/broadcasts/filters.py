"""Customer.io's filters of people as conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cdp.conditions import format_text
from cdp.conditions.ast import And, Call, Compare, Not, Or, Path, Value

_DEPTH = 10


class BadFilter(ValueError):
    """A filter that says nothing we know; the text says where."""


def condition_of(given: Any) -> str:
    """The condition that a filter stands for (customer.io: App API, audience filters).

    ``segment`` has the key of an audience as ``id``; operators are ``eq`` and ``exists``.
    """
    return format_text(_node(given, 0))


def _node(given: Any, depth: int) -> Any:
    if not isinstance(given, dict) or len(given) != 1:
        raise BadFilter("each filter is an object with one of and, or, not, segment, attribute")
    if depth > _DEPTH:
        raise BadFilter("it is nested too deeply")
    ((name, inner),) = given.items()
    if name in ("and", "or"):
        if not isinstance(inner, list) or not inner:
            raise BadFilter(f"{name} must be a list of filters")
        parts = tuple(_node(item, depth + 1) for item in inner)
        make: Callable[..., Any] = And if name == "and" else Or
        return parts[0] if len(parts) == 1 else make(parts)
    if name == "not":
        return Not(_node(inner, depth + 1))
    if name == "segment" and isinstance(inner, dict) and inner.get("id") not in (None, ""):
        return Call("audience", (Value(str(inner["id"])),))
    if name == "attribute" and isinstance(inner, dict):
        return _attribute(inner)
    raise BadFilter(f"there is no filter {name!r:.40}")


def _attribute(given: dict[str, Any]) -> Any:
    field, operator = given.get("field"), given.get("operator")
    if not isinstance(field, str) or not field:
        raise BadFilter("attribute: say its field")
    path = Path(("traits", field))
    if operator == "exists":
        return Compare("!=", path, Value(None))
    if operator == "eq":
        value = given.get("value")
        if isinstance(value, dict | list) or value is None:
            raise BadFilter("attribute: its value must be a text, a number, true or false")
        return Compare("=", path, Value(value))
    raise BadFilter(f"attribute: there is no operator {operator!r:.40}, but eq and exists")
