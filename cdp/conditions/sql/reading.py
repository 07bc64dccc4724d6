"""Reading a condition with something in it that only SQL will know: a *hole*."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cdp.conditions.ast import (
    MEASURED,
    OF_A_PERSON,
    And,
    Call,
    Compare,
    In,
    Instant,
    Items,
    Not,
    Or,
    Path,
    Relative,
    StartOf,
    Uploaded,
    Value,
    children,
)
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.person import Evaluator, Person
from cdp.conditions.sql.calls import call
from cdp.conditions.sql.compare import compare, in_uploaded, listed, truth, within
from cdp.conditions.sql.tests import Test, both, either, negate
from cdp.conditions.sql.values import Abstract, Const, Sql, Truth, Unknown

#: What names a hole: the keys of a path, or the node itself by its `id`.
Hole = tuple[str, ...] | int


_OF_PERSON = ("traits", "identifiers", "account", MEASURED)


def in_person(node: Any) -> Hole | None:
    """The hole that a node is in a condition over a person."""
    if isinstance(node, Path):
        parts = node.parts[1:] if node.parts[0] == "person" else node.parts
        return parts if len(parts) > 1 and parts[0] in _OF_PERSON else None
    return _of_history(node)


def in_message(node: Any) -> Hole | None:
    """The hole that a node is in a ``where``; what is the person's is never filled there."""
    return node.parts if isinstance(node, Path) else _of_history(node)


def _of_history(node: Any) -> Hole | None:
    if isinstance(node, StartOf) and node.zone == "person":
        return id(node)
    if isinstance(node, OF_A_PERSON) or (
        isinstance(node, Call) and FUNCTIONS[node.name].of_a_person
    ):
        return id(node)
    return None


def holes(node: Any, name: Callable[[Any], Hole | None] = in_person) -> dict[Hole, Any]:
    """All holes in a condition, each with a node that is it; nothing inside of them."""
    found: dict[Hole, Any] = {}
    stack = [node]
    while stack:
        item = stack.pop()
        hole = name(item)
        if hole is not None:
            found[hole] = item
        else:
            stack.extend(children(item))
    return found


class Reading:
    """What a condition is worth where the holes have been filled as they are in ``filled``."""

    def __init__(
        self,
        now: int,
        sql: Sql,
        filled: Mapping[Hole, Abstract],
        name: Callable[[Any], Hole | None] = in_person,
    ) -> None:
        self._plain = Evaluator(Person(), now)
        self._sql, self._filled, self._name = sql, filled, name

    def test(self, node: Any) -> Test:
        """Whether the condition is true."""
        kind = type(node)
        if kind is And:
            return both(self.test(item) for item in node.items)
        if kind is Or:
            return either(self.test(item) for item in node.items)
        if kind is Not:
            return negate(self.test(node.item))
        if kind is Compare:
            return compare(node.op, self.value(node.left), self.value(node.right), self._sql)
        if kind is In:
            item = self.value(node.item)
            if type(node.list) is Uploaded:
                return in_uploaded(item, node.list.name, self._sql)
            if type(node.list) is Items:
                return within(item, [self.value(one) for one in node.list.items], self._sql)
            return listed(item, self.value(node.list), self._sql)
        return truth(self.value(node))

    def value(self, node: Any) -> Abstract:
        """What a node is worth."""
        hole = self._name(node)
        if hole is not None:
            return self._filled.get(hole, Unknown())
        kind = type(node)
        if kind is Path:
            return Const(None)  # nothing of a person
        if kind in (Value, Instant, Relative, StartOf):
            return Const(self._plain.value(node))
        if kind is Uploaded:
            return Unknown()
        if kind is Call:
            return call(node.name, [self.value(arg) for arg in node.args], self._sql)
        if kind is Items:
            values = [self.value(item) for item in node.items]
            if all(isinstance(value, Const) for value in values):
                return Const([value.value for value in values if isinstance(value, Const)])
            return Unknown()
        test = self.test(node)
        return Const(test.constant) if test.constant is not None else Truth(test)
