"""Whether a condition may stand where it is to stand, and what looks wrong about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from cdp.conditions.ast import (
    OF_A_PERSON,
    Aggregate,
    And,
    Call,
    Compare,
    EventRef,
    Not,
    Or,
    Path,
    Relative,
    Since,
    StartOf,
    Value,
    Within,
    children,
    walk,
)
from cdp.conditions.errors import ConditionContextError, did_you_mean
from cdp.conditions.forms import BY_NODE
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.kinds import kind_of
from cdp.conditions.seen import Names, Warn, unlikely
from cdp.conditions.spelling import path_text

Place = Callable[[Any], tuple[int, int]]
#: Fields of a message by the Segment spec, the first keys of paths.
MESSAGE_KEYS = (
    "type", "event", "name", "userId", "anonymousId", "previousId", "groupId", "messageId",
    "category", "properties", "traits", "context", "integrations", "timestamp", "sentAt",
    "receivedAt", "originalTimestamp", "channel", "version", "projectId", "writeKey", "_metadata",
)  # fmt: skip
#: Those of them that hold one value, and nothing inside.
_PLAIN = frozenset(MESSAGE_KEYS) - {
    "properties", "traits", "context", "integrations", "version", "_metadata",
}  # fmt: skip
PERSON_KEYS = ("traits", "account", "person")


class Context(Enum):
    """Where a condition stands, and so what its paths mean."""

    MESSAGE = "message"
    PERSON = "person"
    #: A person whose journey an event began.
    BRANCH = "branch"


def check(
    root: Any,
    context: Context,
    place: Place = lambda node: (1, 1),
    names: Names | None = None,
    *,
    event: str | None = None,
    is_value: bool = False,
    is_call: bool = False,
) -> list[Warn]:
    """Raise `ConditionContextError` for what can't stand here; return what looks wrong.

    ``event`` names the event that a message is known to be; ``is_value`` says that any
    value is asked for, not a yes or no; ``is_call`` that the message is a call's data.
    """
    found: list[Warn] = []
    if isinstance(root, Relative | StartOf):
        raise _misplaced(root, place)
    _walk(root, context, place, found, False)
    _conditions(root, place, found, is_value)
    if is_call:
        found += _not_in_a_call(root, place)
    if names is not None:
        of_message = context is Context.MESSAGE
        found += unlikely(root, names, place, of_message=of_message, event=event)
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
    elif getattr(node, "window", None) == Within(0):
        found.append(Warn("within 0s is no time at all: nothing is ever in it", *place(node)))
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
        elif root in _PLAIN and len(node.parts) > 1:
            found.append(Warn(_nothing_inside(node), *place(node)))
        elif where and root == "traits" and context is not Context.MESSAGE:
            text = f"events bring no traits. Those of the person are person.{path_text(node.parts)}"
            found.append(Warn(text, *place(node)))
        return
    if root in ("event", "journey") and context is Context.BRANCH:
        return
    if root not in PERSON_KEYS:
        what = path_text(node.parts)
        hint = did_you_mean(root, PERSON_KEYS)
        if root in ("properties", "context", "event", "type"):
            hint = f'It belongs to events: count("…" where {what} …) > 0.'
        if root == "identifiers":
            hint = f"Write person.{what}."
        raise ConditionContextError(
            f"{what} is nothing of a person", *place(node), expected="traits.…", hint=hint
        )
    if root == "account" and (len(node.parts) < 3 or node.parts[1] != "traits"):
        raise ConditionContextError(
            f"{path_text(node.parts)} is nothing of an account", *place(node),
            expected="account.traits.…",
        )  # fmt: skip
    if root == "person" and (len(node.parts) < 3 or node.parts[1] not in ("traits", "identifiers")):
        raise ConditionContextError(
            f"{path_text(node.parts)} is nothing of a person", *place(node),
            expected="person.traits.… or person.identifiers.…",
        )  # fmt: skip


def _nothing_inside(node: Path) -> str:
    root, *rest = node.parts
    text = f"{path_text(node.parts)} is never there: {root} holds one value, with nothing inside."
    if root != "event":
        return text
    meant = rest if rest[0] in ("properties", "traits", "context") else ["properties", *rest]
    return f"{text} Write {path_text(tuple(meant))}."


def _not_in_a_call(root: Any, place: Place) -> Iterator[Warn]:
    for node in walk(root):
        if isinstance(node, Path) and node.parts[0] == "traits":
            text = "a call brings no traits: its data are properties.…, and if asks for the person"
            yield Warn(text, *place(node))


def _comparison(node: Compare, place: Place, found: list[Warn]) -> None:
    if node.op in ("=", "!="):
        kinds = {kind_of(node.left), kind_of(node.right)} - {"any", "null", "time"}
        if len(kinds) == 2:
            says = "never equal" if node.op == "=" else "always different"
            found.append(Warn(f"{' and '.join(sorted(kinds))} are {says}", *place(node)))
        return
    kinds = {kind_of(node.left), kind_of(node.right)}
    if "time" in kinds:
        return
    wrong = kinds - {"any", "number"}
    if wrong:
        kind = sorted(wrong)[0]
        found.append(
            Warn(f"only numbers and times have an order, so {node.op} with {kind} is never true",
                 *place(node))
        )  # fmt: skip


def _conditions(root: Any, place: Place, found: list[Warn], is_value: bool = False) -> None:
    """What stands where a condition should, and is a text or number."""
    stack = [] if is_value else [root]
    while stack:
        node = stack.pop()
        if isinstance(node, And | Or):
            stack.extend(node.items)
        elif isinstance(node, Not):
            stack.append(node.item)
        elif kind_of(node) not in ("any", "yes or no"):
            found.append(Warn(f"a {kind_of(node)} by itself is never true", *place(node)))
    for node in walk(root):
        if isinstance(node, EventRef) and node.where is not None:
            _conditions(node.where, place, found)
