"""``count sum avg min max first last unique most_frequent`` over a person's events."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from cdp.conditions.ast import Aggregate
from cdp.conditions.forms.base import Form, Write
from cdp.conditions.forms.windows import (
    parse_event,
    parse_window,
    say_event,
    say_window,
    write_event,
    write_window,
)
from cdp.conditions.functions.base import Example
from cdp.conditions.values import Time, exact, is_number
from cdp.events import at_path, parse_time

if TYPE_CHECKING:
    from cdp.conditions.parser import Parser
    from cdp.conditions.person import Evaluator

NAMES = ("count", "sum", "avg", "min", "max", "first", "last", "unique", "most_frequent")
#: Enough for sums of any doubles that people count with, and the same everywhere.
EXACT = Context(prec=60)
_WORDS = {
    "sum": "the sum of {0}",
    "avg": "the average of {0}",
    "min": "the smallest {0}",
    "max": "the largest {0}",
    "first": "the first {0}",
    "last": "the last {0}",
    "unique": "the different values of {0}",
    "most_frequent": "the most frequent {0}",
}


def _parse(parser: Parser, name: Any) -> Aggregate:
    of = None
    if parser.peek.kind == "path" and (name != "count" or parser.following_word == "of"):
        of = parser.path()
        parser.expect_word("of")
    elif parser.peek.kind != "string":
        raise parser.unexpected(
            "an event in quotes" if name == "count" else "a path, then of, then an event in quotes"
        )
    found = Aggregate(name, parse_event(parser), of, parse_window(parser))
    parser.expect_op(")")
    return found


def _write(node: Aggregate, write: Write) -> str:
    of = f"{write(node.of)} of " if node.of else ""
    return f"{node.fn}({of}{write_event(node.event, write)}{write_window(node.window, write)})"


def _say(node: Aggregate, say: Write) -> str:
    event = say_event(node.event, say) + say_window(node.window, say)
    if node.fn == "count":
        return f"the number of {event}"
    if node.of is None:
        return f"the time of the {node.fn} {event}"
    return f"{_WORDS[node.fn].format(say(node.of))} of {event}"


def _evaluate(node: Aggregate, person: Evaluator) -> Any:
    events = person.events(node.event, node.window)
    if node.fn == "count":
        return len(events)
    if node.of is None:
        at = -1 if node.fn == "last" else 0
        return Time(events[at].t) if events else None
    parts = node.of.parts
    values = [at_path(event.body, parts) for event in events]
    return reduce(node.fn, [value for value in values if value is not None])


def reduce(name: str, values: list[Any]) -> Any:
    """The figure of the values that were there, oldest first; None of none, a sum 0.

    Texts order by code point. Figures count numbers only, exactly; the smallest and
    largest of times are times. Of equally frequent values the first by order wins, and
    one must be there twice.
    """
    if name in ("first", "last"):
        return (values[0] if name == "first" else values[-1]) if values else None
    if name == "unique":
        return sorted(_distinct(values), key=order)
    if name == "most_frequent":
        return _most_frequent(values)
    numbers = [exact(value) for value in values if is_number(value)]
    if name in ("min", "max"):
        if numbers:
            return min(numbers) if name == "min" else max(numbers)
        times = [ms for value in values if (ms := parse_time(value)) is not None]
        return Time(min(times) if name == "min" else max(times)) if times else None
    total = Decimal(0)
    for number in numbers:
        total = EXACT.add(total, Decimal(number))
    if name == "sum":
        return total
    return EXACT.divide(total, Decimal(len(numbers))) if numbers else None


def order(value: Any) -> tuple[int, Any]:
    """How values of any kind order: numbers, texts by code point, false, true."""
    if is_number(value):
        return 0, exact(value)
    return (1, value) if type(value) is str else (2, value)


def _key(value: Any) -> tuple[str, Any]:
    return ("n", exact(value)) if is_number(value) else (type(value).__name__, value)


def _scalars(values: list[Any]) -> list[Any]:
    """Items of lists count one by one; objects don't count."""
    flat = [item for value in values for item in (value if type(value) is list else [value])]
    return [item for item in flat if type(item) in (str, bool) or is_number(item)]


