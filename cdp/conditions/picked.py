"""What a message must say for a condition to hold, so that many conditions can be looked up."""

from __future__ import annotations

from typing import Any, NamedTuple

from cdp.conditions.ast import And, Compare, In, Items, Path, Value
from cdp.conditions.functions.base import Getter
from cdp.conditions.predicate import path_getter

#: Values of messages that may be looked up; nothing else is equal to a text or a number.
PLAIN = (str, int, float)


class Picked(NamedTuple):
    """The condition holds of no message in which ``path`` has none of some ``values``."""

    path: tuple[str, ...]
    values: frozenset[Any]

    @property
    def get(self) -> Getter:
        """What is there in a message."""
        return path_getter(self.path)


def picked(node: Any) -> Picked | None:
    """What a condition over a message asks of one path alone; None if nothing that is plain."""
    kind = type(node)
    if kind is And:
        return next((found for item in node.items if (found := picked(item)) is not None), None)
    if kind is Compare and node.op == "=":
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if type(one) is Path and type(other) is Value and type(other.value) in PLAIN:
                return Picked(one.parts, frozenset((other.value,)))
    if kind is In and type(node.item) is Path and type(node.list) is Items:
        values = [item.value for item in node.list.items if type(item) is Value]
        if len(values) == len(node.list.items) and all(type(value) is str for value in values):
            return Picked(node.item.parts, frozenset(values))
    return None
