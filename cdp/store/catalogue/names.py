"""What the catalogue knows of the names that a condition uses, to warn of misspellings.

Only what the condition names is looked up, so that it does not matter how many names
there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, func, or_, select

from cdp.conditions import Names
from cdp.conditions.ast import Call, Compare, EventRef, In, Items, Path, Uploaded, Value, walk
from cdp.protocols import general_name
from cdp.store import definitions
from cdp.store.catalogue.writing import OTHER
from cdp.store.tables import catalogue_names, catalogue_properties, catalogue_seen

#: Names that are looked at for one that may have been meant.
NEAR = 250
#: Of so many pages (or screens) the properties are looked at together.
PAGES = 200
_PAGES = {"Page Viewed": "page", "Screen Viewed": "screen"}
_KINDS = {
    "string": ("text",),
    "date-time": ("text", "time"),
    "integer": ("number",),
    "number": ("number",),
    "boolean": ("yes or no",),
    "array": ("list",),
    "object": ("object",),
}
_EVENT = Path(("event",))


class _Types(msgspec.Struct):
    """What of a property's detail is needed here."""

    types: dict[str, int]


_decode = msgspec.json.Decoder(_Types).decode
_Fields = dict[str, set[str]]
Defined = Mapping[tuple[str, str], Mapping[str, Any]]


def names_for(tx: Connection, root: Any, defined: Defined | None = None) -> Names:
    """What has been seen of the events and traits that a condition names, and what is defined.

    ``defined`` has the bodies by kind and key; those of the store if it is None.
    """
    if defined is None:
        kinds = ("audience", "computed_trait", "virtual_event")
        found = [item for kind in kinds for item in definitions.all_current(tx, kind)]
        defined = {(item.kind, item.key): item.body or {} for item in found}
    audiences = {key for kind, key in defined if kind == "audience"}
    virtual = {
        str(body.get("name")): str(body.get("event"))
        for (kind, _), body in defined.items()
        if kind == "virtual_event"
    }
    events: dict[str, _Fields] = {}
    partly = set()
    missing = []
    for name in sorted(_events_in(root)):
        numbers = _numbers(tx, _base(name, virtual))
        if not numbers and name not in virtual:
            missing.append(name)
            continue
        fields, whole = _fields(tx, numbers)
        events[name] = fields
        if not whole:
            partly.add(name)
    traits: _Fields = {}
    if any(isinstance(node, Path) for node in walk(root)):
        traits = _traits(tx, "identify")
        if traits:
            made = [key for kind, key in defined if kind in ("audience", "computed_trait")]
            traits |= {key: set() for key in made if key not in traits}
    return Names(
        events,
        traits,
        near={*virtual, *_near(tx, missing)} if missing else (),
        partly=partly,
        all_events=not _beyond(tx),
        account=_traits(tx, "group"),
        lists=_keys(tx, "list") if any(isinstance(n, Uploaded) for n in walk(root)) else None,
        audiences=audiences if _calls(root, "audience") else None,
        topics=_keys(tx, "topic") if _calls(root, "subscribed") else None,
    )


def anything_seen(tx: Connection) -> bool:
    """Whether the catalogue has a name at all."""
    return tx.execute(select(catalogue_names.c.id).limit(1)).first() is not None


def _events_in(root: Any) -> set[str]:
    found = set()
    for node in walk(root):
        if isinstance(node, EventRef):
            found.add(node.name)
        elif isinstance(node, Compare) and _EVENT in (node.left, node.right):
            found |= _texts((node.left, node.right))
        elif isinstance(node, In) and node.item == _EVENT and isinstance(node.list, Items):
            found |= _texts(node.list.items)
    return found


def _texts(nodes: Iterable[Any]) -> set[str]:
    values = [node.value for node in nodes if isinstance(node, Value)]
    return {value for value in values if isinstance(value, str)}


def _keys(tx: Connection, kind: str) -> list[str]:
    return [item.key for item in definitions.all_current(tx, kind)]


def _calls(root: Any, name: str) -> bool:
    return any(isinstance(node, Call) and node.name == name for node in walk(root))


def _base(name: str, virtual: dict[str, str]) -> str:
    """The event that a virtual one is made of in the end."""
    met = set()
    while name in virtual and name not in met:
        met.add(name)
        name = virtual[name]
    return name


def _numbers(tx: Connection, name: str) -> list[int]:
    """The catalogue's numbers of what a condition calls so."""
    table = catalogue_names.c
    called = (table.type == "track") & (table.name == general_name(name))
    statement = select(table.id).where(called)
    if name in _PAGES:
        statement = select(table.id).where(called | (table.type == _PAGES[name]))
    return [int(number) for number in tx.execute(statement.limit(PAGES + 1)).scalars()]


def _fields(tx: Connection, numbers: list[int]) -> tuple[_Fields, bool]:
    """The properties under these numbers with their types, and whether there are no others."""
    if not 0 < len(numbers) <= PAGES:
        return {}, False
    seen = catalogue_seen.c
    counts = select(func.sum(seen.looked), func.sum(seen.beyond)).where(seen.name_id.in_(numbers))
    looked, beyond = tx.execute(counts).one()
    table = catalogue_properties.c
    fields: _Fields = {}
    details = select(table.path, table.detail).where(table.name_id.in_(numbers))
    for path, detail in tx.execute(details):
        kinds = fields.setdefault(path, set())
        for type_ in _decode(detail).types:
            kinds.update(_KINDS.get(type_, ()))
    return fields, bool(looked) and not beyond


def _traits(tx: Connection, type_: str) -> _Fields:
    table = catalogue_names.c
    statement = select(table.id).where(table.type == type_, table.name == "")
    fields, whole = _fields(tx, [int(n) for n in tx.execute(statement).scalars()])
    return fields if whole else {}


def _near(tx: Connection, missing: list[str]) -> set[str]:
    """Names of about the same length that begin or end alike: those first that do so longest."""
    table = catalogue_names.c
    lowered = func.lower(table.name)
    found: set[str] = set()
    for name in missing:
        for share in (len(name) * 2 // 3, min(3, len(name))):
            begin, end = name[:share].lower(), name[len(name) - share :].lower()
            alike = or_(
                lowered.startswith(begin, autoescape=True), lowered.endswith(end, autoescape=True)
            )
            about = func.length(table.name).between(len(name) - 3, len(name) + 3)
            statement = select(table.name).where(table.type == "track", about, alike)
            found.update(tx.execute(statement.limit(NEAR)).scalars())
    return found


def _beyond(tx: Connection) -> bool:
    """Whether messages came whose names found no room."""
    seen = catalogue_seen.c
    statement = select(seen.name_id).where(seen.name_id == OTHER, seen.n > 0)
    return tx.execute(statement.limit(1)).first() is not None
