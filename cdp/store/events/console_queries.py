"""What the console's pages ask: counts by minute, the newest rows, refused messages."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from cdp.store.bulk import blob
from cdp.store.events.history import HistoryRow, list_partitions, partition_of
from cdp.store.meta import next_number
from cdp.store.tables import (
    SECONDARY,
    changes,
    counts,
    names,
    partition_tables,
    plugin_errors,
    profiles,
    rejected,
)

MINUTE_MS = 60_000
#: Reading at most this many rows for one page of a filtered list.
SCAN = 20_000

_taken = counts.c.what.not_like("rejected:%") & (counts.c.what != "repeated")
_refused = counts.c.what.like("rejected:%")


def events_by_minute(
    tx: Connection,
    first: int,
    last: int,
    source_id: int | None = None,
    without: int | None = None,
) -> dict[int, int]:
    """Messages taken in each minute (of 1970) from ``first`` to ``last``, both inclusive.

    Only those of ``source_id``, or all but those of the source ``without``.
    """
    statement = (
        select(counts.c.minute, func.sum(counts.c.n))
        .where(counts.c.minute.between(first, last), _taken)
        .group_by(counts.c.minute)
    )
    if source_id is not None:
        statement = statement.where(counts.c.source_id == source_id)
    if without is not None:
        statement = statement.where(counts.c.source_id != without)
    return {minute: int(n) for minute, n in tx.execute(statement)}


def taken_between(tx: Connection, first: int, last: int, without: int | None = None) -> int:
    """How many messages were taken from the minute ``first`` to ``last``, both inclusive.

    Those of the source ``without`` are left out.
    """
    statement = select(func.sum(counts.c.n)).where(counts.c.minute.between(first, last), _taken)
    if without is not None:
        statement = statement.where(counts.c.source_id != without)
    return int(tx.execute(statement).scalar() or 0)


class SourceCount(NamedTuple):
    """What a source sent within a time: taken, refused, and the last minute (of 1970)."""

    taken: int
    refused: int
    last_minute: int | None


def counts_by_source(tx: Connection, since: int) -> dict[int, SourceCount]:
    """What each source sent since the minute ``since``."""
    found: dict[int, SourceCount] = {}
    for what, place in ((_taken, 0), (_refused, 1)):
        statement = (
            select(counts.c.source_id, func.sum(counts.c.n), func.max(counts.c.minute))
            .where(counts.c.minute >= since, what)
            .group_by(counts.c.source_id)
        )
        for source_id, n, last in tx.execute(statement):
            old = found.get(source_id, SourceCount(0, 0, None))
            if place == 0:
                found[source_id] = SourceCount(int(n), old.refused, int(last))
            else:
                found[source_id] = old._replace(refused=int(n))
    return found


def last_minute(tx: Connection, source_id: int, since: int) -> int | None:
    """The last minute since ``since`` in which a source's message was taken."""
    statement = (
        select(counts.c.minute)
        .where(counts.c.minute >= since, counts.c.source_id == source_id, _taken)
        .order_by(counts.c.minute.desc())
        .limit(1)
    )
    found = tx.execute(statement).scalar()
    return int(found) if found is not None else None


def any_event(tx: Connection) -> bool:
    """Whether any message was ever taken."""
    return next_number(tx, "seq") > 1


def refused_by_code(tx: Connection, since: int) -> list[tuple[str, int, int]]:
    """(code, how many, last minute) of what was refused since the minute ``since``."""
    n = func.sum(counts.c.n)
    statement = (
        select(counts.c.what, n, func.max(counts.c.minute))
        .where(counts.c.minute >= since, _refused)
        .group_by(counts.c.what)
        .order_by(n.desc(), counts.c.what)
    )
    prefix = len("rejected:")
    return [(what[prefix:], int(n), int(last)) for what, n, last in tx.execute(statement)]


class RejectedRow(NamedTuple):
    """A message that was not taken; ``body`` as it was sent."""

    id: int
    at: int
    source_id: int | None
    code: str
    detail: str
    type: str | None
    name: str | None
    message_id: str | None
    body: bytes


