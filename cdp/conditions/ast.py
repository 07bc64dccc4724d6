"""The tree behind a condition's text, its JSON form and everything made of it.

Immutable values. Durations and offsets are milliseconds. A path is the list of its
keys, so that a key may hold any character. ``is`` names the kind in the JSON form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

import msgspec

CompareOp: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
AggregateName: TypeAlias = Literal[
    "count", "sum", "avg", "min", "max", "first", "last", "unique", "most_frequent"
]
Unit: TypeAlias = Literal["hour", "day", "week", "month", "quarter", "year"]


class Node(msgspec.Struct, frozen=True, tag_field="is", omit_defaults=True):
    """Any part of a condition."""


class Value(Node, frozen=True, tag="value"):
    """A text, number, true, false or null, as it was written."""

    value: str | int | float | bool | None


class Path(Node, frozen=True, tag="path"):
    """A place in the message or person; a key of digits also picks from a list."""

    parts: tuple[str, ...]


class Items(Node, frozen=True, tag="list"):
    """A list of operands."""

    items: tuple[Expr, ...]


class Uploaded(Node, frozen=True, tag="uploaded"):
    """A list that was uploaded, by its name. Stands after ``in`` only."""

    name: str


class Instant(Node, frozen=True, tag="instant"):
    """An absolute time, in milliseconds since 1970."""

    at: int


class Relative(Node, frozen=True, tag="relative"):
    """A time as seen from now: ``30d ago`` is negative, ``now()`` zero."""

    offset: int


class StartOf(Node, frozen=True, tag="start_of"):
    """When the running hour, day, week (Monday)… began, in a time zone.

    ``zone`` is a name of the tz database, or ``person`` for the trait ``timezone``.
    """

    unit: Unit
    zone: str = "UTC"


class Not(Node, frozen=True, tag="not"):
    """True where the item is not."""

    item: Expr


class And(Node, frozen=True, tag="and"):
    """All of two or more."""

    items: tuple[Expr, ...]


class Or(Node, frozen=True, tag="or"):
    """Any of two or more."""

    items: tuple[Expr, ...]


class Compare(Node, frozen=True, tag="compare"):
    """Two operands and an operator."""

    op: CompareOp
    left: Expr
    right: Expr


class In(Node, frozen=True, tag="in"):
    """Whether an operand is one of a list, written here or found at a path."""

    item: Expr
    list: Expr


class Call(Node, frozen=True, tag="call"):
    """One of the functions in `cdp.conditions.functions`."""

    name: str
    args: tuple[Expr, ...]


class Within(msgspec.Struct, frozen=True, tag_field="is", tag="within"):
    """The last so many ms, now included, the far end not."""

    ms: int


class Between(msgspec.Struct, frozen=True, tag_field="is", tag="between"):
    """From ``older`` ms ago (not included) to ``newer`` ms ago (included)."""

    older: int
    newer: int


class Since(msgspec.Struct, frozen=True, tag_field="is", tag="since"):
    """From a time on, up to now, both included."""

    start: Instant | Relative | StartOf


Window: TypeAlias = Within | Between | Since


class EventRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """Events by name, perhaps only some. ``where`` sees one message."""

    name: str
    where: Expr | None = None


class Aggregate(Node, frozen=True, tag="aggregate"):
    """A figure over a person's events; ``of`` is what is added up, compared, listed."""

    fn: AggregateName
    event: EventRef
    of: Path | None = None
    window: Window | None = None


class Performed(Node, frozen=True, tag="performed"):
    """Whether there is such an event."""

    event: EventRef
    window: Window | None = None


class Followed(Node, frozen=True, tag="followed"):
    """Whether some ``after`` was followed by an ``event`` within ``ms``.

    ``negated``: whether some ``after`` was not, and the time for it is over.
    """

    event: EventRef
    ms: int
    after: EventRef
    window: Window | None = None
    negated: bool = False


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step of a sequence, at most ``within`` ms after the one before it."""

    event: EventRef
    within: int | None = None


class Sequence(Node, frozen=True, tag="sequence"):
    """Events one after another, others between them or not."""

    steps: tuple[Step, ...]
    window: Window | None = None


class Changed(Node, frozen=True, tag="changed"):
    """Whether a trait changed, from and to any value where none is said."""

    path: Path
    before: Value | None = None
    after: Value | None = None
    window: Window | None = None


Expr: TypeAlias = (
    Value
    | Path
    | Items
    | Uploaded
    | Instant
    | Relative
    | StartOf
    | Not
    | And
    | Or
    | Compare
    | In
    | Call
    | Aggregate
    | Performed
    | Followed
    | Sequence
    | Changed
)

#: The root of paths to what a query of people's own says of somebody; nobody can write it.
MEASURED = "measured"
#: Kinds of nodes that ask for a person's history or state.
OF_A_PERSON = (Aggregate, Performed, Followed, Sequence, Changed)


def all_of(items: Iterable[Expr]) -> Expr:
    """``and`` of the items, flat; a single one as it is."""
    flat = [inner for item in items for inner in (item.items if type(item) is And else (item,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(items: Iterable[Expr]) -> Expr:
    """``or`` of the items, flat; a single one as it is."""
    flat = [inner for item in items for inner in (item.items if type(item) is Or else (item,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def children(node: Any) -> Iterator[Any]:
    """The structs directly inside of a node, in the order of its fields."""
    for name in node.__struct_fields__:
        found = getattr(node, name)
        if isinstance(found, msgspec.Struct):
            yield found
        elif isinstance(found, tuple):
            yield from (item for item in found if isinstance(item, msgspec.Struct))


def walk(node: Any) -> Iterator[Any]:
    """The node and everything inside of it."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(list(children(found))))
