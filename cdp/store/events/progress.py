"""How far the pipeline is, what it refused, and how much it saw."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from cdp.events import Rejected
from cdp.store.bulk import insert_many, upsert
from cdp.store.db import Store
from cdp.store.meta import take_numbers
from cdp.store.tables import checkpoints, counts, profile_changes, rejected


class Deposed(RuntimeError):
    """Another process has taken over this part of the log; nothing was committed."""


def take_turn(tx: Connection) -> int:
    """Wait for our turn to write the profile graph, and return its number.

    Who remembers something of the graph may go on with it if nobody had a turn since.
    """
    return take_numbers(tx, "turn", 1)


def sync(store: Store) -> None:
    """Return once all that was committed is on the disk, `Store.write(synced=False)` too."""
    if store.dialect == "sqlite":
        with store.write() as tx:
            take_numbers(tx, "sync", 1)  # a commit waits for the disk if it changes something


def positions(tx: Connection) -> dict[str, int]:
    """The last position taken of each part of the log."""
    return {r.part: r.pos for r in tx.execute(select(checkpoints.c.part, checkpoints.c.pos))}


class Part(NamedTuple):
    """A part of the log; ``ended_at`` says when all of it had been taken, its writer gone."""

    part: str
    pos: int
    updated_at: int
    ended_at: int | None


def parts(tx: Connection) -> list[Part]:
    """Every part of the log that was ever begun to be taken."""
    columns = (checkpoints.c[name] for name in Part._fields)
    return [Part(*row) for row in tx.execute(select(*columns).order_by(checkpoints.c.part))]


def end_part(tx: Connection, part: str, epoch: int, now: int) -> None:
    """Note that all of ``part`` was taken and nothing more can come; `Deposed`."""
    mine = (checkpoints.c.part == part, checkpoints.c.epoch == epoch)
    if tx.execute(update(checkpoints).where(*mine).values(ended_at=now)).rowcount != 1:
        raise Deposed(part)


def take_over(tx: Connection, part: str, now: int) -> tuple[int, int]:
    """Become the owner of ``part``: returns its position and our epoch."""
    row = tx.execute(
        select(checkpoints).where(checkpoints.c.part == part).with_for_update()
    ).first()
    if row is None:
        tx.execute(insert(checkpoints).values(part=part, pos=0, epoch=1, updated_at=now))
        return 0, 1
    tx.execute(update(checkpoints).where(checkpoints.c.part == part).values(epoch=row.epoch + 1))
    return row.pos, row.epoch + 1


def position(tx: Connection, part: str, epoch: int) -> int:
    """How far ``part`` was taken; `Deposed` if somebody else owns it by now."""
    row = tx.execute(select(checkpoints).where(checkpoints.c.part == part)).first()
    if row is None or row.epoch != epoch:
        raise Deposed(part)
    return int(row.pos)


_advance = (
    update(checkpoints)
    .where(
        checkpoints.c.part == bindparam("part_"),
        checkpoints.c.epoch == bindparam("epoch_"),
    )
    .values(pos=bindparam("pos_"), updated_at=bindparam("now_"))
)


def advance(tx: Connection, part: str, epoch: int, pos: int, now: int) -> None:
    """Move the checkpoint; `Deposed` if somebody else owns the part by now."""
    values = {"part_": part, "epoch_": epoch, "pos_": pos, "now_": now}
    if tx.execute(_advance, values).rowcount != 1:
        raise Deposed(part)


REJECTED_COLUMNS = (
    "id",
    "at",
    "source_id",
    "code",
    "detail",
    "type",
    "name",
    "message_id",
    "body",
)


def add_rejected(tx: Connection, items: list[Rejected]) -> None:
    """Keep messages that were not taken."""
    if not items:
        return
    first = take_numbers(tx, "rejected", len(items))
    rows = [
        (
            first + index,
            item.received_at,
            item.source,
            item.code,
            item.detail,
            item.type,
            item.name,
            item.message_id,
            item.body,
        )
        for index, item in enumerate(items)
    ]
    insert_many(tx, rejected, REJECTED_COLUMNS, rows)


def drop_rejected(tx: Connection, before: int) -> None:
    """Forget what was refused before ``before``."""
    tx.execute(delete(rejected).where(rejected.c.at < before))


def add_counts(tx: Connection, rows: dict[tuple[int, int, str], int]) -> None:
    """Add to the counts: (minute, source, what) → how many more."""
    if not rows:
        return
    statement = upsert(tx, counts)
    statement = statement.values(
        {name: bindparam(name) for name in ("minute", "source_id", "what", "n")}
    ).on_conflict_do_update(
        index_elements=["minute", "source_id", "what"],
        set_={"n": counts.c.n + statement.excluded.n},
    )
    tx.execute(
        statement,
        [
            {"minute": minute, "source_id": source, "what": what, "n": n}
            for (minute, source, what), n in rows.items()
        ],
    )


def total_counts(tx: Connection) -> dict[str, int]:
    """All messages ever counted, by what became of them."""
    statement = select(counts.c.what, func.sum(counts.c.n)).group_by(counts.c.what)
    return {what: int(n) for what, n in tx.execute(statement)}


def add_profile_changes(tx: Connection, rows: list[tuple[int, str, str]], now: int) -> None:
    """Note changes of profiles: (profile, kind, JSON detail)."""
    if not rows:
        return
    first = take_numbers(tx, "profile_change", len(rows))
    insert_many(
        tx,
        profile_changes,
        ("seq", "at", "profile", "kind", "detail"),
        [(first + index, now, *row) for index, row in enumerate(rows)],
    )
