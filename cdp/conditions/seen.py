"""What a condition asks for that was never seen, or was always of another type.

Nothing of this is an error: tomorrow's messages may have it. But most often it is a
misspelling.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from typing import Any, NamedTuple

from cdp.conditions.ast import (
    Aggregate,
    And,
    Call,
    Compare,
    EventRef,
    In,
    Items,
    Path,
    Uploaded,
    Value,
    children,
)
from cdp.conditions.errors import did_you_mean
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.kinds import kind_of

Place = Callable[[Any], tuple[int, int]]
#: Paths as the catalogue writes them (``address.city``, ``products[].sku``), perhaps with
#: the types that were seen there: text, time, number, yes or no, list, object.
Fields = Collection[str] | Mapping[str, Set[str]]
#: The catalogue looks no deeper.
DEPTH = 4
_NAMED = {
    "text": "a text", "number": "a number", "time": "a time", "yes or no": "true or false",
    "list": "a list", "object": "an object",
}  # fmt: skip
#: What may be where a type is asked for.
_FITTING = {
    "text": {"text", "time"},
    "number": {"number"},
    "time": {"time", "number"},
    "yes or no": {"yes or no"},
    "list": {"list"},
}


class Warn(NamedTuple):
    """Something that is allowed and most likely not meant."""

    text: str
    line: int
    column: int


class Names(NamedTuple):
    """What has been seen so far, to find misspellings. What is empty is not known.

    ``events`` have their properties; ``near`` are further names that may be meant.
    ``partly`` names events that have other properties too. ``audiences``, ``lists``
    and ``topics`` are what is defined; None: that is not known here.
    """

    events: Mapping[str, Fields] = {}
    traits: Fields = frozenset()
    near: Collection[str] = ()
    partly: Set[str] = frozenset()
    all_events: bool = True
    account: Fields = frozenset()
    audiences: Collection[str] | None = None
    lists: Collection[str] | None = None
    topics: Collection[str] | None = None


class _Scope(NamedTuple):
    """Whether paths are a message's, and which events it may be (none: not known)."""

    message: bool
    events: tuple[str, ...] = ()


class _Found(NamedTuple):
    """A place where something is looked for: what was seen there, and how it is called."""

    path: str
    known: bool
    kinds: Set[str]
    where: str


def unlikely(
    root: Any, names: Names, place: Place, *, of_message: bool, event: str | None = None
) -> list[Warn]:
    """What is asked for and was never seen; ``event`` is what a message is known to be."""
    looking = _Looking(names, place)
    looking.walk(root, _Scope(of_message, (event,) if event else ()))
    return looking.warnings


