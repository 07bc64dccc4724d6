"""Taking rows out of the history, and nodes out of the graph: the statements.

`cdp.pipeline.rebuild` decides what goes. How far it is stands in ``removals``; what
the next pieces have to look at in ``doomed``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from cdp.events import decode_json
from cdp.identity.objects import ENDINGS
from cdp.store.bulk import Row, blob, chunks, run_many, select_by, upsert
from cdp.store.events import dedupe, history, kept_files
from cdp.store.meta import take_numbers
from cdp.store.tables import (
    SECONDARY,
    components,
    counts,
    doomed,
    identifiers,
    kept_properties,
    memberships,
    names,
    nodes,
    partition_tables,
    rejected,
    removals,
    sightings,
)

#: What ``doomed`` lists: nodes that lost rows, positions of bodies, nodes to empty.
NODE, BODY, TARGET = 0, 1, 2


class Removal(NamedTuple):
    """A removal under way; ``state`` is `cdp.pipeline.rebuild`'s."""

    id: int
    state: dict[str, Any]


def begin(tx: Connection, state: dict[str, Any], now: int) -> int:
    """Note a new removal; returns its number."""
    id_ = take_numbers(tx, "removal", 1)
    tx.execute(insert(removals).values(id=id_, state=json.dumps(state), at=now))
    return id_


def get(tx: Connection, id_: int) -> Removal | None:
    """The removal of that number; None once it has ended."""
    row = tx.execute(select(removals).where(removals.c.id == id_)).first()
    return Removal(row.id, json.loads(row.state)) if row else None


def oldest(tx: Connection) -> Removal | None:
    """The removal that is to be gone on with first."""
    row = tx.execute(select(removals).order_by(removals.c.id).limit(1)).first()
    return Removal(row.id, json.loads(row.state)) if row else None


def put_state(tx: Connection, id_: int, state: dict[str, Any]) -> None:
    """Note how far a removal is."""
    tx.execute(update(removals).where(removals.c.id == id_).values(state=json.dumps(state)))


def end(tx: Connection, id_: int) -> None:
    """Forget a removal that is done."""
    tx.execute(delete(doomed).where(doomed.c.removal == id_))
    tx.execute(delete(removals).where(removals.c.id == id_))


def doom(tx: Connection, id_: int, what: int, numbers: Iterable[int]) -> None:
    """List numbers of one kind; what is listed already stays."""
    rows = [{"removal": id_, "what": what, "number": number} for number in sorted(set(numbers))]
    if rows:
        statement = upsert(tx, doomed).on_conflict_do_nothing(
            index_elements=["removal", "what", "number"]
        )
        tx.execute(statement, rows)


def doomed_numbers(
    tx: Connection, id_: int, what: int, limit: int | None = None, after: int = -1
) -> list[int]:
    """The smallest numbers above ``after`` that are listed."""
    c = doomed.c
    statement = (
        select(c.number)
        .where(c.removal == id_, c.what == what, c.number > after)
        .order_by(c.number)
        .limit(limit)
    )
    return list(tx.execute(statement).scalars())


def spare(tx: Connection, id_: int, what: int, numbers: Sequence[int]) -> None:
    """Take numbers off the list."""
    for some in chunks(numbers):
        tx.execute(
            delete(doomed).where(
                doomed.c.removal == id_, doomed.c.what == what, doomed.c.number.in_(some)
            )
        )


def count_doomed(tx: Connection, id_: int, what: int) -> int:
    """How many numbers of one kind are listed."""
    statement = select(func.count()).where(doomed.c.removal == id_, doomed.c.what == what)
    return int(tx.execute(statement).scalar() or 0)


# -- rows of the history ------------------------------------------------------------


