"""Messages as they were handed over, kept for a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from cdp.store.bulk import run_many, select_by, upsert_of
from cdp.store.messages.deliveries import pack, unpack
from cdp.store.tables import delivery_contents


def keep(tx: Connection, contents: dict[int, Any], now: int) -> None:
    """Keep messages as they are handed over; of several tries the last."""
    rows = [{"delivery": id_, "at": now, "content": pack(c)} for id_, c in contents.items()]
    run_many(tx, _statement(tx.dialect.name), rows)


@lru_cache(maxsize=2)
def _statement(dialect: str) -> Any:
    statement = upsert_of(dialect, delivery_contents).values(
        delivery=bindparam("delivery"), at=bindparam("at"), content=bindparam("content")
    )
    new = {"at": statement.excluded.at, "content": statement.excluded.content}
    return statement.on_conflict_do_update(index_elements=["delivery"], set_=new)


def of(tx: Connection, ids: Sequence[int]) -> dict[int, Any]:
    """Messages as they were handed over."""
    columns = (delivery_contents.c.delivery, delivery_contents.c.content)
    rows = select_by(tx, columns, delivery_contents.c.delivery, ids)
    return {row[0]: unpack(bytes(row[1])) for row in rows}


def drop(tx: Connection, before: int, limit: int = 5000) -> int:
    """Forget copies older than ``before``, some at a time; says how many."""
    table = delivery_contents.c
    old = select(table.delivery).where(table.at < before).limit(limit)
    return tx.execute(delete(delivery_contents).where(table.delivery.in_(old))).rowcount
