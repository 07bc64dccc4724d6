"""Finding what is left of deleted people in the whole store, and taking it out.

Every text and every blob of every table is looked at, so that a table that is added
later is as well. What a person configures is not changed, but named in the report.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import zstandard
from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    Table,
    Text,
    delete,
    select,
    update,
)

from cdp.events import decode_json
from cdp.profiles.needles import GONE, Needles
from cdp.store.bulk import blob
from cdp.store.db import Store
from cdp.store.events import history, kept, kept_files, progress
from cdp.store.privacy.removal import put_block
from cdp.store.tables import (
    calls,
    definitions,
    kept_properties,
    metadata,
    names,
    nodes,
    outbox,
    partition_tables,
    rejected,
)

_encode = msgspec.json.Encoder().encode
_ZSTD = b"\x28\xb5\x2f\xfd"

#: What people configure: named in the report, left as it is.
CONFIGURED = {"definitions", "destinations", "sources", "users", "tokens"}
#: Tables that hold nobody, or who is to be deleted, or that have a way of their own: the
#: graph's, that of uploaded lists.
_PASSED = {
    "alembic_version",
    "checkpoints",
    "components",
    "identifiers",
    "kept_files",
    "list_values",
    "lists",
    "meta",
    "profiles",
    "regulation_forwards",
    "regulations",
    "suppressed",
}


#: How a table is looked through, where any telling value would be too much.
_LOOKS = {
    "nodes": Needles.identified_in,
    "names": Needles.identified_in,
    "rejected": Needles.theirs,
    "calls": Needles.theirs,
    "outbox": Needles.theirs,
}


class Hit(NamedTuple):
    """A row that holds something; ``key`` are the values of its primary key."""

    key: tuple[Any, ...]
    values: dict[str, Any]


def scanned_tables() -> list[str]:
    """The names of the tables to look into, in order."""
    return [t.name for t in metadata.sorted_tables if t.name not in _PASSED]


def _columns(table: Table) -> list[Column[Any]]:
    return [c for c in table.c if isinstance(c.type, Text | LargeBinary)]


def text_of(value: Any) -> str:
    """What a column holds, as text; compressed blobs are opened."""
    if isinstance(value, str):
        return value
    data = bytes(value)
    if data[:4] == _ZSTD:
        data = zstandard.ZstdDecompressor().decompress(data)
    return data.decode("utf-8", "replace")


def hits(tx: Connection, table: Table, needles: Needles) -> list[Hit]:
    """The rows of ``table`` that may hold one of ``needles``."""
    columns = _columns(table)
    key = list(table.primary_key.columns)
    if not columns:
        return []
    # Other people's data is looked through for identifiers alone.
    looks = _LOOKS.get(table.name, Needles.named_in)
    found: list[Hit] = []
    statement = select(*key, *columns).execution_options(yield_per=1000)
    for row in tx.execute(statement):
        values = dict(zip([c.name for c in columns], row[len(key) :], strict=True))
        if any(v is not None and looks(needles, text_of(v)) for v in values.values()):
            found.append(Hit(tuple(row[: len(key)]), values))
    return found


def clean(tx: Connection, name: str, needles: Needles) -> tuple[list[str], list[int]]:
    """Take needles out of a table. Returns what was left there, and nodes to be mended."""
    table = metadata.tables[name]
    found = hits(tx, table, needles)
    if not found:
        return [], []
    if name in CONFIGURED:
        return _configured(tx, table, found, needles), []
    if name == "nodes":
        return [], [hit.key[0] for hit in found if hit.values["traits"] is not None]
    if name == "rejected":
        for hit in found:
            tx.execute(delete(rejected).where(rejected.c.id == hit.key[0]))
    elif name == "calls":
        _clean_calls(tx, found, needles)
    elif name == "outbox":
        _clean_outbox(tx, found, needles)
    elif name == "names":
        _clean_names(tx, found, needles)
    else:
        return _replace(tx, table, found, needles), []
    return [], []


def _where(table: Table, key: tuple[Any, ...]) -> Any:
    columns = list(table.primary_key.columns)
    return [column == value for column, value in zip(columns, key, strict=True)]


def _replace(tx: Connection, table: Table, found: list[Hit], needles: Needles) -> list[str]:
    left: list[str] = []
    for hit in found:
        new: dict[str, Any] = {}
        for name, value in hit.values.items():
            if isinstance(value, str) and (text := needles.replaced(value)) != value:
                new[name] = text
            elif value is not None and needles.replaced(text_of(value)) != text_of(value):
                left.append(f"{table.name}.{name}")
        if new:
            tx.execute(update(table).where(*_where(table, hit.key)).values(**new))
    return left


def _configured(tx: Connection, table: Table, found: list[Hit], needles: Needles) -> list[str]:
    """Old versions lose the values; what holds now is for its owner to change."""
    if table is not definitions:
        telling = [
            h for h in found if any(needles.replaced(str(v)) != v for v in h.values.values())
        ]
        return [f"{table.name} {hit.key[0]}" for hit in telling]
    left: list[str] = []
    for hit in found:
        kind, key, version = hit.key
        newest = tx.execute(
            select(definitions.c.version)
            .where(definitions.c.kind == kind, definitions.c.key == key)
            .order_by(definitions.c.version.desc())
            .limit(1)
        ).scalar()
        if version == newest:
            if any(needles.replaced(str(value)) != value for value in hit.values.values()):
                left.append(f"{kind} {key}")
        else:
            _replace(tx, table, [hit], needles)
    return left


def _clean_calls(tx: Connection, found: list[Hit], needles: Needles) -> None:
    """Logged exchanges go as a whole: other people's events stay in the history."""
    for hit in found:
        tx.execute(
            update(calls)
            .where(calls.c.id == hit.key[0])
            .values(
                exchange=None,
                key=needles.replaced(hit.values["key"]),
                error=GONE if hit.values["error"] else None,
            )
        )


