"""What happened: history rows keyed by node, bodies in compressed blocks.

Positions (``seq``) count up through all partitions. A block holds the bodies of
one micro-batch, or a part of it, under the position of its first message.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import Connection, bindparam, case, func, insert, or_, select, update

from cdp.events import Message
from cdp.store.bulk import Row, blob, chunks, insert_many, run_many, select_by
from cdp.store.meta import next_number, take_numbers
from cdp.store.tables import Partition, names, partition_tables, partitions

COLUMNS = ("seq", "node", "name", "t", "source", "flags", "body_seq")

#: Bodies in a block at most: to read one, all of its block is decompressed.
BLOCK = 500

#: Later than any event: an empty partition reaches from here to its negative.
_NEVER = 2**62

_NOTHING = b"null"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[msgspec.Raw, msgspec.Raw]]).decode
#: What blocks have, by position: what `Body` has, not yet taken out.
_Found = Iterator[tuple[int, tuple[msgspec.Raw, msgspec.Raw]]]


class HistoryRow(NamedTuple):
    """One row of the history; see `cdp.store.tables.partition_tables`."""

    seq: int
    node: int
    name: int
    t: int
    source: int
    flags: int
    body_seq: int | None


class Body(NamedTuple):
    """A stored message: its JSON, and what enrichers added to it (JSON, or ``null``)."""

    raw: bytes
    added: bytes


class PartitionInfo(NamedTuple):
    """A partition and the first position in it."""

    id: int
    first_seq: int


def list_partitions(tx: Connection) -> list[PartitionInfo]:
    """All partitions, oldest first."""
    rows = tx.execute(select(partitions.c.id, partitions.c.first_seq).order_by(partitions.c.id))
    return [PartitionInfo(*row) for row in rows]


def begin_partition(tx: Connection, number: int, first_seq: int, now: int) -> PartitionInfo:
    """Make the tables of a new partition that starts at ``first_seq``."""
    for table in partition_tables(number):
        table.create(tx)
    tx.execute(
        insert(partitions).values(
            id=number, first_seq=first_seq, min_t=_NEVER, max_t=-_NEVER, created_at=now
        )
    )
    return PartitionInfo(number, first_seq)


def append(
    tx: Connection,
    number: int,
    rows: Sequence[Row],
    first_seq: int,
    count: int = 0,
    blocks: Sequence[bytes] = (),
) -> None:
    """Add one micro-batch: rows in the order of `COLUMNS`, and ``count`` bodies, packed."""
    tables = partition_tables(number)
    insert_many(tx, tables.history, COLUMNS, rows)
    if rows:
        times = [row[3] for row in rows]
        run_many(tx, _widen, [{"id_": number, "least": min(times), "most": max(times)}])
    kept = [
        (first_seq + start, min(BLOCK, count - start), block)
        for start, block in zip(range(0, count, BLOCK), blocks, strict=True)
    ]
    insert_many(tx, tables.blocks, ("first_seq", "n", "data"), kept)


#: Which event times a partition holds; what has no times yet stays without, and is
#: read whenever it might matter.
_widen = (
    update(partitions)
    .where(
        partitions.c.id == bindparam("id_"),
        or_(partitions.c.min_t > bindparam("least"), partitions.c.max_t < bindparam("most")),
    )
    .values(
        min_t=case(
            (partitions.c.min_t > bindparam("least"), bindparam("least")),
            else_=partitions.c.min_t,
        ),
        max_t=case(
            (partitions.c.max_t < bindparam("most"), bindparam("most")),
            else_=partitions.c.max_t,
        ),
    )
)


def body_of(message: Message, added: dict[str, Any] | None) -> Body:
    """A message as it is stored."""
    raw = message.json or _encode(message.body)
    return Body(raw, _encode(added) if added else _NOTHING)


def pack_all(bodies: Sequence[Body]) -> list[bytes]:
    """The blocks of a micro-batch."""
    return [pack(some) for some in chunks(bodies, BLOCK)]


def pack(bodies: Sequence[Body]) -> bytes:
    """Compress bodies into a block."""
    raw = _encode([(msgspec.Raw(body.raw), msgspec.Raw(body.added)) for body in bodies])
    return zstandard.ZstdCompressor(level=3).compress(raw)


def unpack(data: bytes, places: list[int]) -> list[Body]:
    """The bodies at some places of a block, the first of which is 0."""
    all_of_them = _decode(zstandard.ZstdDecompressor().decompress(data))
    return [Body(*map(bytes, all_of_them[place])) for place in places]


# A client may put ids into the names of its events, so that there are as many names as
# events: whoever is in a hurry asks for those that he needs.


def all_names(tx: Connection) -> dict[int, tuple[str, str]]:
    """Every event name by its number: (type, name). There may be very many."""
    return {row.id: (row.type, row.name) for row in tx.execute(select(names))}


def names_of(tx: Connection, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
    """The event names with some numbers: (type, name)."""
    columns = (names.c.id, names.c.type, names.c.name)
    found = select_by(tx, columns, names.c.id, sorted(set(numbers)))
    return {number: (type_, name) for number, type_, name in found}


def names_of_type(tx: Connection, type_: str) -> list[int]:
    """The numbers of the names of one type; ``identify``, ``group`` and ``alias`` have one."""
    return list(tx.execute(select(names.c.id).where(names.c.type == type_)).scalars())


def first_names(tx: Connection, limit: int) -> dict[tuple[str, str], int]:
    """The numbers of the names (type, name) that were seen first."""
    statement = select(names).order_by(names.c.id).limit(limit)
    return {(row.type, row.name): row.id for row in tx.execute(statement)}


def numbers_of_names(
    tx: Connection, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """The numbers of those among some names (type, name) that have one."""
    by_type: dict[str, list[str]] = {}
    for type_, name in pairs:
        by_type.setdefault(type_, []).append(name)
    found: dict[tuple[str, str], int] = {}
    for type_, of_it in by_type.items():
        for some in chunks(of_it):
            statement = select(names).where(names.c.type == type_, names.c.name.in_(some))
            found |= {(row.type, row.name): row.id for row in tx.execute(statement)}
    return found


def partition_of(infos: list[PartitionInfo], seq: int) -> PartitionInfo | None:
    """The partition that holds position ``seq``."""
    index = bisect_right(infos, seq, key=lambda info: info.first_seq) - 1
    return infos[index] if index >= 0 else None


def next_seq(tx: Connection) -> int:
    """The position that the next message will have."""
    return next_number(tx, "seq")


def rows_after(tx: Connection, seq: int, limit: int) -> list[HistoryRow]:
    """At most ``limit`` rows from position ``seq`` on, in order."""
    found: list[HistoryRow] = []
    for info, end in _spans(tx):
        if end is not None and end <= seq:
            continue
        table = partition_tables(info.id).history
        statement = (
            select(table).where(table.c.seq >= seq).order_by(table.c.seq).limit(limit - len(found))
        )
        found.extend(HistoryRow(*row) for row in tx.execute(statement))
        if len(found) >= limit:
            break
    return found


def rows_between(tx: Connection, start: int, stop: int, name_ids: list[int]) -> list[HistoryRow]:
    """The rows of some names from position ``start`` up to ``stop``, in order."""
    found: list[HistoryRow] = []
    for info, end in _spans(tx):
        if info.first_seq >= stop or (end is not None and end <= start):
            continue
        table = partition_tables(info.id).history
        for some in chunks(name_ids):
            statement = select(table).where(
                table.c.seq >= start, table.c.seq < stop, table.c.name.in_(some)
            )
            found += [HistoryRow(*row) for row in tx.execute(statement)]
    return sorted(found)


def newest_rows(tx: Connection, before: int | None, limit: int) -> list[HistoryRow]:
    """At most ``limit`` rows below position ``before``, newest first."""
    found: list[HistoryRow] = []
    for info, _ in reversed(_spans(tx)):
        if before is not None and info.first_seq >= before:
            continue
        table = partition_tables(info.id).history
        statement = select(table).order_by(table.c.seq.desc()).limit(limit - len(found))
        if before is not None:
            statement = statement.where(table.c.seq < before)
        found.extend(HistoryRow(*row) for row in tx.execute(statement))
        if len(found) >= limit:
            break
    return found


def bodies_of(tx: Connection, rows: list[HistoryRow]) -> dict[int, Body]:
    """The bodies of ``rows`` by their position; reads each block once."""
    wanted = {row.seq: row.body_seq or row.seq for row in rows}
    found = _in_blocks(tx, wanted.values())
    bodies = {seq: Body(bytes(raw), bytes(added)) for seq, (raw, added) in found}
    return {seq: bodies[body] for seq, body in wanted.items() if body in bodies}


def raw_of(tx: Connection, seqs: Iterable[int]) -> dict[int, bytes]:
    """The JSON of messages by their positions; reads each block once."""
    return {seq: bytes(raw) for seq, (raw, _) in _in_blocks(tx, seqs)}


def _in_blocks(tx: Connection, seqs: Iterable[int]) -> _Found:
    """What blocks have of some positions, in order."""
    wanted, start = sorted(set(seqs)), 0
    for info, stop in _spans(tx):
        end = len(wanted) if stop is None else bisect_left(wanted, stop, start)
        own = bisect_left(wanted, info.first_seq, start, end)
        yield from _read_blocks(tx, partition_tables(info.id), wanted[own:end])
        start = end


def _read_blocks(tx: Connection, tables: Partition, seqs: list[int]) -> _Found:
    table = tables.blocks
    index = 0
    while index < len(seqs):
        statement = (
            select(table.c.first_seq, table.c.n, table.c.data)
            .where(table.c.first_seq <= seqs[index])
            .order_by(table.c.first_seq.desc())
            .limit(1)
        )
        row = tx.execute(statement).first()
        if row is None or seqs[index] >= row.first_seq + row.n:
            index += 1
            continue
        end = bisect_left(seqs, row.first_seq + row.n, index)
        here = seqs[index:end]
        packed = _decode(zstandard.ZstdDecompressor().decompress(blob(row.data) or b""))
        for seq in here:
            yield seq, packed[seq - row.first_seq]
        index = end


def _spans(tx: Connection) -> list[tuple[PartitionInfo, int | None]]:
    infos = list_partitions(tx)
    ends: list[int | None] = [info.first_seq for info in infos[1:]]
    return list(zip(infos, [*ends, None], strict=False))


def count_by_node(tx: Connection, node_ids: list[int]) -> dict[int, int]:
    """How many rows each node has."""
    totals: dict[int, int] = {}
    for info, _ in _spans(tx):
        table = partition_tables(info.id).history
        for some in chunks(node_ids):
            counted = select(table.c.node, func.count()).where(table.c.node.in_(some))
            for node, n in tx.execute(counted.group_by(table.c.node)):
                totals[node] = totals.get(node, 0) + n
    return totals


def add_names(tx: Connection, pairs: list[tuple[str, str]], now: int) -> dict[tuple[str, str], int]:
    """Give numbers to event names (type, name) that have none yet."""
    if not pairs:
        return {}
    first = take_numbers(tx, "name", len(pairs))
    rows = [(first + index, *pair, now) for index, pair in enumerate(pairs)]
    insert_many(tx, names, ("id", "type", "name", "first_seen"), rows)
    return {(type_, name): number for number, type_, name, _ in rows}