def rows_of_targets(tx: Connection, id_: int, until: int, limit: int) -> list[history.HistoryRow]:
    """Some rows below ``until`` of the nodes that a removal lists as `TARGET`."""
    targets = select(doomed.c.number).where(doomed.c.removal == id_, doomed.c.what == TARGET)
    found: list[history.HistoryRow] = []
    for info in history.list_partitions(tx):
        if info.first_seq >= until or len(found) >= limit:
            break
        table = partition_tables(info.id).history
        statement = select(table).where(table.c.node.in_(targets), table.c.seq < until)
        found += [
            history.HistoryRow(*row) for row in tx.execute(statement.limit(limit - len(found)))
        ]
    return found


def rows_of_source(
    tx: Connection, source: int, start: int, until: int, limit: int
) -> tuple[list[history.HistoryRow], int]:
    """Rows of a source among ``limit`` positions from ``start``, and where to go on."""
    stop = min(until, start + limit)
    found: list[history.HistoryRow] = []
    for info in history.list_partitions(tx):
        if info.first_seq >= stop:
            break
        table = partition_tables(info.id).history
        statement = select(table).where(
            table.c.seq >= start, table.c.seq < stop, table.c.source == source
        )
        found += [history.HistoryRow(*row) for row in tx.execute(statement)]
    return found, stop


#: How far behind a message the row of its object is at most: those of a micro-batch follow all
#: of its messages.
_REACH = 50_000


def objects_rows(
    tx: Connection, rows: list[history.HistoryRow], names: set[int]
) -> list[history.HistoryRow]:
    """The second rows, those of objects, of the messages among ``rows`` that have them."""
    infos = history.list_partitions(tx)
    found: dict[int, history.HistoryRow] = {}
    for row in rows:
        if row.name not in names or row.flags & SECONDARY:
            continue
        info = history.partition_of(infos, row.seq)
        if info is None:
            continue
        table = partition_tables(info.id).history
        c = table.c
        # A message has one at most, and it is near: the search ends there.
        near = select(table).where(c.seq > row.seq, c.seq < row.seq + _REACH, c.body_seq == row.seq)
        found.update((r.seq, history.HistoryRow(*r)) for r in tx.execute(near.limit(1)))
    return list(found.values())


def _block_around(tx: Connection, table: Any, seq: int) -> tuple[int, int] | None:
    statement = (
        select(table.c.first_seq, table.c.n)
        .where(table.c.first_seq <= seq)
        .order_by(table.c.first_seq.desc())
        .limit(1)
    )
    row = tx.execute(statement).first()
    return (row.first_seq, row.n) if row is not None and seq < row.first_seq + row.n else None


def delete_rows(tx: Connection, seqs: list[int]) -> None:
    """Delete rows of the history and the kept values beside them."""
    properties = list(tx.execute(select(kept_properties.c.id)).scalars())
    infos = history.list_partitions(tx)
    by_partition: dict[int, list[int]] = {}
    for seq in seqs:
        info = history.partition_of(infos, seq)
        if info is not None:
            by_partition.setdefault(info.id, []).append(seq)
    for number, own in by_partition.items():
        tables = partition_tables(number)
        kept_files.forget(tx, number)
        for some in chunks(own):
            tx.execute(delete(tables.history).where(tables.history.c.seq.in_(some)))
            if properties:
                tx.execute(
                    delete(tables.kept).where(
                        tables.kept.c.property.in_(properties), tables.kept.c.seq.in_(some)
                    )
                )


def move_rows(tx: Connection, old: int, new: int, until: int) -> None:
    """Give the rows of one node below ``until`` to another."""
    for info in history.list_partitions(tx):
        table, kept = partition_tables(info.id).history, partition_tables(info.id).kept
        mine = (table.c.node == old, table.c.seq < until)
        if tx.execute(select(table.c.seq).where(*mine).limit(1)).first() is None:
            continue
        kept_files.forget(tx, info.id)
        tx.execute(
            update(kept)
            .where(
                kept.c.property.in_(select(kept_properties.c.id)),
                kept.c.seq.in_(select(table.c.seq).where(*mine)),
            )
            .values(node=new)
        )
        tx.execute(update(table).where(*mine).values(node=new))


