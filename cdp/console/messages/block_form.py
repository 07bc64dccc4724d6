"""Lists in a form, such as the blocks of an email: read, and changed by its buttons.

A value's name is the way to it: ``blocks.2.left.0.text``. A button's value is an order, such as
``up:blocks.2``, which any browser sends and `carry_out` follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from flask import abort

from cdp.messaging.templates.building import SIDES, TYPES

_NUMBERS = ("level", "width", "height")
#: What a new block says at first.
_FRESH: dict[str, dict[str, Any]] = {
    "columns": {"left": [], "right": []},
    "spacer": {"height": 24},
    "footer": {"unsubscribe": "Unsubscribe", "preferences": "Choose what you get"},
}
#: What a new email of blocks begins with.
START: list[dict[str, Any]] = [
    {"type": "heading", "text": "Hello {{ customer.first_name | default: 'there' }}"},
    {"type": "text", "text": "What is new?"},
    {"type": "footer", **_FRESH["footer"]},
]
_MOST = 60


class Done(NamedTuple):
    """What an order did: the name of what is next to be worked at, and a sentence for all."""

    focus: str = ""
    said: str = ""


def read_blocks(form: Mapping[str, str], name: str) -> list[dict[str, Any]]:
    """The blocks of a form whose names begin so."""
    found: list[dict[str, Any]] = []
    while len(found) < _MOST and (type_ := form.get(f"{name}.{len(found)}.type")) is not None:
        if type_ not in TYPES:
            abort(400, f"There is no type of block {type_[:40]}.")
        at = f"{name}.{len(found)}"
        block: dict[str, Any] = {"type": type_}
        for field in TYPES[type_].fields:
            if type_ == "columns":
                block[field] = read_blocks(form, f"{at}.{field}")
            elif said := form.get(f"{at}.{field}", "").replace("\r\n", "\n").strip():
                is_number = field in _NUMBERS and said.isascii() and said.isdigit()
                block[field] = int(said) if is_number and len(said) < 9 else said
        found.append(block)
    return found


def read_rows(form: Mapping[str, str], name: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of texts whose names begin so; where the first field is there is one, empty or not."""
    found: list[dict[str, str]] = []
    while len(found) < _MOST and f"{name}.{len(found)}.{fields[0]}" in form:
        said = {field: form.get(f"{name}.{len(found)}.{field}", "").strip() for field in fields}
        found.append({field: text for field, text in said.items() if text})
    return found


def carry_out(values: dict[str, Any], order: str) -> Done:
    """Change the lists in a form's values as a button says."""
    action, _, rest = order.partition(":")
    if action == "add":
        what, _, way = rest.partition(":")
        return _add(_list(values, way), what, way)
    way, _, number = rest.rpartition(".")
    items = _list(values, way)
    if not (number.isascii() and number.isdigit()) or int(number) >= len(items):
        # Somebody pressed twice, and it is done.
        return Done()
    return _change(items, action, int(number), way)


def _add(items: list[Any], what: str, way: str) -> Done:
    if way.rpartition(".")[2] in ("blocks", *SIDES) and what not in TYPES:
        abort(400, f"There is no type of block {what[:40]}.")
    if len(items) >= _MOST - 10:
        return Done(said="There can't be more.")
    is_block = what in TYPES
    items.append({"type": what, **deepcopy(_FRESH.get(what, {}))} if is_block else {})
    named = TYPES[what].title if is_block else what
    return Done(f"{way}.{len(items) - 1}", f"Added: {named}.")


def _change(items: list[Any], action: str, number: int, way: str) -> Done:
    if action == "remove":
        items.pop(number)
        left = f"{way}.{min(number, len(items) - 1)}" if items else f"add:{way}"
        return Done(left, "Removed.")
    if action == "copy":
        items.insert(number + 1, deepcopy(items[number]))
        return Done(f"{way}.{number + 1}", "Duplicated.")
    if action not in ("up", "down"):
        abort(400, "Unknown action.")
    to = number + (1 if action == "down" else -1)
    if not 0 <= to < len(items):
        return Done(f"{action}:{way}.{number}")
    items.insert(to, items.pop(number))
    # At the end of the way the other button goes on.
    at_end = to == (len(items) - 1 if action == "down" else 0)
    turn = {"up": "down", "down": "up"}[action] if at_end else action
    return Done(f"{turn}:{way}.{to}", f"It is number {to + 1} of {len(items)} now.")


def _list(values: dict[str, Any], way: str) -> list[Any]:
    """The list at a way, made where there is none."""
    at: Any = values
    parts = way.split(".")
    for place, part in enumerate(parts):
        if isinstance(at, list) and part.isascii() and part.isdigit() and int(part) < len(at):
            at = at[int(part)]
        elif isinstance(at, dict):
            at = at.setdefault(part, [] if place == len(parts) - 1 else {})
        else:
            abort(400, "There is no such list in the form.")
    if not isinstance(at, list):
        abort(400, "There is no such list in the form.")
    return at