def _clean_outbox(tx: Connection, found: list[Hit], needles: Needles) -> None:
    for hit in found:
        event = decode_json(bytes(hit.values["payload"]))
        if isinstance(event, list):
            event = [needles.taken_out(part) if isinstance(part, dict) else part for part in event]
        error = hit.values["error"]
        tx.execute(
            update(outbox)
            .where(outbox.c.id == hit.key[0])
            .values(
                payload=_encode(event),
                key=needles.replaced(hit.values["key"]),
                error=needles.replaced(error) if error else error,
            )
        )


def _clean_names(tx: Connection, found: list[Hit], needles: Needles) -> None:
    """An event's name is a name for everybody's: it goes on without the value."""
    for hit in found:
        old = hit.values["name"]
        new = needles.renamed(old)
        if new == old:
            continue
        taken = select(names.c.id).where(names.c.type == hit.values["type"], names.c.name == new)
        if tx.execute(taken).first() is not None:
            new = f"{new} {hit.key[0]}"
        tx.execute(update(names).where(names.c.id == hit.key[0]).values(name=new))


# -- blocks -------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a walk through the blocks is: behind ``first_seq``, in ``partition`` or later."""

    partition: int
    first_seq: int


def clean_blocks(store: Store, needles: Needles, at: Place, until: int, limit: int) -> Place | None:
    """Take identifiers out of the next ``limit`` blocks below ``until``; where to go on.

    None where there are no more partitions.
    """
    with store.read() as tx:
        later = [info for info in history.list_partitions(tx) if info.id >= at.partition]
        if not later:
            return None
        number = later[0].id
        table = partition_tables(number).blocks
        statement = (
            select(table)
            .where(table.c.first_seq > at.first_seq, table.c.first_seq < until)
            .order_by(table.c.first_seq)
            .limit(limit)
        )
        rows = tx.execute(statement).all()
        found = [
            row.first_seq for row in rows if needles.identified_in(text_of(blob(row.data) or b""))
        ]
    if found:
        with store.write() as tx:
            progress.take_turn(tx)  # a removal may be rewriting the same blocks
            for first in found:
                _clean_block(tx, number, first, needles)
    if len(rows) == limit:
        return Place(number, rows[-1].first_seq)
    if len(later) > 1 and later[1].first_seq < until:
        return Place(number + 1, later[1].first_seq - 1)
    return Place(number, until - 1)


def _clean_block(tx: Connection, number: int, first: int, needles: Needles) -> None:
    tables = partition_tables(number)
    table = tables.blocks
    row = tx.execute(select(table.c.n, table.c.data).where(table.c.first_seq == first)).first()
    if row is None:
        return
    bodies = history.unpack(blob(row.data) or b"", list(range(row.n)))
    changed: list[int] = []
    for index, body in enumerate(bodies):
        made = history.Body(*(_without(part, needles) for part in body))
        if made != body:
            bodies[index] = made
            changed.append(first + index)
    if changed:
        put_block(tx, table, first, bodies)
        _keep_anew(tx, number, {seq: bodies[seq - first].raw for seq in changed})


def _without(part: bytes, needles: Needles) -> bytes:
    if part == b"null" or not needles.identified_in(part.decode("utf-8", "replace")):
        return part
    old = decode_json(part)
    new = needles.taken_out(old)
    return part if new is old else bytes(_encode(new))


def _keep_anew(tx: Connection, number: int, bodies: dict[int, bytes]) -> None:
    """The kept values beside bodies that have changed."""
    properties = kept.all_kept(tx)
    if not properties:
        return
    kept_files.forget(tx, number)
    tables = partition_tables(number)
    table = tables.kept
    for seq, raw in bodies.items():
        own = (
            select(names.c.type, names.c.name, tables.history.c.node, tables.history.c.t)
            .join(tables.history, tables.history.c.name == names.c.id)
            .where(tables.history.c.seq == seq)
        )
        row = tx.execute(own).first()
        tx.execute(
            delete(table).where(
                table.c.property.in_(select(kept_properties.c.id)), table.c.seq == seq
            )
        )
        if row is None:
            continue
        type_, name, node, t = row  # `t` of such a row is all of it
        body = decode_json(raw)
        event = kept.event_of(type_, name)
        rows = [
            (item.id, seq, node, t, *value)
            for item in properties
            if item.event == event
            and (value := kept.taker(item.event, item.path)(body)) is not None
        ]
        kept.insert_values(tx, number, rows)


# -- nodes --------------------------------------------------------------------------


def put_node_ids(tx: Connection, changes: Iterable[tuple[int, str, int]]) -> None:
    """Give nodes (id, identifiers as JSON, key) other identifiers."""
    for id_, ids, key in changes:
        tx.execute(update(nodes).where(nodes.c.id == id_).values(ids=ids, key=key))