def said_before(tx: Connection, node_ids: list[int], until: int) -> set[int]:
    """Those of some nodes that have rows below ``until``."""
    found: set[int] = set()
    for info in history.list_partitions(tx):
        table = partition_tables(info.id).history
        for some in chunks(node_ids):
            statement = select(table.c.node).where(table.c.node.in_(some), table.c.seq < until)
            found |= set(tx.execute(statement.distinct()).scalars())
    return found


def rows_named(tx: Connection, node_ids: list[int], name_ids: list[int]) -> list[Row]:
    """The rows of some nodes that have one of some names."""
    found: list[Row] = []
    for info in history.list_partitions(tx):
        table = partition_tables(info.id).history
        for some in chunks(node_ids):
            statement = select(table).where(table.c.node.in_(some), table.c.name.in_(name_ids))
            found += [tuple(row) for row in tx.execute(statement)]
    return found


def first_times(tx: Connection, node_ids: list[int]) -> dict[int, int]:
    """The earliest event time of each of some nodes that have any rows."""
    found: dict[int, int] = {}
    for info in history.list_partitions(tx):
        table = partition_tables(info.id).history
        for some in chunks(node_ids):
            statement = (
                select(table.c.node, func.min(table.c.t))
                .where(table.c.node.in_(some))
                .group_by(table.c.node)
            )
            for node, t in tx.execute(statement):
                found[node] = min(t, found.get(node, t))
    return found


def drop_unused_names(tx: Connection) -> list[tuple[str, str]]:
    """Delete the event names of which no message is left; returns (type, name) of each."""
    used: set[int] = set()
    for info in history.list_partitions(tx):
        table = partition_tables(info.id).history
        used |= set(tx.execute(select(table.c.name).distinct()).scalars())
    unused = {n: pair for n, pair in history.all_names(tx).items() if n not in used}
    for some in chunks(sorted(unused)):
        tx.execute(delete(names).where(names.c.id.in_(some)))
    return sorted(unused.values())


# -- bodies -------------------------------------------------------------------------

#: Stands where a body was.
GONE = history.Body(b"null", b"null")


def blank(
    tx: Connection, seqs: list[int], forget_source: int | None, blocks: int
) -> tuple[int, list[int]]:
    """Take bodies out of up to ``blocks`` blocks; returns (bodies gone, their positions).

    ``seqs`` are in order. With ``forget_source`` it is forgotten, too, that the
    source's messages have been taken, so that they can come again.
    """
    infos = history.list_partitions(tx)
    done: list[int] = []
    hashes: list[int] = []
    index = touched = gone = 0
    while index < len(seqs) and touched < blocks:
        seq = seqs[index]
        info = history.partition_of(infos, seq)
        table = partition_tables(info.id).blocks if info is not None else None
        found = _block_around(tx, table, seq) if table is not None else None
        if found is None or table is None:
            done.append(seq)
            index += 1
            continue
        touched += 1
        first, n = found
        data = tx.execute(select(table.c.data).where(table.c.first_seq == first)).scalar()
        bodies = history.unpack(blob(data) or b"", list(range(n)))
        while index < len(seqs) and seqs[index] < first + n:
            at = seqs[index] - first
            if forget_source is not None and bodies[at] != GONE:
                hashes.append(_hash(forget_source, bodies[at].raw))
            gone += bodies[at] != GONE
            bodies[at] = GONE
            done.append(seqs[index])
            index += 1
        put_block(tx, table, first, bodies)
    if hashes:
        dedupe.forget(tx, hashes)
    return gone, done


