"""Whether a condition may stand where it is to stand, and what looks wrong about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from enum import Enum
from typing import Any, NamedTuple

from cdp.conditions.ast import (
    OF_A_PERSON,
    Aggregate,
    And,
    Call,
    Compare,
    EventRef,
    Instant,
    Not,
    Or,
    Path,
    Relative,
    Since,
    StartOf,
    Value,
    children,
    walk,
)
from cdp.conditions.errors import ConditionContextError, did_you_mean
from cdp.conditions.forms import BY_NODE
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.spelling import path_text

Place = Callable[[Any], tuple[int, int]]
#: Fields of a message by the Segment spec, the first keys of paths.
MESSAGE_KEYS = (
    "type", "event", "name", "userId", "anonymousId", "previousId", "groupId", "messageId",
    "category", "properties", "traits", "context", "integrations", "timestamp", "sentAt",
    "receivedAt", "originalTimestamp", "channel", "version", "projectId", "writeKey", "_metadata",
)  # fmt: skip
PERSON_KEYS = ("traits", "person")


class Context(Enum):
    """Where a condition stands, and so what its paths mean."""

    MESSAGE = "message"
    PERSON = "person"
    #: A person whose journey an event began.
    BRANCH = "branch"


class Warn(NamedTuple):
    """Something that is allowed and most likely not meant."""

    text: str
    line: int
    column: int


class Names(NamedTuple):
    """What has been seen so far, to find misspellings."""

    events: Mapping[str, Set[str]] = {}
    traits: Set[str] = frozenset()


def check(
    root: Any,
    context: Context,
    place: Place = lambda node: (1, 1),
    names: Names | None = None,
    *,
    event: str | None = None,
    is_value: bool = False,
) -> list[Warn]:
    """Raise `ConditionContextError` for what can't stand here; return what looks wrong.

    ``event`` names the event that a message is known to be; ``is_value`` says that any
    value is asked for, not a yes or no.
    """
    found: list[Warn] = []
    if isinstance(root, Relative | StartOf):
        raise _misplaced(root, place)
    _walk(root, context, place, found, False)
    _conditions(root, place, found, is_value)
    if names is not None:
        _names(root, context, place, found, names, event)
    return found


def _walk(node: Any, context: Context, place: Place, found: list[Warn], where: bool) -> None:
    if context is Context.MESSAGE:
        _only_a_message(node, place)
    if isinstance(node, Path):
        _path(node, context, place, found, where)
    elif where and (isinstance(node, OF_A_PERSON) or _asks_for_person(node)):
        raise ConditionContextError(
            "a where sees one event, not the person's history", *place(node),
            hint="Put it outside of the parentheses, with and.",
        )  # fmt: skip
    elif isinstance(node, Compare):
        _comparison(node, place, found)
    elif isinstance(node, Call):
        literals = tuple(arg.value if isinstance(arg, Value) else None for arg in node.args)
        trouble = FUNCTIONS[node.name].check(literals)
        if trouble:
            found.append(Warn(trouble, *place(node)))
    of = node.of if isinstance(node, Aggregate) else None
    for child in children(node):
        if isinstance(child, Relative | StartOf) and not isinstance(node, Compare | Since):
            raise _misplaced(child, place)
        inside = where or isinstance(node, EventRef) or child is of
        _walk(child, context, place, found, inside)


def _misplaced(node: Any, place: Place) -> ConditionContextError:
    """A clock may only tick where it is known when it next changes the answer."""
    return ConditionContextError(
        "a time as seen from now can only be compared, or begin a window", *place(node),
        expected='traits.… > 3d ago, or since start_of("month")',
    )  # fmt: skip


def _asks_for_person(node: Any) -> bool:
    return isinstance(node, Call) and FUNCTIONS[node.name].of_a_person


def _only_a_message(node: Any, place: Place) -> None:
    if isinstance(node, OF_A_PERSON) or _asks_for_person(node):
        name = node.name if isinstance(node, Call) else ""
        if not name:
            name = node.fn if isinstance(node, Aggregate) else BY_NODE[type(node)].signature
            name = name.partition("(")[0]
        raise ConditionContextError(
            f"{name} asks for a person's history, and here is only one message", *place(node)
        )
    if isinstance(node, Relative | StartOf):
        raise ConditionContextError(
            "a time as seen from now: what is asked of one message must not change with the clock",
            *place(node), expected="a date such as 2026-01-31",
        )  # fmt: skip


def _path(node: Path, context: Context, place: Place, found: list[Warn], where: bool) -> None:
    root = node.parts[0]
    if where and root == "person":
        return
    if where or context is Context.MESSAGE:
        if root not in MESSAGE_KEYS:
            hint = did_you_mean(root, MESSAGE_KEYS) or "Properties are written properties.…"
            found.append(Warn(f"a message has no {root}. {hint}", *place(node)))
        return
    if root == "event" and context is Context.BRANCH:
        return
    if root not in PERSON_KEYS:
        what = path_text(node.parts)
        hint = did_you_mean(root, PERSON_KEYS)
        if root in ("properties", "context", "event", "type"):
            hint = f'It belongs to events: count("…" where {what} …) > 0.'
        raise ConditionContextError(
            f"{what} is nothing of a person", *place(node), expected="traits.…", hint=hint
        )
    if root == "person" and (len(node.parts) < 3 or node.parts[1] not in ("traits", "identifiers")):
        raise ConditionContextError(
            f"{path_text(node.parts)} is nothing of a person", *place(node),
            expected="person.traits.… or person.identifiers.…",
        )  # fmt: skip


def _comparison(node: Compare, place: Place, found: list[Warn]) -> None:
    if node.op in ("=", "!="):
        kinds = {_kind(node.left), _kind(node.right)} - {"any", "null", "time"}
        if len(kinds) == 2:
            says = "never equal" if node.op == "=" else "always different"
            found.append(Warn(f"{' and '.join(sorted(kinds))} are {says}", *place(node)))
        return
    kinds = {_kind(node.left), _kind(node.right)}
    if "time" in kinds:
        return
    wrong = kinds - {"any", "number"}
    if wrong:
        kind = sorted(wrong)[0]
        found.append(
            Warn(f"only numbers and times have an order, so {node.op} with {kind} is never true",
                 *place(node))
        )  # fmt: skip


def _kind(node: Any) -> str:
    """The type that a node is sure to have, or any."""
    if isinstance(node, Value):
        value = node.value
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "yes or no"
        return "text" if isinstance(value, str) else "number"
    if isinstance(node, Call):
        return FUNCTIONS[node.name].returns
    if isinstance(node, Instant):
        return "time"
    if isinstance(node, Aggregate):
        if node.of is None and node.fn != "count":
            return "time"
        return {"count": "number", "sum": "number", "avg": "number", "unique": "list"}.get(
            node.fn, "any"
        )
    form = BY_NODE.get(type(node))
    return form.returns if form else "any"


def _conditions(root: Any, place: Place, found: list[Warn], is_value: bool = False) -> None:
    """What stands where a condition should, and is a text or number."""
    stack = [] if is_value else [root]
    while stack:
        node = stack.pop()
        if isinstance(node, And | Or):
            stack.extend(node.items)
        elif isinstance(node, Not):
            stack.append(node.item)
        elif _kind(node) not in ("any", "yes or no"):
            found.append(Warn(f"a {_kind(node)} by itself is never true", *place(node)))
    for node in walk(root):
        if isinstance(node, EventRef) and node.where is not None:
            _conditions(node.where, place, found)


def _names(
    node: Any, context: Context, place: Place, found: list[Warn], names: Names, event: str | None
) -> None:
    """Events, properties and traits that nobody has seen yet."""
    of = None
    if isinstance(node, EventRef):
        event = node.name
        if event not in names.events:
            hint = did_you_mean(event, names.events)
            found.append(Warn(f"{event} has never been seen. {hint}".strip(), *place(node)))
    elif isinstance(node, Aggregate):
        of, event_of = node.of, node.event.name
    elif isinstance(node, Path):
        _seen(node, context, place, found, names, event)
    for child in children(node):
        inside = event_of if of is not None and child is of else event
        _names(child, context, place, found, names, inside)


def _seen(
    node: Path, context: Context, place: Place, found: list[Warn], names: Names, event: str | None
) -> None:
    parts = node.parts
    if event is not None and len(parts) > 1 and parts[0] == "properties":
        known = names.events.get(event)
        if known and parts[1] not in known:
            hint = did_you_mean(parts[1], known)
            text = f"{parts[1]} has never been seen on {event}. {hint}"
            found.append(Warn(text.strip(), *place(node)))
    own = parts[1:] if parts[0] == "person" else parts
    of_person = parts[0] == "person" or (event is None and context is not Context.MESSAGE)
    if not of_person or own[:1] != ("traits",) or len(own) < 2 or not names.traits:
        return
    if own[1] not in names.traits:
        hint = did_you_mean(own[1], names.traits)
        found.append(Warn(f"the trait {own[1]} has never been seen. {hint}".strip(), *place(node)))
