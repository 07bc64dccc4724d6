"""What plugins' hooks are told beside events: changes of profiles, transitions of journeys."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select

from cdp.store import meta
from cdp.store.bulk import insert_many
from cdp.store.tables import plugin_errors, profile_changes, profiles, streams, transitions

#: The table and the kind of numbers that each hook follows.
FOLLOWED: dict[str, tuple[Table, str]] = {
    "on_profile_changes": (profile_changes, "profile_change"),
    "on_transitions": (transitions, "transition"),
}
#: What plugins did wrong is kept in at most so many groups.
MOST_ERRORS = 1000


def rows_after(tx: Connection, hook: str, seq: int, limit: int) -> list[Any]:
    """Rows for ``hook`` from ``seq`` on, with what names the profile."""
    table = FOLLOWED[hook][0]
    statement = (
        select(table, profiles.c.collection, profiles.c.anchor)
        .join(profiles, profiles.c.id == table.c.profile, isouter=True)
        .where(table.c.seq >= seq)
        .order_by(table.c.seq)
        .limit(limit)
    )
    return list(tx.execute(statement))


def are_followed(tx: Connection, hook: str) -> bool:
    """Whether a plugin has ever asked to be told by a hook."""
    column = streams.c.name
    followed = select(column).where(column.like(f"hook:%:{hook}")).limit(1)
    return tx.execute(followed).first() is not None


def add_transitions(
    tx: Connection, rows: list[tuple[int, str, str, str, str, str]], now: int
) -> None:
    """Note steps through journeys: (profile, journey, run, step, kind, JSON detail)."""
    if not rows:
        return
    first = meta.take_numbers(tx, "transition", len(rows))
    columns = ("seq", "at", "profile", "journey", "run", "step", "kind", "detail")
    numbered = [(first + index, now, *row) for index, row in enumerate(rows)]
    insert_many(tx, transitions, columns, numbered)


def add_decision(
    tx: Connection, journey: str, step: str | None, detail: dict[str, Any], now: int
) -> None:
    """Note what a journey decided by itself: of no person, and of no run."""
    add_transitions(tx, [(0, journey, "", step or "", "decided", json.dumps(detail))], now)


def trim_followed(tx: Connection, before: int) -> None:
    """Forget what every follower has been told, and whatever is from before ``before``."""
    for hook, (table, _) in FOLLOWED.items():
        least = tx.execute(
            select(func.min(streams.c.seq)).where(streams.c.name.like(f"hook:%:{hook}"))
        ).scalar()
        gone = table.c.at < before
        tx.execute(delete(table).where(gone if least is None else gone | (table.c.seq < least)))


def trim_errors(tx: Connection) -> None:
    """Keep the newest groups of plugins' errors, so that ever new texts do not pile up."""
    oldest = tx.execute(
        select(plugin_errors.c.last_at)
        .order_by(plugin_errors.c.last_at.desc())
        .offset(MOST_ERRORS)
        .limit(1)
    ).scalar()
    if oldest is not None:
        tx.execute(delete(plugin_errors).where(plugin_errors.c.last_at <= oldest))
