"""Names of the catalogue for those who build a condition: what may be meant by a few letters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from cdp.events import event_name
from cdp.protocols import Property, hides_something
from cdp.store.catalogue.reads import Field, as_field, decode_property, entries
from cdp.store.tables import catalogue_names, catalogue_properties

#: Types whose messages are events of a person.
EVENTS = ("track", "page", "screen")
_MOST = 400


class Event(NamedTuple):
    """An event as conditions name it, and how many there were in 30 days and ever."""

    name: str
    lately: int
    n: int


def events(tx: Connection, today: int, q: str = "") -> list[Event]:
    """Events whose name holds ``q``, the most frequent first; all pages are one."""
    lately: dict[str, int] = {}
    ever: dict[str, int] = {}
    for entry in entries(tx, today).entries:
        name = event_name(entry.type, entry.name)
        if entry.type in EVENTS and name and not hides_something(name):
            lately[name] = lately.get(name, 0) + entry.lately
            ever[name] = ever.get(name, 0) + entry.n
    needle = q.casefold()
    found = [Event(name, lately[name], n) for name, n in ever.items() if needle in name.casefold()]
    return sorted(found, key=lambda event: (-event.lately, -event.n, event.name))


def fields(
    tx: Connection, types: Iterable[str], event: str | None = None, q: str = "", limit: int = 50
) -> list[Field]:
    """What messages of some types carry: of one event, or of all of them together.

    Paths that hold ``q``, those of the most messages first; what lies within lists is
    left out, since no path leads there.
    """
    table = catalogue_properties.c
    held = func.lower(table.path).contains(q.lower(), autoescape=True)
    statement = (
        select(table.path, table.detail)
        .where(table.name_id.in_(_of(types, event)), held, ~table.path.contains("[]"))
        .order_by(func.length(table.path), table.path, table.name_id, table.source_id)
        .limit(_MOST)
    )
    found: dict[str, Property] = {}
    for path, detail in tx.execute(statement):
        if path in found:
            found[path].join(decode_property(detail))
        else:
            found[path] = decode_property(detail)
    shown = [as_field(path, property_, 0, []) for path, property_ in found.items()]
    return sorted(shown, key=lambda field: (-field.n, field.path))[:limit]


def field_at(
    tx: Connection, types: Iterable[str], path: str, event: str | None = None
) -> Field | None:
    """What is known of one path."""
    some = fields(tx, types, event, path, limit=_MOST)
    return next((field for field in some if field.path == path), None)


def _of(types: Iterable[str], event: str | None) -> Select[Any]:
    """The numbers of the names that are meant."""
    names = catalogue_names.c
    mine = select(names.id).where(names.type.in_(list(types)))
    if event is None:
        return mine
    tracked = (names.type == "track") & (names.name == event)
    others = [type_ for type_ in EVENTS if type_ != "track" and event_name(type_, "") == event]
    return mine.where(tracked | names.type.in_(others))
