"""Tree ↔ JSON: what the console's builder and the API exchange.

Each part is an object with ``is`` and the fields of its class in `cdp.conditions.ast`;
durations and offsets are milliseconds.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from cdp.conditions.ast import And, EventRef, Expr, Or, Path, StartOf, Value, all_of, any_of, walk
from cdp.conditions.durations import MAX_MS
from cdp.conditions.errors import ConditionFormError
from cdp.conditions.forms.times import zone_called
from cdp.conditions.lexer import can_be_kept
from cdp.conditions.limits import MAX_CHARS, MAX_DIGITS
from cdp.conditions.size import check_size
from cdp.conditions.spelling import number_text
from cdp.events import MalformedJSON, decode_json
from cdp.events.times import MAX_MS as LAST_MS
from cdp.events.times import MIN_MS as FIRST_MS


def to_json(node: Any) -> dict[str, Any]:
    """The JSON form, as Python's dicts and lists."""
    found: dict[str, Any] = msgspec.to_builtins(node)
    return found


def from_json(form: Any) -> Expr:
    """Read a JSON form; `ConditionFormError` says what is wrong and at which place."""
    try:
        found: Any = msgspec.convert(form, Expr, strict=True)
    except msgspec.ValidationError as error:
        raise ConditionFormError(f"not the form of a condition: {error}") from None
    except RecursionError:
        raise ConditionFormError("not the form of a condition: nested too deeply") from None
    return sound(found)


def from_json_text(text: str | bytes) -> Expr:
    """`from_json` of a text."""
    try:
        return from_json(decode_json(text if isinstance(text, bytes) else text.encode()))
    except (MalformedJSON, UnicodeEncodeError) as error:
        raise ConditionFormError(f"not JSON: {error}") from None


def sound(node: Any) -> Expr:
    """The tree in its normal form; an error if its text could not be written."""
    check_size(node)
    room = MAX_CHARS
    for part in walk(node):
        trouble = _trouble(part)
        if trouble:
            raise ConditionFormError(trouble)
        texts = [text for name in part.__struct_fields__ for text in _texts(getattr(part, name))]
        if not all(map(can_be_kept, texts)):
            raise ConditionFormError("a character that no message holds")
        # About what the part adds to the text, at the most.
        room -= 8 + sum(2 * len(text) for text in texts)
    if room < 0:
        raise ConditionFormError(f"its text has more than {MAX_CHARS:,} characters")
    found: Expr = normal(node)
    return found


def normal(node: Any) -> Any:
    """``and`` in ``and`` becomes one, whole doubles become whole numbers."""
    if not isinstance(node, msgspec.Struct):
        return tuple(map(normal, node)) if isinstance(node, tuple) else node
    fields = {name: normal(getattr(node, name)) for name in node.__struct_fields__}
    if isinstance(node, And):
        return all_of(fields["items"])
    if isinstance(node, Or):
        return any_of(fields["items"])
    if isinstance(node, Value) and type(node.value) is float and node.value.is_integer():
        return Value(int(node.value))
    return type(node)(**fields)


def _trouble(part: Any) -> str | None:
    if isinstance(part, Value) and type(part.value) in (int, float):
        number: Any = part.value
        if not math.isfinite(number) or len(number_text(number)) > MAX_DIGITS:
            return f"a number of more than {MAX_DIGITS} digits"
    elif isinstance(part, Path) and (not part.parts or not part.parts[0]):
        return "a path without a first key"
    elif isinstance(part, EventRef) and not part.name:
        return "an event without a name"
    elif isinstance(part, StartOf) and part.zone != "person" and zone_called(part.zone) is None:
        return f"there is no time zone {part.zone!r}"
    for name in ("ms", "older", "newer", "within"):
        ms = getattr(part, name, None)
        if isinstance(ms, int) and not 0 <= ms <= MAX_MS:
            return f"{name} is no duration up to a hundred years, in milliseconds"
    offset = getattr(part, "offset", 0)
    if abs(offset) > MAX_MS:
        return "offset is more than a hundred years, in milliseconds"
    if not FIRST_MS <= getattr(part, "at", 0) <= LAST_MS:
        return "at is no time between the years 1 and 9999, in milliseconds since 1970"
    if getattr(part, "older", 1) <= getattr(part, "newer", 0):
        return "a window that ends before it begins"
    return None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, tuple) else []
