"""What plugins did wrong, grouped by what they said."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from cdp.store.bulk import upsert
from cdp.store.tables import plugin_errors


def record_failures(tx: Connection, failures: list[Any], now: int) -> None:
    """Note failures (plugin, hook, error, traceback); equal ones are counted."""
    for item in failures:
        statement = upsert(tx, plugin_errors).values(
            plugin=item.plugin,
            hook=item.hook,
            error=item.error,
            n=1,
            first_at=now,
            last_at=now,
            traceback=item.traceback,
        )
        tx.execute(
            statement.on_conflict_do_update(
                index_elements=["plugin", "hook", "error"],
                set_={
                    "n": plugin_errors.c.n + 1,
                    "last_at": now,
                    "traceback": statement.excluded.traceback,
                },
            )
        )


def all_failures(tx: Connection, limit: int = 100) -> list[Any]:
    """The newest failures first."""
    statement = select(plugin_errors).order_by(plugin_errors.c.last_at.desc()).limit(limit)
    return list(tx.execute(statement))
