"""Deliveries of which a provider is asked later what became of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from cdp.store.bulk import chunks, run_many, upsert_of
from cdp.store.tables import inquiries

#: How long after a message, or after the last question, a provider is asked (ms); until when.
EVERY_MS, FOR_MS = 900_000, 86_400_000


class Asked(NamedTuple):
    """A delivery that ``destination`` took at ``since`` (ms); ``about``: what its receipt said."""

    delivery: int
    destination: int
    since: int
    about: dict[str, Any]


def add(tx: Connection, found: Sequence[Asked], now: int) -> None:
    """Ask after these, for the first time after `EVERY_MS`."""
    if not found:
        return
    names = ("delivery", "destination", "since", "due_at", "about")
    statement = upsert_of(tx.dialect.name, inquiries).values({n: bindparam(n) for n in names})
    new = {name: statement.excluded[name] for name in names[1:]}
    run_many(
        tx,
        statement.on_conflict_do_update(index_elements=["delivery"], set_=new),
        [
            {**one._asdict(), "due_at": now + EVERY_MS, "about": json.dumps(one.about)}
            for one in found
        ],
    )


def any_due(tx: Connection, now: int) -> bool:
    """Whether anything is to be asked."""
    statement = select(inquiries.c.delivery).where(inquiries.c.due_at <= now).limit(1)
    return tx.execute(statement).first() is not None


def take(tx: Connection, now: int, limit: int) -> list[Asked]:
    """Those to be asked after, which are due again later; what is too old is dropped."""
    c = inquiries.c
    statement = select(c.delivery, c.destination, c.since, c.about).where(c.due_at <= now)
    rows = tx.execute(statement.order_by(c.due_at).limit(limit).with_for_update(skip_locked=True))
    found = [Asked(row[0], row[1], row[2], json.loads(row[3])) for row in rows]
    drop(tx, [one.delivery for one in found if one.since < now - FOR_MS])
    left = [one for one in found if one.since >= now - FOR_MS]
    for some in chunks([one.delivery for one in left]):
        later = update(inquiries).where(c.delivery.in_(some))
        tx.execute(later.values(due_at=now + EVERY_MS))
    return left


def drop(tx: Connection, deliveries: Sequence[int]) -> None:
    """Ask after these no more."""
    for some in chunks(deliveries):
        tx.execute(delete(inquiries).where(inquiries.c.delivery.in_(some)))
