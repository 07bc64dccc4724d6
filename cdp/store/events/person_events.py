"""The events of some people by name, with what is kept of each, in as few queries as can be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.store.bulk import Row, select_by
from cdp.store.events import history
from cdp.store.events.kept import KeptProperty, numbers_of, value_of
from cdp.store.tables import nodes, partition_tables

Path = tuple[str, ...]


class PersonEvent(NamedTuple):
    """An event of a profile; ``values`` has what is kept of it, by path."""

    profile: int
    event: str
    t: int
    seq: int
    values: dict[Path, Any]


def events_of(
    tx: Connection,
    profiles: Iterable[int],
    events: Iterable[str],
    kept: Iterable[KeptProperty],
    reads: Mapping[str, Iterable[Path]],
) -> list[PersonEvent]:
    """The events of some names that some profiles have, in the order of time and position.

    ``reads`` are the paths to give of each event.
    """
    own = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.profile, sorted(profiles))
    owners: dict[int, int] = {row[0]: row[1] for row in own}
    numbers = numbers_of(tx, events)
    if not owners or not numbers:
        return []
    wanted = {event: set(reads.get(event, ())) for event in numbers.values()}
    properties = [k for k in kept if k.path and k.path in wanted.get(k.event, ())]
    found: list[PersonEvent] = []
    for info in history.list_partitions(tx):
        rows = rows_in(tx, info.id, list(owners), list(numbers))
        values = _values(tx, info.id, rows, numbers, properties)
        found += [
            PersonEvent(owners[node], numbers[name], t, seq, values.get(seq, {}))
            for node, name, t, seq in rows
        ]
    found.sort(key=lambda event: (event.t, event.seq))
    return found


def rows_in(tx: Connection, number: int, node_ids: list[int], name_ids: list[int]) -> list[Row]:
    """(node, name, t, seq) of the rows of some nodes and names in a partition."""
    cursor = tx.connection.cursor()
    sqlite = tx.dialect.name == "sqlite"
    given = (json.dumps(node_ids), json.dumps(name_ids)) if sqlite else (node_ids, name_ids)
    cursor.execute(_rows_sql(number, sqlite), given)
    rows = cursor.fetchall()
    cursor.close()
    return list(rows)


@lru_cache(maxsize=1024)
def _rows_sql(number: int, sqlite: bool) -> str:
    table = partition_tables(number).history.name
    # Nodes outside, names inside: both are looked up in the index (node, name, t).
    if sqlite:
        return (
            f"SELECT h.node, h.name, h.t, h.seq FROM json_each(?) n CROSS JOIN json_each(?) e "
            f"CROSS JOIN {table} h ON h.node = n.value AND h.name = e.value"
        )
    return (
        f"SELECT node, name, t, seq FROM {table} "
        "WHERE node = ANY(%s::bigint[]) AND name = ANY(%s::int[])"
    )


def _values(
    tx: Connection,
    number: int,
    rows: list[Row],
    numbers: dict[int, str],
    properties: list[KeptProperty],
) -> dict[int, dict[Path, Any]]:
    found: dict[int, dict[Path, Any]] = {}
    by_event: dict[str, list[int]] = {}
    for _, name, _, seq in rows:
        by_event.setdefault(numbers[name], []).append(seq)
    for item in properties:
        seqs = by_event.get(item.event)
        if not seqs:
            continue
        for seq, num, text, raw in _kept(tx, number, item.id, seqs):
            found.setdefault(seq, {})[item.path] = value_of(num, text, raw)
    return found


def _kept(tx: Connection, number: int, property_: int, seqs: list[int]) -> Iterator[Row]:
    cursor = tx.connection.cursor()
    sqlite = tx.dialect.name == "sqlite"
    table = partition_tables(number).kept.name
    if sqlite:
        cursor.execute(
            f"SELECT k.seq, k.num, k.text, k.json FROM json_each(?) s "
            f"CROSS JOIN {table} k ON k.property = ? AND k.seq = s.value",
            (json.dumps(seqs), property_),
        )
    else:
        cursor.execute(
            f"SELECT seq, num, text, json FROM {table} "
            "WHERE property = %s AND seq = ANY(%s::bigint[])",
            (property_, seqs),
        )
    yield from cursor.fetchall()
    cursor.close()