class _Looking:
    def __init__(self, names: Names, place: Place) -> None:
        self.names, self.place = names, place
        self.warnings: list[Warn] = []

    def walk(self, node: Any, scope: _Scope) -> None:
        if isinstance(node, EventRef):
            self.event(node.name, node)
            scope = _Scope(True, (node.name,))
        elif isinstance(node, And) and scope.message and not scope.events:
            scope = _Scope(True, tuple(n for item in node.items for n in _events(item)))
        elif isinstance(node, Path):
            self.path(node, scope)
        elif isinstance(node, Compare):
            self.compare(node, scope)
        elif isinstance(node, In):
            self.among(node, scope)
        elif isinstance(node, Call):
            self.call(node, scope)
        elif isinstance(node, Uploaded):
            self.defined("list", node.name, self.names.lists, node)
        of = node.of if isinstance(node, Aggregate) else None
        for child in children(node):
            if of is not None and child is of:
                self.figure(node)
            else:
                self.walk(child, scope)

    def warn(self, text: str, node: Any) -> None:
        self.warnings.append(Warn(text.strip(), *self.place(node)))

    # Names.

    def event(self, name: str, node: Any) -> None:
        if name not in self.names.events and self.names.all_events:
            hint = did_you_mean(name, [*self.names.events, *self.names.near])
            self.warn(f"{_shown(name)} has never been seen. {hint}", node)

    def path(self, node: Path, scope: _Scope) -> None:
        found = self.look(node, scope)
        if found is not None and not found.known:
            self.warn(found.where, node)

    def call(self, node: Call, scope: _Scope) -> None:
        first = node.args[0] if node.args else None
        if isinstance(first, Value):
            if node.name == "audience":
                self.defined("audience", str(first.value), self.names.audiences, node)
            elif node.name == "subscribed":
                self.defined("topic", str(first.value), self.names.topics, node)
        function = FUNCTIONS[node.name]
        if function.returns != "yes or no":
            return
        for param, arg in zip(function.params, node.args, strict=True):
            kinds = self.kinds(arg, scope) if param.kind == "text" else frozenset()
            if kinds and not kinds & _FITTING["text"]:
                self.only_ever(arg, scope, f"{node.name}() of it is never true", node)

    def defined(self, what: str, key: str, known: Collection[str] | None, node: Any) -> None:
        if known is not None and key not in known:
            self.warn(f"there is no {what} {_shown(key)}. {did_you_mean(key, known)}", node)

    # Types.

    def compare(self, node: Compare, scope: _Scope) -> None:
        if node.op in ("=", "!="):
            for name in _events(node) if scope.message else ():
                self.event(name, node)
        for side, other in ((node.left, node.right), (node.right, node.left)):
            kinds = self.kinds(side, scope)
            wanted = kind_of(other)
            if node.op not in ("=", "!=") and wanted != "time":
                wanted = "number"
            fitting = _FITTING.get(wanted)
            if not kinds or fitting is None or kinds & fitting:
                continue
            always = "always" if node.op == "!=" else "never"
            self.only_ever(side, scope, f"{node.op} is {always} true", node)

    def among(self, node: In, scope: _Scope) -> None:
        if scope.message:
            for name in _events(node):
                self.event(name, node)
        if (kinds := self.kinds(node.list, scope)) and "list" not in kinds:
            self.only_ever(node.list, scope, "nothing is in it", node)
        kinds = self.kinds(node.item, scope)
        items = node.list.items if isinstance(node.list, Items) else ()
        wanted = {kind_of(item) for item in items}
        if isinstance(node.list, Uploaded):
            wanted = {"text"}
        fits = any(kind not in _FITTING or kinds & _FITTING[kind] for kind in wanted)
        if kinds and wanted and not fits:
            self.only_ever(node.item, scope, "in is never true", node)

    def figure(self, node: Aggregate) -> None:
        scope = _Scope(True, (node.event.name,))
        assert node.of is not None
        self.path(node.of, scope)
        kinds = self.kinds(node.of, scope)
        if node.fn in ("sum", "avg") and kinds and "number" not in kinds:
            nothing = "there is nothing to add up" if node.fn == "sum" else "there is no average"
            self.only_ever(node.of, scope, nothing, node)

    def only_ever(self, path: Any, scope: _Scope, so: str, node: Any) -> None:
        found = self.look(path, scope)
        assert found is not None
        kinds = found.kinds - {"time"} if "text" in found.kinds else found.kinds
        seen = " or ".join(_NAMED[kind] for kind in sorted(kinds))
        self.warn(f"{found.path} has only ever been {seen}{found.where}, so {so}", node)

    def kinds(self, node: Any, scope: _Scope) -> Set[str]:
        """The types that were seen at a path; none where nothing is known."""
        found = self.look(node, scope) if isinstance(node, Path) else None
        return found.kinds if found is not None and found.known else frozenset()

    # Looking.

    def look(self, node: Path, scope: _Scope) -> _Found | None:
        """What was seen at a path, or a `_Found` that says that nothing was; None: not known."""
        root, *keys = node.parts[1:] if node.parts[0] == "person" else node.parts
        if not keys:
            return None
        if node.parts[0] == "person" or not scope.message:
            if root == "traits":
                return _in_fields(keys, self.names.traits, "the trait ", "", True)
            if node.parts[:2] == ("account", "traits") and len(keys) > 1:
                return _in_fields(keys[1:], self.names.account, "the account's trait ", "", True)
            if node.parts[:2] == ("event", "properties") and len(keys) > 1 and scope.events:
                return self.of_events(keys[1:], scope)
            return None
        if root != "properties" or not scope.events:
            return None
        return self.of_events(keys, scope)

    def of_events(self, keys: list[str], scope: _Scope) -> _Found | None:
        """What was seen of a property in the events that a message may be."""
        known = [self.names.events.get(name) for name in scope.events]
        if any(fields is None for fields in known):
            return None
        whole = self.names.partly.isdisjoint(scope.events)
        where = f" on {' or '.join(scope.events)}"
        found = [_in_fields(keys, fields or (), "", where, whole) for fields in known]
        if any(item is None for item in found):
            return None
        seen = [item for item in found if item is not None and item.known]
        if not seen:
            return found[0]
        kinds = {kind for item in seen for kind in item.kinds}
        return seen[0]._replace(kinds=kinds if all(item.kinds for item in seen) else set())


def _events(node: Any) -> list[str]:
    """The events that a condition over a message names."""
    if isinstance(node, Compare) and node.op == "=":
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if side == Path(("event",)) and isinstance(other, Value):
                return [other.value] if isinstance(other.value, str) else []
    if isinstance(node, In) and node.item == Path(("event",)) and isinstance(node.list, Items):
        values = [item.value for item in node.list.items if isinstance(item, Value)]
        return [value for value in values if isinstance(value, str)]
    return []


def _in_fields(
    keys: list[str], fields: Fields, what: str, where: str, whole: bool
) -> _Found | None:
    """Keys looked for among fields; None where it can't be told."""
    if not fields:
        return None
    path = ""
    for depth, key in enumerate(keys):
        above = path
        if key.isdecimal() and f"{path}[]" in fields:
            path = f"{path}[]"
            continue
        path = f"{path}.{_key(key)}" if path else _key(key)
        if path in fields:
            continue
        nested = above and not any(field.startswith(f"{above}.") for field in fields)
        if not whole or depth >= DEPTH or nested:
            return None
        hint = did_you_mean(path, fields)
        return _Found(path, False, frozenset(), f"{what}{path} has never been seen{where}. {hint}")
    kinds = fields.get(path, frozenset()) if isinstance(fields, Mapping) else frozenset()
    return _Found(f"{what}{path}", True, kinds, where)


def _shown(name: str) -> str:
    """A name, in quotes where it could not be told from what is around it."""
    return name if name.split() and name == name.strip() else f"“{name}”"


def _key(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.")
