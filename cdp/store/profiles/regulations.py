"""Regulations as rows: what was asked, how far it is, what destinations were told."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cdp.events import format_time
from cdp.identity import DEFAULT, Identifier, Rules
from cdp.profiles.suppression import Suppression, hidden
from cdp.store import config_rows, meta
from cdp.store.bulk import chunks, upsert
from cdp.store.events import history
from cdp.store.tables import (
    destinations,
    exports,
    outbox,
    partition_tables,
    regulation_forwards,
    regulations,
    suppressed,
)

#: Regulation types (segment.com: deletion and suppression).
SUPPRESS_ONLY, UNSUPPRESS = "SUPPRESS_ONLY", "UNSUPPRESS"
DELETE_ONLY, DELETE_INTERNAL = "DELETE_ONLY", "DELETE_INTERNAL"
SUPPRESS_WITH_DELETE = "SUPPRESS_WITH_DELETE"
SUPPRESS_WITH_DELETE_INTERNAL = "SUPPRESS_WITH_DELETE_INTERNAL"
TYPES = (
    SUPPRESS_ONLY,
    UNSUPPRESS,
    SUPPRESS_WITH_DELETE,
    DELETE_ONLY,
    SUPPRESS_WITH_DELETE_INTERNAL,
    DELETE_INTERNAL,
)
#: States that a regulation stays in.
ENDED = ("FINISHED", "PARTIAL_SUCCESS", "FAILED")

_SECRET = "suppression_key"


class Regulation(NamedTuple):
    """A regulation; ``work`` (who it is about) is None once it is done."""

    id: int
    type: str
    state: str
    phase: str
    author: str
    created_at: int
    due_at: int
    finished_at: int | None
    work: dict[str, Any] | None
    detail: dict[str, Any]

    @property
    def public_id(self) -> str:
        """The id by which it is asked for."""
        return f"reg_{self.id}"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED


def _read(row: Any) -> Regulation:
    work = json.loads(row.work) if row.work else None
    return Regulation._make((*row[:-2], work, json.loads(row.detail)))


def add(tx: Connection, now: int, type_: str, author: str, due_at: int, **parts: Any) -> Regulation:
    """Note a regulation; ``parts`` are its ``state phase work detail``."""
    id_ = meta.take_numbers(tx, "regulation", 1)
    made = Regulation(id_, type_, author=author, created_at=now, due_at=due_at, **parts)
    tx.execute(
        insert(regulations).values(
            **{
                **made._asdict(),
                "work": json.dumps(made.work) if made.work is not None else None,
                "detail": json.dumps(made.detail),
            }
        )
    )
    # Whose they are is said nowhere but in ``work``.
    config_rows.record_change(tx, now, author, "regulation", made.public_id, type_.lower())
    return made


def put(tx: Connection, item: Regulation) -> None:
    """Write how far a regulation is."""
    tx.execute(
        update(regulations)
        .where(regulations.c.id == item.id)
        .values(
            state=item.state,
            phase=item.phase,
            due_at=item.due_at,
            finished_at=item.finished_at,
            work=json.dumps(item.work) if item.work is not None else None,
            detail=json.dumps(item.detail),
        )
    )


def get(tx: Connection, id_: int) -> Regulation | None:
    """The regulation of that number."""
    row = tx.execute(select(regulations).where(regulations.c.id == id_)).first()
    return _read(row) if row else None


def by_public_id(tx: Connection, text: str) -> Regulation | None:
    """The regulation of an id such as ``reg_7``."""
    number = text.removeprefix("reg_")
    return get(tx, int(number)) if number.isdigit() and len(number) < 15 else None


def newest(tx: Connection, below: int | None, limit: int) -> list[Regulation]:
    """The latest regulations, the newest first."""
    statement = select(regulations).order_by(regulations.c.id.desc()).limit(limit)
    if below is not None:
        statement = statement.where(regulations.c.id < below)
    return [_read(row) for row in tx.execute(statement)]


def under_way(tx: Connection) -> list[Regulation]:
    """Those that are not done, the oldest first."""
    statement = select(regulations).where(regulations.c.state.not_in(ENDED))
    return [_read(row) for row in tx.execute(statement.order_by(regulations.c.id))]


def any_under_way(tx: Connection) -> bool:
    """Whether any regulation is not done."""
    statement = select(regulations.c.id).where(regulations.c.state.not_in(ENDED)).limit(1)
    return tx.execute(statement).first() is not None


def any_done_since(tx: Connection, at: int) -> bool:
    """Whether a deletion that was asked for since ``at`` has been done, its people forgotten."""
    c = regulations.c
    statement = select(c.id).where(c.created_at >= at, c.work.is_(None), c.type.like("%DELETE%"))
    return tx.execute(statement.limit(1)).first() is not None


# -- suppression --------------------------------------------------------------------


def secret_for(tx: Connection) -> str:
    """With what hashes of people are made; it is made now if there is none."""
    found = meta.get(tx, _SECRET)
    if found is None:
        found = secrets.token_hex(32)
        meta.put(tx, _SECRET, found)
    return found


def secret_of(tx: Connection) -> str:
    """With what the list's hashes are made; empty while nobody is on it."""
    return meta.get(tx, _SECRET) or ""


