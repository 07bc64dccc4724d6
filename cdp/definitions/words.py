"""The names by which conditions call what people define, and where they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import suppress
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from cdp.conditions import ConditionError, Context
from cdp.conditions.ast import Aggregate, Call, Changed, EventRef, Path, Value, children
from cdp.conditions.parser import Parsed, parse_text

Of: TypeAlias = Literal[
    "audience", "trait", "event", "template", "layout", "snippet", "topic", "journey"
]

#: Functions that name a definition, and what they name.
_CALLS: dict[str, Of] = {"audience": "audience", "subscribed": "topic"}


class Word(NamedTuple):
    """A name in conditions: ``audience("vip")``, ``traits.plan``, ``"Order Completed"``."""

    of: Of
    text: str


class Use(NamedTuple):
    """That a definition says a word: in which field, where in its text (from 1).

    Line 0: the field is the word, and no condition.
    """

    word: Word
    field: str
    line: int = 1
    column: int = 1


@lru_cache(maxsize=4096)
def parsed(text: str) -> Parsed:
    """The tree of a text with its places; texts of definitions are read again and again."""
    return parse_text(text)


def readable(texts: Mapping[str, str]) -> dict[str, Any]:
    """The trees of some texts, without those that can't be read."""
    found = {}
    for key, text in texts.items():
        with suppress(ConditionError):  # it calls a function that a plugin brought once
            found[key] = parsed(text).root
    return found


def words(text: str, context: Context, field: str) -> Iterator[Use]:
    """The words that a condition says, in the order of its text; none if it can't be read."""
    try:
        found = parsed(text)
    except ConditionError:  # it calls a function that a plugin brought once
        return
    for node, word in _walk(found.root, context is not Context.MESSAGE):
        yield Use(word, field, *found.place(node))


def misread(text: str, context: Context, computed: Set[str]) -> Iterator[tuple[str, int, int]]:
    """What a condition asks of computed traits that they can't answer: why, line and column."""
    found = parsed(text)
    for node, of_person, inside in _places(found.root, context is not Context.MESSAGE):
        trait = _trait(node.parts, of_person) if isinstance(node, Path) else None
        if trait not in computed:
            continue
        trouble = ""
        if isinstance(inside, Changed):
            trouble = f"the computed trait {trait} has no history to look for changes in"
        elif not of_person:
            trouble = f"{trait} is a computed trait: a where sees one event, not a person's history"
        elif len(node.parts) > (3 if node.parts[0] == "person" else 2):
            trouble = f"the computed trait {trait} has nothing inside of it"
        if trouble:
            yield trouble, *found.place(node)


def _walk(root: Any, of_person: bool) -> Iterator[tuple[Any, Word]]:
    for node, person, _ in _places(root, of_person):
        if isinstance(node, EventRef):
            yield node, Word("event", node.name)
        elif isinstance(node, Path):
            trait = _trait(node.parts, person)
            if trait is not None:
                yield node, Word("trait", trait)
        elif isinstance(node, Call) and node.name in _CALLS:
            key = node.args[0]
            if isinstance(key, Value) and isinstance(key.value, str):
                yield key, Word(_CALLS[node.name], key.value)


def _places(node: Any, of_person: bool, above: Any = None) -> Iterator[tuple[Any, bool, Any]]:
    """Each node, whether its paths are a person's, and what it stands in."""
    yield node, of_person, above
    for child in children(node):
        yield from _places(child, _of_person_inside(node, child, of_person), node)


def _of_person_inside(node: Any, child: Any, of_person: bool) -> bool:
    event = isinstance(node, EventRef) or (isinstance(node, Aggregate) and child is node.of)
    return of_person and not event


def _trait(parts: tuple[str, ...], of_person: bool) -> str | None:
    own = parts[1:] if parts[0] == "person" else parts if of_person else ()
    return own[1] if own[:1] == ("traits",) and len(own) > 1 else None


def reworded(root: Any, context: Context, new: Mapping[Word, Word]) -> Any:
    """The tree with other words in the places of some."""
    return _reworded(root, context is not Context.MESSAGE, new)


def _reworded(node: Any, of_person: bool, new: Mapping[Word, Word]) -> Any:
    def other(of: Of, text: str) -> str:
        return new.get(Word(of, text), Word(of, text)).text

    if isinstance(node, Path):
        trait = _trait(node.parts, of_person)
        if trait is None:
            return node
        at = 2 if node.parts[0] == "person" else 1
        return Path((*node.parts[:at], other("trait", trait), *node.parts[at + 1 :]))
    if isinstance(node, Call) and node.name in _CALLS and isinstance(node.args[0], Value):
        return Call(node.name, (Value(other(_CALLS[node.name], str(node.args[0].value))),))

    def inside(child: Any) -> Any:
        return _reworded(child, _of_person_inside(node, child, of_person), new)

    made = _with(node, inside)
    if isinstance(made, EventRef):
        return msgspec.structs.replace(made, name=other("event", made.name))
    return made


def inlined(node: Any, audiences: Mapping[str, Any]) -> Any:
    """The tree with the conditions of some audiences in the places of their names."""
    if isinstance(node, Call) and node.name == "audience" and isinstance(node.args[0], Value):
        found = audiences.get(str(node.args[0].value))
        return node if found is None else inlined(found, audiences)
    return _with(node, lambda child: inlined(child, audiences))


def _with(node: Any, change: Callable[[Any], Any]) -> Any:
    """The node with each struct directly inside of it changed."""

    def changed(value: Any) -> Any:
        return change(value) if isinstance(value, msgspec.Struct) else value

    fields = {}
    for name in node.__struct_fields__:
        value = getattr(node, name)
        fields[name] = tuple(map(changed, value)) if isinstance(value, tuple) else changed(value)
    return type(node)(**fields)
