"""Parquet files of kept values of closed partitions, which `columnar` has DuckDB scan.

A file is a copy and no more: the kept values stay where they are, and whatever changes
those of a closed partition forgets its files in the same transaction (`forget`). So a file
that a transaction finds in the table holds just what that transaction sees; and when a
deletion is done, no file holds what was deleted (`remove_unlisted`).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cdp.store.db import Store
from cdp.store.events import kept
from cdp.store.tables import kept_files, partition_tables, partitions

#: Beside the store.
FOLDER = "columns"
COLUMNS = ("seq", "node", "t", "num", "text", "json")
#: Rows that are read and written at once.
_PIECE = 50_000


class KeptFile(NamedTuple):
    """The values of a kept property in a partition; ``rows`` is None until it is there."""

    partition: int
    property: int
    name: str
    rows: int | None


def folder_of(tx: Connection) -> Path | None:
    """Where the files of a store are; None on Postgres, which has none."""
    path = tx.engine.url.database
    return Path(path).parent / FOLDER if tx.dialect.name == "sqlite" and path else None


def listed(tx: Connection) -> list[KeptFile]:
    """All files, those that are being written too."""
    return [KeptFile(*row) for row in tx.execute(select(kept_files))]


def forget(tx: Connection, partition: int) -> None:
    """Kept values of a partition have changed: its files are nobody's any more."""
    tx.execute(delete(kept_files).where(kept_files.c.partition == partition))


def forget_all(tx: Connection) -> None:
    """No file is anybody's any more."""
    tx.execute(delete(kept_files))


def lacking(tx: Connection) -> tuple[int, int] | None:
    """A closed partition and a property of which all values are kept, without a file."""
    closed = select(partitions.c.id).where(
        partitions.c.id < select(func.max(partitions.c.id)).scalar_subquery()
    )
    numbers = list(tx.execute(closed.order_by(partitions.c.id.desc())).scalars())
    there = {(item.partition, item.property) for item in listed(tx)}
    whole = [item.id for item in kept.all_kept(tx) if item.complete]
    wanted = ((number, id_) for number in numbers for id_ in whole)
    return next((pair for pair in wanted if pair not in there), None)


def write_next(store: Store) -> bool:
    """Write the next file; False where none is lacking."""
    assert store.path is not None
    folder = store.path.parent / FOLDER
    with store.read() as tx:
        if lacking(tx) is None:
            return False
    with store.write() as tx:
        pair = lacking(tx)
        if pair is None:
            return False
        file = KeptFile(*pair, f"{pair[0]}-{pair[1]}-{secrets.token_hex(8)}.parquet", None)
        tx.execute(insert(kept_files).values(file._asdict()))
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / file.name
    try:
        with store.read() as tx:
            rows = _write(tx, file, path)
        with store.write() as tx:
            c = kept_files.c
            mine = (c.partition == file.partition, c.property == file.property)
            made = tx.execute(
                update(kept_files).where(*mine, c.name == file.name).values(rows=rows)
            )
        if made.rowcount == 0:  # what it says has changed meanwhile
            path.unlink(missing_ok=True)
    except BaseException:
        path.unlink(missing_ok=True)
        with store.write() as tx:
            tx.execute(delete(kept_files).where(kept_files.c.name == file.name))
        raise
    return True


def _write(tx: Connection, file: KeptFile, path: Path) -> int:
    import pyarrow
    import pyarrow.parquet

    whole, real, text = pyarrow.int64(), pyarrow.float64(), pyarrow.string()
    kinds = dict(zip(COLUMNS, (whole, whole, whole, real, text, text), strict=True))
    schema = pyarrow.schema(list(kinds.items()))
    total = 0
    with (
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw,
        pyarrow.parquet.ParquetWriter(raw, schema, compression="zstd") as writer,
    ):
        for rows in values(tx, file.partition, [file.property]):
            columns = list(zip(*rows, strict=True))[1:]
            writer.write_table(pyarrow.table(dict(zip(COLUMNS, columns, strict=True)), schema))
            total += len(rows)
    _sync(path)
    _sync(path.parent)
    return total


def _sync(path: Path) -> None:
    """What is listed must be on the disk, after a power cut too."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def values(tx: Connection, partition: int, properties: list[int]) -> Iterator[Sequence[Any]]:
    """The rows of some properties in a partition, in pieces: the property, and `COLUMNS`."""
    c = partition_tables(partition).kept.c
    statement = (
        select(c.property, *(c[name] for name in COLUMNS))
        .where(c.property.in_(properties))
        .order_by(c.property, c.seq)
    )
    yield from tx.execute(statement).partitions(_PIECE)


def tidy(store: Store) -> None:
    """Begin anew after whatever ended the writer before: list what is there, and no more."""
    assert store.path is not None
    folder = store.path.parent / FOLDER
    with store.write() as tx:
        lost = [
            item.name
            for item in listed(tx)
            if item.rows is None or (item.rows and not (folder / item.name).is_file())
        ]
        for name in lost:
            tx.execute(delete(kept_files).where(kept_files.c.name == name))
    remove_unlisted(store)


def remove_unlisted(store: Store) -> None:
    """Remove the files that the store does not know any more."""
    if store.path is None:
        return
    folder = store.path.parent / FOLDER
    try:
        there = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    # Read after the folder: a file that comes meanwhile is listed before it is made.
    with store.read() as tx:
        known = {item.name for item in listed(tx)}
    for name in there - known:
        (folder / name).unlink(missing_ok=True)