def put_block(tx: Connection, table: Any, first: int, bodies: list[history.Body]) -> None:
    """Write a block anew; one that has no bodies left is deleted."""
    if all(body == GONE for body in bodies):
        tx.execute(delete(table).where(table.c.first_seq == first))
    else:
        packed = history.pack(bodies)
        tx.execute(update(table).where(table.c.first_seq == first).values(data=packed))


def _hash(source: int, raw: bytes) -> int:
    from cdp.events.message import hash64

    return hash64(f"{source}\0{decode_json(raw)['messageId']}")


def forget_counts(tx: Connection, source: int) -> None:
    """Delete what is counted and what was refused of a source."""
    tx.execute(delete(counts).where(counts.c.source_id == source))
    tx.execute(delete(rejected).where(rejected.c.source_id == source))


def drop_told(tx: Connection, message_ids: Iterable[str]) -> None:
    """Forget what was told of traits that were left out of some messages."""
    for some in chunks(sorted(message_ids)):
        tx.execute(
            delete(rejected).where(
                rejected.c.code == "trait_dropped", rejected.c.message_id.in_(some)
            )
        )


# -- the graph ----------------------------------------------------------------------


def doomed_in_components(tx: Connection, id_: int, ids: list[int]) -> list[int]:
    """The nodes of some components that a removal lists as having lost rows."""
    listed = select(doomed.c.number).where(doomed.c.removal == id_, doomed.c.what == NODE)
    found: list[int] = []
    for some in chunks(ids):
        statement = select(nodes.c.id).where(nodes.c.component.in_(some), nodes.c.id.in_(listed))
        found += tx.execute(statement).scalars().all()
    return sorted(found)


def delete_nodes(tx: Connection, ids: list[int]) -> None:
    """Delete nodes and what hangs on them, but for their history."""
    for some in chunks(ids):
        tx.execute(delete(memberships).where(memberships.c.user_node.in_(some)))
        tx.execute(delete(memberships).where(memberships.c.account_node.in_(some)))
        tx.execute(delete(sightings).where(sightings.c.node.in_(some)))
        tx.execute(delete(nodes).where(nodes.c.id.in_(some)))


def delete_identifiers(tx: Connection, ids: list[int]) -> None:
    """Delete identifiers."""
    for some in chunks(ids):
        tx.execute(delete(identifiers).where(identifiers.c.id.in_(some)))


def delete_components(tx: Connection, ids: list[int]) -> None:
    """Delete components that have no nodes any more."""
    for some in chunks(ids):
        tx.execute(delete(components).where(components.c.id.in_(some)))


def with_nodes(tx: Connection, profiles: list[int]) -> set[int]:
    """Those of some profiles that have nodes."""
    return {row[0] for row in select_by(tx, (nodes.c.profile,), nodes.c.profile, profiles)}


def clear_node_traits(tx: Connection, ids: list[int]) -> None:
    """Forget what the messages of some nodes said of traits."""
    for some in chunks(ids):
        tx.execute(update(nodes).where(nodes.c.id.in_(some)).values(traits=None))


def delete_sightings(tx: Connection, pairs: list[tuple[int, int]]) -> None:
    """Delete the sightings of (node, day)."""
    statement = delete(sightings).where(
        sightings.c.node == bindparam("node_"), sightings.c.day == bindparam("day_")
    )
    run_many(tx, statement, [{"node_": node, "day_": day} for node, day in pairs])


def object_names(tx: Connection) -> set[int]:
    """The numbers of the names of messages that are about an object as well."""
    ends = history.numbers_of_names(tx, [("track", name) for name in ENDINGS])
    return {*history.names_of_type(tx, "group"), *ends.values()}


def nodes_at(tx: Connection, seqs: list[int]) -> dict[int, int]:
    """The nodes of some rows of the history, by position."""
    found: dict[int, int] = {}
    for info in history.list_partitions(tx):
        table = partition_tables(info.id).history
        found.update(
            (row[0], row[1])
            for row in select_by(tx, (table.c.seq, table.c.node), table.c.seq, seqs)
        )
    return found