def newest_rejected(
    tx: Connection, limit: int, before: int | None = None, code: str | None = None
) -> list[RejectedRow]:
    """Refused messages, newest first, below number ``before``; without their bodies."""
    columns = [c for c in rejected.c if c.name != "body"]
    statement = select(*columns).order_by(rejected.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(rejected.c.id < before)
    if code:
        statement = statement.where(rejected.c.code == code)
    return [RejectedRow._make((*row, b"")) for row in tx.execute(statement)]


def one_rejected(tx: Connection, number: int) -> RejectedRow | None:
    """The refused message of that number."""
    row = tx.execute(select(rejected).where(rejected.c.id == number)).first()
    if row is None:
        return None
    values = dict(row._mapping)
    return RejectedRow(**{**values, "body": blob(values["body"]) or b""})


class LiveFilter(NamedTuple):
    """What a list of events is narrowed to; None means all."""

    type: str | None = None
    name: str | None = None
    source_id: int | None = None
    node_ids: list[int] | None = None


class Scan(NamedTuple):
    """Rows newest first; ``reached`` is the position below which nobody looked, if any."""

    rows: list[HistoryRow]
    reached: int | None


def live_rows(
    tx: Connection,
    wanted: LiveFilter,
    limit: int,
    *,
    before: int | None = None,
    after: int | None = None,
) -> Scan:
    """Events at positions above ``after`` and below ``before`` that the filter lets through.

    Where the filter has no index to help, at most `SCAN` positions are looked at.
    """
    top = min(before or next_number(tx, "seq"), next_number(tx, "seq"))
    bounded = wanted.node_ids is None and wanted != LiveFilter()
    bottom = max(top - SCAN, 1) if bounded else 1
    if after is not None:
        bottom = max(bottom, after + 1)
    found: list[HistoryRow] = []
    for info in reversed(list_partitions(tx)):
        if info.first_seq >= top:
            continue
        table = partition_tables(info.id).history
        statement = (
            select(table)
            .where(table.c.seq >= bottom, table.c.seq < top)
            .where(table.c.flags.bitwise_and(SECONDARY) == 0)
            .order_by(table.c.seq.desc())
            .limit(limit - len(found))
        )
        statement = _narrow(statement, table, wanted)
        found.extend(HistoryRow(*row) for row in tx.execute(statement))
        if len(found) >= limit or info.first_seq <= bottom:
            break
    if len(found) >= limit:
        return Scan(found, found[-1].seq)
    return Scan(found, bottom if bottom > 1 and after is None else None)


def _narrow(statement: Select[Any], table: Any, wanted: LiveFilter) -> Select[Any]:
    if wanted.name is not None:
        called = select(names.c.id).where(names.c.name == wanted.name)
        statement = statement.where(table.c.name.in_(called))
    if wanted.type is not None:
        # One name after the other: there may be more names of a type than an IN can take.
        of_type = select(names.c.id).where(names.c.id == table.c.name, names.c.type == wanted.type)
        statement = statement.where(of_type.exists())
    if wanted.source_id is not None:
        statement = statement.where(table.c.source == wanted.source_id)
    if wanted.node_ids is not None:
        statement = statement.where(table.c.node.in_(wanted.node_ids))
    return statement


def rows_at(tx: Connection, positions: list[int]) -> list[HistoryRow]:
    """The rows of the history at some positions."""
    infos = list_partitions(tx)
    by_partition: dict[int, list[int]] = {}
    for seq in positions:
        info = partition_of(infos, seq)
        if info is not None:
            by_partition.setdefault(info.id, []).append(seq)
    found: list[HistoryRow] = []
    for number, some in by_partition.items():
        table = partition_tables(number).history
        statement = select(table).where(table.c.seq.in_(some))
        found.extend(HistoryRow(*row) for row in tx.execute(statement))
    return found


def one_row(tx: Connection, seq: int) -> HistoryRow | None:
    """The row of the history at position ``seq``."""
    return next(iter(rows_at(tx, [seq])), None)


def event_names(tx: Connection, limit: int) -> list[str]:
    """Names of events, pages and screens, the latest arrivals first."""
    statement = (
        select(names.c.name).where(names.c.name != "").order_by(names.c.id.desc()).limit(limit)
    )
    return list(dict.fromkeys(tx.execute(statement).scalars()))


def count_profiles(tx: Connection, collection: int) -> int:
    """How many people or accounts there are; slow from a million on."""
    statement = select(func.count()).where(profiles.c.collection == collection)
    return int(tx.execute(statement).scalar() or 0)


class PluginError(NamedTuple):
    """What a plugin raised, counted; ``traceback`` is the latest."""

    plugin: str
    hook: str
    error: str
    n: int
    first_at: int
    last_at: int
    traceback: str


def all_plugin_errors(tx: Connection, limit: int = 100) -> list[PluginError]:
    """What plugins raised, the latest first."""
    statement = select(plugin_errors).order_by(plugin_errors.c.last_at.desc()).limit(limit)
    return [PluginError(*row) for row in tx.execute(statement)]


class Change(NamedTuple):
    """Who changed what; ``before`` and ``after`` are JSON objects or None."""

    id: int
    at: int
    author: str
    kind: str
    key: str
    action: str
    before: str | None
    after: str | None


def newest_changes(
    tx: Connection, limit: int, before: int | None = None, kind: str | None = None
) -> list[Change]:
    """Changes of the configuration, newest first, below number ``before``."""
    statement = select(changes).order_by(changes.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(changes.c.id < before)
    if kind:
        statement = statement.where(changes.c.kind == kind)
    return [Change(*row) for row in tx.execute(statement)]