def suppress(
    tx: Connection, now: int, identifiers: Iterable[Identifier], before: int | None = None
) -> None:
    """Refuse what names ``identifiers``, from now on or only if received before ``before``."""
    secret = secret_for(tx)
    statement = upsert(tx, suppressed)
    kept = statement.excluded.before
    for hash_ in sorted({hidden(secret, item) for item in identifiers}):
        values = statement.values(hash=hash_, at=now, before=before)
        if before is None:
            tx.execute(values.on_conflict_do_update(index_elements=["hash"], set_={"before": None}))
        else:  # whoever is suppressed stays so
            later = suppressed.c.before.is_not(None)
            tx.execute(
                values.on_conflict_do_update(
                    index_elements=["hash"], set_={"before": kept}, where=later
                )
            )


def unsuppress(tx: Connection, identifiers: Iterable[Identifier], timed: bool = False) -> None:
    """Take identifiers off the list; with ``timed`` only those that have a time."""
    secret = secret_for(tx)
    for some in chunks(sorted({hidden(secret, item) for item in identifiers})):
        statement = delete(suppressed).where(suppressed.c.hash.in_(some))
        if timed:
            statement = statement.where(suppressed.c.before.is_not(None))
        tx.execute(statement)


def is_suppressed(tx: Connection, identifier: Identifier) -> bool:
    """Whether later events of an identifier are refused."""
    statement = select(suppressed.c.hash).where(
        suppressed.c.hash == hidden(secret_of(tx), identifier),
        suppressed.c.before.is_(None),
    )
    return tx.execute(statement).first() is not None


def load_suppression(tx: Connection, rules: Rules = DEFAULT) -> Suppression:
    """The list, to be asked of messages that are read under ``rules``."""
    found = tx.execute(select(suppressed.c.hash, suppressed.c.before)).all()
    hashes = {row.hash: row.before for row in found}
    return Suppression(meta.get(tx, _SECRET) or "", hashes, rules)


def copy_suppression(source: Connection, target: Connection) -> None:
    """Let another store refuse whom this one refuses."""
    rows = [row._asdict() for row in source.execute(select(suppressed))]
    if rows:
        meta.put(target, _SECRET, meta.get(source, _SECRET) or "")
        target.execute(insert(suppressed), rows)


def count_suppressed(tx: Connection) -> int:
    """How many user ids are suppressed."""
    statement = select(func.count()).where(suppressed.c.before.is_(None))
    return int(tx.execute(statement).scalar() or 0)


def earlier_exports(tx: Connection, before: int) -> list[str]:
    """What left the store as a file before ``before``, and may hold a deleted person."""
    c = exports.c
    statement = select(c.at, c.what, c.target, c.author).where(c.at < before).order_by(c.at)
    return [
        f"{format_time(row.at)} {row.what} to {row.target} by {row.author}"
        for row in tx.execute(statement)
    ]


# -- what destinations are told -----------------------------------------------------


class Forward(NamedTuple):
    """What a destination is told of a regulation: waiting done failed unsupported."""

    regulation: int
    destination_id: int
    state: str
    attempts: int
    next_at: int
    error: str | None


def add_forwards(tx: Connection, id_: int, now: int) -> None:
    """Let every destination be told of a regulation."""
    for number in tx.execute(select(destinations.c.id)).scalars().all():
        tx.execute(
            insert(regulation_forwards).values(
                regulation=id_, destination_id=number, state="waiting", attempts=0, next_at=now
            )
        )


def forwards_of(tx: Connection, id_: int) -> list[Forward]:
    """What destinations are told of a regulation."""
    table = regulation_forwards
    statement = select(table).where(table.c.regulation == id_).order_by(table.c.destination_id)
    return [Forward(*row) for row in tx.execute(statement)]


def due_forwards(tx: Connection, now: int) -> list[Forward]:
    """What is to be told now."""
    table = regulation_forwards
    statement = select(table).where(table.c.state == "waiting", table.c.next_at <= now).limit(50)
    return [Forward(*row) for row in tx.execute(statement)]


def claim_forward(tx: Connection, item: Forward, until: int) -> bool:
    """Take something to be told until ``until``; False if another process was faster."""
    table = regulation_forwards.c
    statement = (
        update(regulation_forwards)
        .where(
            table.regulation == item.regulation,
            table.destination_id == item.destination_id,
            table.state == "waiting",
            table.next_at == item.next_at,
        )
        .values(next_at=until)
    )
    return tx.execute(statement).rowcount == 1


def put_forward(tx: Connection, item: Forward) -> None:
    """Write what became of it."""
    table = regulation_forwards.c
    values = item._asdict()
    tx.execute(
        update(regulation_forwards)
        .where(
            table.regulation == values.pop("regulation"),
            table.destination_id == values.pop("destination_id"),
        )
        .values(**values)
    )


def drop_deliveries(tx: Connection, nodes: list[int], profiles: list[int]) -> None:
    """Take what waits for destinations of nodes' events, or about profiles, out of the outbox."""
    for some in chunks(profiles):
        tx.execute(delete(outbox).where(outbox.c.seq.in_([-profile for profile in some])))
    for info in history.list_partitions(tx):
        table = partition_tables(info.id).history
        for some in chunks(nodes):
            theirs = select(table.c.seq).where(table.c.node.in_(some))
            tx.execute(delete(outbox).where(outbox.c.seq.in_(theirs)))
