"""Single values, the configuration's version and the numbers given out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Text, bindparam, cast, select

from cdp.store.bulk import upsert, upsert_of
from cdp.store.tables import meta, numbers

_get = select(meta.c.value).where(meta.c.key == bindparam("key"))


def get(tx: Connection, key: str) -> str | None:
    """The value kept under ``key``."""
    return tx.execute(_get, {"key": key}).scalar()


def put(tx: Connection, key: str, value: str) -> None:
    """Keep ``value`` under ``key``."""
    statement = upsert(tx, meta).values(key=key, value=value)
    tx.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


def version(tx: Connection) -> int:
    """The configuration's version: it grows with each change a person makes."""
    return int(get(tx, "config_version") or 0)


def bump(tx: Connection) -> None:
    """Tell all processes that the configuration has changed.

    Whoever does so next waits until this transaction is over, and then counts on.
    """
    one = upsert(tx, meta).values(key="config_version", value="1")
    following = cast(cast(meta.c.value, BigInteger) + 1, Text)
    tx.execute(one.on_conflict_do_update(index_elements=["key"], set_={"value": following}))


def take_numbers(tx: Connection, kind: str, count: int) -> int:
    """Reserve ``count`` numbers of ``kind`` and return the first."""
    values = {"kind": kind, "next": 1 + count, "count": count}
    return int(tx.execute(_take(tx.dialect.name), values).scalar_one()) - count


@lru_cache(maxsize=2)
def _take(dialect: str) -> Any:
    statement = upsert_of(dialect, numbers).values(kind=bindparam("kind"), next=bindparam("next"))
    return statement.on_conflict_do_update(
        index_elements=["kind"], set_={"next": numbers.c.next + bindparam("count")}
    ).returning(numbers.c.next)


def next_number(tx: Connection, kind: str) -> int:
    """The next number of ``kind`` that will be given out."""
    found = tx.execute(select(numbers.c.next).where(numbers.c.kind == kind)).scalar()
    return int(found) if found is not None else 1
