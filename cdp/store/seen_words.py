"""What the catalogue has seen, as conditions name it."""

from __future__ import annotations

from sqlalchemy import Connection, select

from cdp.definitions import Seen
from cdp.events import event_name
from cdp.store.tables import catalogue_names, catalogue_properties


def load_seen(tx: Connection) -> Seen:
    """Events with their properties, and traits of people and of accounts."""
    names, table = catalogue_names.c, catalogue_properties.c
    labels = {row.id: (row.type, row.name) for row in tx.execute(select(catalogue_names))}
    events: dict[str, set[str]] = {}
    traits: dict[str, set[str]] = {"identify": set(), "group": set()}
    for type_, name in labels.values():
        if event_name(type_, name):
            events.setdefault(event_name(type_, name), set())
    paths = (
        select(table.name_id, table.path)
        .distinct()
        .join(catalogue_names, names.id == table.name_id)
    )
    for number, path in tx.execute(paths):
        type_, name = labels[number]
        first = path.partition(".")[0].removesuffix("[]")
        if event_name(type_, name):
            events[event_name(type_, name)].add(first)
        elif type_ in traits:
            traits[type_].add(first)
    return Seen(events, traits["identify"], traits["group"])
