"""What follows deliveries by another channel, kept until it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from cdp.messaging.chain import Chain, Link
from cdp.store.bulk import chunks, insert_many, run_many
from cdp.store.tables import followups

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[str, int | None, tuple[Link, ...]]).decode


class Followup(NamedTuple):
    """What follows ``delivery``, which is looked at by ``due_at`` (ms); ``key``: the reason's."""

    delivery: int
    due_at: int
    key: str
    chain: Chain


def add(tx: Connection, found: Sequence[Followup]) -> None:
    """Keep what follows new deliveries."""
    rows = [
        (
            item.delivery,
            item.due_at,
            _encode((item.key, item.chain.unread_ms, item.chain.links)).decode(),
        )
        for item in found
    ]
    insert_many(tx, followups, ("delivery", "due_at", "chain"), rows)


def any_due(tx: Connection, now: int) -> bool:
    """Whether any is to be looked at."""
    statement = select(followups.c.delivery).where(followups.c.due_at <= now).limit(1)
    return tx.execute(statement).first() is not None


def due(tx: Connection, now: int, limit: int) -> list[Followup]:
    """Those that are to be looked at; on Postgres others get others while ``tx`` lasts."""
    c = followups.c
    statement = (
        select(c.delivery, c.due_at, c.chain)
        .where(c.due_at <= now)
        .order_by(c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = []
    for delivery, due_at, text in tx.execute(statement):
        key, unread_ms, links = _decode(text)
        found.append(Followup(delivery, due_at, key, Chain(links, unread_ms, later=True)))
    return found


def wake(tx: Connection, deliveries: Sequence[int], now: int) -> None:
    """Look at once at what follows these: something has become of them."""
    c = followups.c
    if not deliveries or tx.execute(select(c.delivery).limit(1)).first() is None:
        return
    for some in chunks(deliveries):
        tx.execute(update(followups).where(c.delivery.in_(some), c.due_at > now).values(due_at=now))


_later = (
    update(followups)
    .where(followups.c.delivery == bindparam("id_"))
    .values(due_at=bindparam("due_at_"))
)


def put_off(tx: Connection, times: Sequence[tuple[int, int]]) -> None:
    """Look at them again later: (delivery, ms)."""
    run_many(tx, _later, [{"id_": id_, "due_at_": at} for id_, at in times])


def drop(tx: Connection, deliveries: Sequence[int]) -> None:
    """Nothing follows these any more."""
    for some in chunks(deliveries):
        tx.execute(delete(followups).where(followups.c.delivery.in_(some)))
