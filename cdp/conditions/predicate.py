"""Tree → a Python function over a message. Built of closures once; nothing reads the
tree when an event comes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from cdp.conditions.ast import (
    And,
    Call,
    Compare,
    In,
    Instant,
    Items,
    Not,
    Or,
    Path,
    Uploaded,
    Value,
    walk,
)
from cdp.conditions.errors import ConditionContextError
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.functions.base import Getter
from cdp.conditions.lists import NO_LISTS, Lists
from cdp.conditions.values import Time, contained, ordered, same
from cdp.events import at_path

Predicate: TypeAlias = Callable[[Mapping[str, Any]], bool]
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def compile_message(node: Any, lists: Lists = NO_LISTS) -> Predicate:
    """A function that says whether a message meets the condition; it never raises.

    Uploaded lists are asked for with each message, so that a new version counts at once.
    """
    if any(type(part) is Uploaded for part in walk(node)):
        node = _with_lists(node, lists)
    return _truth(node)


class _Listed(NamedTuple):
    """In the place of `Uploaded`: where it is found when a message comes."""

    name: str
    lists: Lists


def _with_lists(node: Any, lists: Lists) -> Any:
    if isinstance(node, Uploaded):
        return _Listed(node.name, lists)
    if isinstance(node, tuple):
        return tuple(_with_lists(item, lists) for item in node)
    if not isinstance(node, msgspec.Struct):
        return node
    fields = {name: _with_lists(getattr(node, name), lists) for name in node.__struct_fields__}
    return msgspec.structs.replace(node, **fields)


def _truth(node: Any) -> Predicate:
    """The node as a condition: what is not true is false."""
    kind = type(node)
    if kind is And:
        return _all([_truth(item) for item in node.items])
    if kind is Or:
        return _any([_truth(item) for item in node.items])
    if kind is Not:
        item = _truth(node.item)
        return lambda message: not item(message)
    if kind is Compare:
        return _compare(node)
    if kind is In:
        return _in(node)
    get = _value(node)
    if kind is Call and FUNCTIONS[node.name].returns == "yes or no" and node.name != "bool":
        return get
    return lambda message: get(message) is True


def _value(node: Any) -> Getter:
    """The node as a value."""
    kind = type(node)
    if kind is Value:
        value = node.value
        return lambda message: value
    if kind is Path:
        return path_getter(node.parts)
    if kind is Call:
        return _call(node)
    if kind is Items:
        getters = [_value(item) for item in node.items]
        return lambda message: [get(message) for get in getters]
    if kind is Instant:
        time = Time(node.at)
        return lambda message: time
    if kind in (And, Or, Not, Compare, In):
        return _truth(node)
    raise ConditionContextError(f"{type(node).__name__.lower()} asks for more than one message")


def path_getter(parts: tuple[str, ...]) -> Getter:
    """What is at a path of a message."""
    first = parts[0]
    if len(parts) == 1:
        return lambda message: message.get(first)
    if len(parts) == 2:
        second = parts[1]

        def two(message: Any) -> Any:
            found = message.get(first)
            if type(found) is dict:
                return found.get(second)
            return at_path(found, (second,))

        return two
    return lambda message: at_path(message, parts)


def _call(node: Call) -> Getter:
    function = FUNCTIONS[node.name]
    if function.of_a_person:
        raise ConditionContextError(f"{node.name} asks for a person, not a message")
    getters = [_value(arg) for arg in node.args]
    literals = {i: arg.value for i, arg in enumerate(node.args) if type(arg) is Value}
    made = function.make(literals, getters)
    if made is not None:
        return made
    apply = function.apply
    if len(getters) == 1:
        get = getters[0]
        return lambda message: apply(get(message))
    return lambda message: apply(*[get(message) for get in getters])


def _compare(node: Compare) -> Predicate:
    left, right = node.left, node.right
    if type(left) is Value and type(right) is not Value:
        flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(node.op, node.op)
        return _compare(Compare(flipped, right, left))  # type: ignore[arg-type]
    get = _value(left)
    if type(right) is Value and type(left) is not Instant:
        if type(left) is Path and type(right.value) is str and node.op in ("=", "!="):
            return _is_text(left.parts, right.value, node.op == "=")
        found = _with_literal(node.op, get, right.value)
        if found is not None:
            return found
    other, op = _value(right), node.op
    if op == "=":
        return lambda message: same(get(message), other(message))
    if op == "!=":
        return lambda message: not same(get(message), other(message))
    return lambda message: ordered(op, get(message), other(message))


def _is_text(parts: tuple[str, ...], text: str, equal: bool) -> Predicate:
    """The commonest of all conditions, in one call; nothing but a text equals a text."""
    first = parts[0]
    if len(parts) == 1:
        if equal:
            return lambda message: message.get(first) == text
        return lambda message: message.get(first) != text
    get = path_getter(parts)
    if equal:
        return lambda message: get(message) == text
    return lambda message: get(message) != text


def _with_literal(op: str, get: Getter, literal: Any) -> Predicate | None:
    """The usual case, without looking at the literal's type for each event."""
    if op in _ORDER:
        if type(literal) not in (int, float):
            return None  # nothing, or a time read from a text
        compare: Callable[[Any, Any], bool] = _ORDER[op]

        def orders(message: Any) -> bool:
            value = get(message)
            kind = type(value)
            if kind is float or kind is int:
                return compare(value, literal)
            return False

        return orders
    equal = op == "="
    if literal is None or type(literal) is bool:
        if equal:
            return lambda message: get(message) is literal
        return lambda message: get(message) is not literal
    if type(literal) is str:
        if equal:
            return lambda message: get(message) == literal
        return lambda message: get(message) != literal

    def numbers(message: Any) -> bool:
        value = get(message)
        return (type(value) is not bool and value == literal) is equal

    return numbers


def _in(node: In) -> Predicate:
    get = _value(node.item)
    among_these: Any = node.list
    if type(among_these) is _Listed:
        name, lists = among_these

        def listed(message: Any) -> bool:
            item = get(message)
            return type(item) is str and item in (lists.get(name) or ())

        return listed
    if type(node.list) is Items and all(type(item) is Value for item in node.list.items):
        values = [item.value for item in node.list.items if type(item) is Value]
        texts = frozenset(value for value in values if type(value) is str)
        rest = [value for value in values if type(value) is not str]

        def among(message: Any) -> bool:
            item = get(message)
            if type(item) is str:
                return item in texts
            return bool(rest) and any(same(item, value) for value in rest)

        return among
    values_at = _value(node.list)
    return lambda message: contained(get(message), values_at(message))


def _all(items: list[Predicate]) -> Predicate:
    if len(items) == 2:
        first, second = items
        return lambda message: first(message) and second(message)
    if len(items) == 3:
        a, b, c = items
        return lambda message: a(message) and b(message) and c(message)

    def every(message: Any) -> bool:
        for item in items:  # noqa: SIM110 - half the time of all()
            if not item(message):
                return False
        return True

    return every


def _any(items: list[Predicate]) -> Predicate:
    if len(items) == 2:
        first, second = items
        return lambda message: first(message) or second(message)

    def some(message: Any) -> bool:
        for item in items:  # noqa: SIM110 - half the time of any()
            if item(message):
                return True
        return False

    return some
