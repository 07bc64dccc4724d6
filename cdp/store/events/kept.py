"""Typed copies of what definitions read of messages, which SQL can read where it can't
look into blocks.

What is kept is named by the event, as conditions call it, and a path in its message. The
path ``()`` stands for the event itself, so that all events of one name can be found
without the others. The event `TRAITS` stands for whatever sets traits of a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select, update

from cdp.events import at_path, event_name
from cdp.events.paths import Path
from cdp.store import meta
from cdp.store.bulk import insert_many
from cdp.store.events import history
from cdp.store.tables import MAX_TEXT, SECONDARY, kept_properties, partition_tables

COLUMNS = ("property", "seq", "node", "t", "num", "text", "json")
#: The event of paths into a person's traits: identify calls.
TRAITS = ""

#: What is kept of an event itself, as `value_row`: that it was.
ITSELF = (None, None, None)

_encode = msgspec.json.Encoder().encode
Row = tuple[Any, ...]


class KeptProperty(NamedTuple):
    """A path of an event, of which values are kept.

    What came after ``backfill_until`` was kept as it arrived; below, the backfill
    has reached ``backfilled_to``.
    """

    id: int
    event: str
    path: Path
    backfilled_to: int
    backfill_until: int

    @property
    def complete(self) -> bool:
        """Whether the values of all messages are kept."""
        return self.backfilled_to >= self.backfill_until


def all_kept(tx: Connection) -> list[KeptProperty]:
    """Every path of which values are kept."""
    table = kept_properties.c
    rows = tx.execute(
        select(table.id, table.event, table.path, table.backfilled_to, table.backfill_until)
    )
    return [KeptProperty(row[0], row[1], tuple(json.loads(row[2])), *row[3:]) for row in rows]


def keep(tx: Connection, wanted: Iterable[tuple[str, Path]], now: int) -> list[KeptProperty]:
    """Begin to keep (event, path)s; what came before waits for the backfill.

    Returns those that are new. Whoever writes the history must know them from this
    transaction on.
    """
    known = {(item.event, item.path) for item in all_kept(tx)}
    new = sorted(set(wanted) - known)
    if not new:
        return []
    until = meta.next_number(tx, "seq")
    first = meta.take_numbers(tx, "kept_property", len(new))
    made = [
        KeptProperty(first + index, event, path, 1, until)
        for index, (event, path) in enumerate(new)
    ]
    tx.execute(
        insert(kept_properties),
        [
            {
                "id": item.id, "event": item.event, "path": json.dumps(item.path),
                "created_at": now, "backfilled_to": 1, "backfill_until": until,
            }
            for item in made
        ],
    )  # fmt: skip
    return made


def value_row(value: Any) -> tuple[float | None, str | None, str | None] | None:
    """A value as (num, text, json); None of nothing.

    Truth is 0 or 1 with the text ``true`` or ``false``, a number has its literal beside
    the float, so that sums can be exact; a text stands alone. Everything else is JSON.
    """
    kind = type(value)
    if kind is str:
        return (None, value, None) if len(value) <= MAX_TEXT else (None, None, _json(value))
    if kind is bool:
        return (1.0, "true", None) if value else (0.0, "false", None)
    if kind is int or kind is float:
        try:
            return (float(value), repr(value), None)
        except OverflowError:
            return (None, None, repr(value))
    return None if value is None else (None, None, _json(value))


def value_of(num: float | None, text: str | None, raw: str | None) -> Any:
    """The value that `value_row` kept."""
    if raw is not None:
        return json.loads(raw)
    if num is None:
        return text
    if text == "true" or text == "false":
        return text == "true"
    return json.loads(text or "null")


def _json(value: Any) -> str:
    return _encode(value).decode()


Take = Callable[[dict[str, Any]], tuple[float | None, str | None, str | None] | None]


def taker(event: str, path: Path) -> Take:
    """A function that gives what is kept of a message's body, as `value_row`."""
    if not path:
        return lambda body: ITSELF
    if event == TRAITS:
        return lambda body: _trait(body, path)
    if len(path) == 2:  # the usual properties.total
        first, second = path

        def take(body: dict[str, Any]) -> Any:
            inner = body.get(first)
            if type(inner) is dict:
                return value_row(inner.get(second))
            return value_row(at_path(inner, (second,)))

        return take
    return lambda body: value_row(at_path(body, path))


def _trait(body: dict[str, Any], path: Path) -> tuple[float | None, str | None, str | None] | None:
    """What a message makes of a trait: also that it takes it away."""
    traits = body.get("traits")
    if not isinstance(traits, dict) or path[1] not in traits:
        return None
    return value_row(at_path(body, path)) or (None, None, "null")


def event_of(type_: str, name: str) -> str | None:
    """Under which event a message is kept; None if under none."""
    if type_ == "identify":
        return TRAITS
    return event_name(type_, name) or None


def insert_values(tx: Connection, partition: int, rows: Sequence[Row]) -> None:
    """Keep values (in the order of `COLUMNS`) in a partition."""
    insert_many(tx, partition_tables(partition).kept, COLUMNS, rows)


def backfill_step(tx: Connection, limit: int, decode: Callable[[bytes], Any]) -> int:
    """Keep older values from up to ``limit`` positions; returns how many are left.

    All that waits goes on together, so that no block is read twice for it.
    """
    waiting = [item for item in all_kept(tx) if not item.complete]
    if not waiting:
        return 0
    start = min(item.backfilled_to for item in waiting)
    end = max(item.backfill_until for item in waiting)
    stop = min(start + limit, end)
    mine = [item for item in waiting if item.backfilled_to < stop]
    by_event: dict[str, list[tuple[KeptProperty, Take]]] = {}
    for item in mine:
        by_event.setdefault(item.event, []).append((item, taker(item.event, item.path)))
    numbers = numbers_of(tx, by_event)
    rows = [
        row
        for row in history.rows_between(tx, start, stop, list(numbers))
        if not row.flags & SECONDARY
    ]
    bodies = history.bodies_of(tx, rows)
    infos = history.list_partitions(tx)
    made: dict[int, list[Row]] = {}
    for row in rows:
        found = bodies.get(row.seq)
        body = decode(found.raw) if found is not None else None
        info = history.partition_of(infos, row.seq)
        if not isinstance(body, dict) or info is None:
            continue  # it was taken out
        for item, take in by_event[numbers[row.name]]:
            if item.backfilled_to <= row.seq < item.backfill_until:
                value = take(body)
                if value is not None:
                    entry = (item.id, row.seq, row.node, row.t, *value)
                    made.setdefault(info.id, []).append(entry)
    for partition, entries in made.items():
        insert_values(tx, partition, sorted(entries, key=lambda row: row[:2]))
    for item in mine:
        reached = min(max(stop, item.backfilled_to), item.backfill_until)
        tx.execute(
            update(kept_properties)
            .where(kept_properties.c.id == item.id)
            .values(backfilled_to=reached)
        )
    return end - stop


def numbers_of(tx: Connection, events: Iterable[str]) -> dict[int, str]:
    """The numbers of the names that are meant by some events, each with its event."""
    wanted = set(events)
    tracked = [("track", event) for event in wanted if event != TRAITS]
    found = {number: name for (_, name), number in history.numbers_of_names(tx, tracked).items()}
    for type_ in ("identify", "page", "screen"):
        event = event_of(type_, "")
        if event is not None and event in wanted:
            found |= dict.fromkeys(history.names_of_type(tx, type_), event)
    return found