def _distinct(values: list[Any]) -> list[Any]:
    return list({_key(value): value for value in reversed(_scalars(values))}.values())


def _most_frequent(values: list[Any]) -> Any:
    counts: dict[Any, int] = {}
    scalars = _scalars(values)
    for value in scalars:
        counts[_key(value)] = counts.get(_key(value), 0) + 1
    most = max(counts.values(), default=0)
    if most < 2:
        return None
    return min((v for v in _distinct(values) if counts[_key(v)] == most), key=order)


_ORDERS = {
    "events": [
        {"t": "2026-01-01", "name": "Order Completed", "properties": {"total": 20.1, "sku": "b"}},
        {"t": "2026-01-02", "name": "Order Completed", "properties": {"total": 40.2, "sku": "a"}},
        {"t": "2026-01-30", "name": "Order Completed", "properties": {"total": 90, "sku": "a"}},
    ],
    "now": "2026-01-31",
}


def _form(name: str, signature: str, summary: str, returns: str, *examples: str) -> Form:
    return Form(
        (name,), Aggregate, signature, summary, returns,
        tuple(Example(text, _ORDERS) for text in examples),
        _parse, _write, _say, _evaluate,
    )  # fmt: skip


COUNT = _form(
    "count", 'count("Event" where … window)', "How many such events the person has.", "number",
    'count("Order Completed" where properties.total > 30 within 30d) = 2',
)  # fmt: skip
SUM = _form(
    "sum", 'sum(path of "Event" where … window)',
    "The numbers at a path, added up exactly; 0 if there are none.", "number",
    'sum(properties.total of "Order Completed" between 60d and 10d ago) = 60.3',
)  # fmt: skip
AVG = _form(
    "avg", 'avg(path of "Event" where … window)', "Their mean; nothing if there are none.",
    "number", 'avg(properties.total of "Order Completed") > 50',
)  # fmt: skip
MIN = _form(
    "min", 'min(path of "Event" where … window)',
    "The smallest number, or the earliest time if there are only times.", "any",
    'min(properties.total of "Order Completed") = 20.1',
)  # fmt: skip
MAX = _form(
    "max", 'max(path of "Event" where … window)',
    "The largest number, or the latest time if there are only times.", "any",
    'max(properties.total of "Order Completed" since 2026-01-01) = 90',
)  # fmt: skip
FIRST = _form(
    "first", 'first(path of "Event" where … window)',
    "The value of the oldest event that has one. Without a path: when the oldest event happened.",
    "any", 'first(properties.sku of "Order Completed") = "b"',
    'first("Order Completed") < 2026-01-02',
)  # fmt: skip
LAST = _form(
    "last", 'last(path of "Event" where … window)',
    "The value of the newest event that has one. Without a path: when the newest event happened.",
    "any", 'last("Order Completed") > 3d ago',
)  # fmt: skip
UNIQUE = _form(
    "unique", 'unique(path of "Event" where … window)',
    "The different values in order, each once; the items of lists count one by one.", "list",
    'unique(properties.sku of "Order Completed") = ["a", "b"]',
    'length(unique(properties.sku of "Order Completed")) = 2',
)  # fmt: skip
MOST_FREQUENT = _form(
    "most_frequent", 'most_frequent(path of "Event" where … window)',
    "The value that comes most often, twice at least; of several the first in order.", "any",
    'most_frequent(properties.sku of "Order Completed") = "a"',
)  # fmt: skip
AGGREGATES = (COUNT, SUM, AVG, MIN, MAX, FIRST, LAST, UNIQUE, MOST_FREQUENT)
