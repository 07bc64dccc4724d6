"""Values of JSON with Liquid in their texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from cdp.messaging.templates.masking import LIQUID, outputs, piped
from cdp.messaging.templates.part import Part
from cdp.messaging.templates.policy import Run

#: What no line may hold: controls, ends of lines, halves of pairs.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: A value of one message.
Make: TypeAlias = Callable[[Run], Any]


def tree(value: Any, where: str, change: Callable[[str], str] = lambda text: text) -> Make:
    """A value in which each text with Liquid is rendered; ``change`` sees its source first."""
    if isinstance(value, str):
        return text(value, where, change)
    if isinstance(value, dict):
        made = {key: tree(item, f"{where}.{key}", change) for key, item in value.items()}
        return lambda run: {key: make(run) for key, make in made.items()}
    if isinstance(value, list | tuple):
        several = [tree(item, where, change) for item in value]
        return lambda run: [make(run) for make in several]
    return lambda run: value


def text(source: str, where: str, change: Callable[[str], str] = lambda text: text) -> Make:
    """A text, rendered if there is Liquid in it."""
    if "{{" not in source and "{%" not in source:
        return lambda run: source
    return Part(change(source), where, html=False).render


def line(source: str, where: str) -> Make:
    """A text of one line, whatever the data says: a subject, a header."""
    make = text(source, where)

    def one(run: Run) -> str:
        said: str = make(run)
        if said.isprintable() and "  " not in said:
            return said.strip()
        return " ".join(_UNFIT.sub(" ", said).split())

    return one


def with_filter(source: str, name: str) -> str:
    """The text with one more filter on each output."""
    return outputs(source, lambda liquid: piped(liquid, name))


def in_json(source: str) -> str:
    """JSON with Liquid in it, so that no data ends a text in it."""
    found, at, inside = list[str](), 0, False
    for liquid in LIQUID.finditer(source):
        between = source[at : liquid.start()]
        inside = _still(between, inside)
        put = liquid[0]
        if inside and put.startswith("{{"):
            put = piped(put, "in_json__")
        found += [between, put]
        at = liquid.end()
    return "".join([*found, source[at:]])


def _still(text: str, inside: bool) -> bool:
    """Whether the end of a piece of JSON is inside of a text."""
    escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\" and inside:
            escaped = True
        elif char == '"':
            inside = not inside
    return inside
