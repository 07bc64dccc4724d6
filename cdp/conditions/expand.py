"""Conditions without names that people made: what virtual events and computed traits stand for.

Everything that evaluates a condition over a person sees only what came in messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from cdp.conditions.ast import Call, Changed, EventRef, Path, Value, all_of
from cdp.conditions.errors import ConditionContextError
from cdp.conditions.subscribed import as_condition


class Virtual(NamedTuple):
    """A virtual event: another event (which may be virtual as well), and which of them."""

    event: str
    where: Any


class Made(NamedTuple):
    """What people defined: virtual events by name, expressions of computed traits by key.

    ``broken`` are those that can't be read (any more), under ``("event", name)`` and
    ``("trait", key)``, each with why: a condition that names one can't be expanded.
    ``topics`` are by key what holds for those who have said nothing of them.
    """

    events: Mapping[str, Virtual] = {}
    traits: Mapping[str, Any] = {}
    broken: Mapping[tuple[str, str], str] = {}
    topics: Mapping[str, bool] = {}


NOTHING_MADE = Made()


def expand(root: Any, made: Made) -> Any:
    """The condition with everything made replaced. `ConditionContextError` for what can't be."""
    return _expand(root, made, (), False)


def _expand(node: Any, made: Made, above: tuple[str, ...], where: bool) -> Any:
    if isinstance(node, Path):
        return _path(node, made, above, where)
    if isinstance(node, EventRef):
        return _event(node, made, above)
    if isinstance(node, Call) and node.name == "subscribed" and isinstance(node.args[0], Value):
        topic = str(node.args[0].value)
        return as_condition(topic, made.topics.get(topic, True))
    if isinstance(node, Changed) and _computed(node.path, made, False) is not None:
        raise ConditionContextError(
            f"the computed trait {node.path.parts[-1]} has no history to look for changes in", 1, 1
        )
    fields = {}
    for name in node.__struct_fields__:
        old = getattr(node, name)
        new = _inside(old, made, above, where, name)
        if new is not old:
            fields[name] = new
    return msgspec.structs.replace(node, **fields) if fields else node


def _inside(value: Any, made: Made, above: tuple[str, ...], where: bool, name: str) -> Any:
    if name == "of" and isinstance(value, Path):
        return value  # a path into the event
    if isinstance(value, msgspec.Struct):
        return _expand(value, made, above, where)
    if isinstance(value, tuple) and any(isinstance(item, msgspec.Struct) for item in value):
        return tuple(_expand(item, made, above, where) for item in value)
    return value


def _event(ref: EventRef, made: Made, above: tuple[str, ...]) -> EventRef:
    where = None if ref.where is None else _expand(ref.where, made, above, True)
    name = ref.name
    met = set()
    while name in made.events:
        if name in met:
            raise ConditionContextError(f"the virtual event {name} is made of itself", 1, 1)
        met.add(name)
        virtual = made.events[name]
        own = None if virtual.where is None else _expand(virtual.where, made, above, True)
        both = [part for part in (own, where) if part is not None]
        where = all_of(both) if both else None
        name = virtual.event
    if ("event", name) in made.broken:
        raise _unreadable(f"the virtual event {name}", made.broken["event", name])
    return EventRef(name, where)


def _computed(path: Path, made: Made, where: bool) -> str | None:
    """The computed trait that a path names."""
    parts = path.parts
    if parts[0] == "person":
        parts = parts[1:]
    elif where:
        return None
    if len(parts) < 2 or parts[0] != "traits":
        return None
    if ("trait", parts[1]) in made.broken:
        raise _unreadable(f"the computed trait {parts[1]}", made.broken["trait", parts[1]])
    return parts[1] if parts[1] in made.traits else None


def _unreadable(what: str, why: str) -> ConditionContextError:
    return ConditionContextError(f"{what} can't be worked out: {why}", 1, 1)


def _path(path: Path, made: Made, above: tuple[str, ...], where: bool) -> Any:
    key = _computed(path, made, where)
    if key is None:
        return path
    if where:
        raise ConditionContextError(
            f"{key} is a computed trait: a where sees one event, not the person's history", 1, 1
        )
    if len(path.parts) != (3 if path.parts[0] == "person" else 2):
        raise ConditionContextError(f"the computed trait {key} has nothing inside of it", 1, 1)
    if key in above:
        raise ConditionContextError(f"the computed trait {key} is made of itself", 1, 1)
    return _expand(made.traits[key], made, (*above, key), False)
