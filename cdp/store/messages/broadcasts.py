"""Broadcasts as rows: what they are and how far they have come."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, literal_column, select, update

from cdp.store import meta
from cdp.store.bulk import blob
from cdp.store.messages.deliveries import pack, unpack
from cdp.store.tables import broadcast_people, broadcasts, deliveries

ORIGIN = "broadcast"


class KeyTaken(ValueError):
    """Another broadcast has that key."""


class NoSuchBroadcast(LookupError):
    """There is no such broadcast."""


class Broadcast(NamedTuple):
    """A row of `cdp.store.tables.broadcasts`."""

    id: int
    key: str | None
    parent: int | None
    state: str
    definition: str
    data: bytes | None
    error: str | None
    author: str
    created_at: int
    updated_at: int
    begins_at: int | None
    as_of: int | None
    ended_at: int | None
    paused_from: str | None
    owner: str | None
    until: int
    people: int
    held_out: int
    queued: int
    skipped: str
    wave: int
    reached_at: int
    reached: int
    wave_ended_at: int | None
    pace_us: int
    pace_day: int
    pace_today: int
    winner: str | None
    winner_why: str | None

    @property
    def body(self) -> dict[str, Any]:
        """The definition."""
        found: dict[str, Any] = json.loads(self.definition)
        return found

    @property
    def brought(self) -> dict[str, Any]:
        """What a call brought along."""
        found: dict[str, Any] = unpack(self.data) if self.data else {}
        return found

    @property
    def reasons(self) -> dict[str, int]:
        """People who got no delivery, by reason."""
        found: dict[str, int] = json.loads(self.skipped)
        return found

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.body["name"])


_columns = tuple(broadcasts.c[name] for name in Broadcast._fields)


def _row(row: Any) -> Broadcast:
    found = Broadcast(*row)
    return found._replace(data=blob(found.data))


def add(
    tx: Connection,
    key: str | None,
    body: dict[str, Any],
    author: str,
    now: int,
    *,
    parent: int | None = None,
    state: str = "draft",
    begins_at: int | None = None,
    data: dict[str, Any] | None = None,
) -> Broadcast:
    """A new broadcast; `KeyTaken`."""
    if key is not None and by_key(tx, key) is not None:
        raise KeyTaken(f"there is a broadcast {key} already")
    id_ = meta.take_numbers(tx, "broadcast", 1)
    tx.execute(
        insert(broadcasts).values(
            id=id_, key=key, parent=parent, state=state, definition=_text(body),
            data=pack(data) if data else None, author=author, created_at=now, updated_at=now,
            begins_at=begins_at,
        )
    )  # fmt: skip
    return get(tx, id_)


def get(tx: Connection, id_: int) -> Broadcast:
    """One broadcast by its number; `NoSuchBroadcast`."""
    row = tx.execute(select(*_columns).where(broadcasts.c.id == id_)).first()
    if row is None:
        raise NoSuchBroadcast(f"there is no broadcast {id_}")
    return _row(row)


def lock(tx: Connection, id_: int) -> Broadcast | None:
    """A broadcast that nobody else changes until ``tx`` ends; None if somebody else is at it."""
    statement = select(*_columns).where(broadcasts.c.id == id_).with_for_update(skip_locked=True)
    row = tx.execute(statement).first()
    return _row(row) if row is not None else None


def hold(tx: Connection, id_: int) -> Broadcast:
    """A broadcast that nobody else changes until ``tx`` ends; waits. `NoSuchBroadcast`."""
    statement = select(*_columns).where(broadcasts.c.id == id_).with_for_update()
    row = tx.execute(statement).first()
    if row is None:
        raise NoSuchBroadcast(f"there is no broadcast {id_}")
    return _row(row)


def by_key(tx: Connection, key: str) -> Broadcast | None:
    """One broadcast by its key."""
    row = tx.execute(select(*_columns).where(broadcasts.c.key == key)).first()
    return _row(row) if row is not None else None


def find(tx: Connection, name: str) -> Broadcast:
    """By key or number; `NoSuchBroadcast`."""
    found = by_key(tx, name)
    if found is None and name.isdecimal() and len(name) < 10:
        return get(tx, int(name))
    if found is None:
        raise NoSuchBroadcast(f"there is no broadcast {name}")
    return found


def page(tx: Connection, before: int | None, limit: int, state: str | None = None) -> list[Any]:
    """Broadcasts, newest first; calls of them are not among them."""
    statement = select(*_columns).where(broadcasts.c.parent.is_(None))
    if before is not None:
        statement = statement.where(broadcasts.c.id < before)
    if state is not None:
        statement = statement.where(broadcasts.c.state == state)
    rows = tx.execute(statement.order_by(broadcasts.c.id.desc()).limit(limit))
    return [_row(row) for row in rows]


def own(tx: Connection) -> list[Broadcast]:
    """All of them by key; calls are not among them."""
    statement = select(*_columns).where(broadcasts.c.parent.is_(None)).order_by(broadcasts.c.key)
    return [_row(row) for row in tx.execute(statement)]


def goals(tx: Connection, since: int) -> set[str]:
    """The events that people are to do after broadcasts that went on after ``since`` (ms)."""
    c = broadcasts.c
    statement = select(c.definition).where(
        c.parent.is_(None),
        c.state != "draft",
        c.ended_at.is_(None) | (c.ended_at >= since),
        c.definition.contains('"goal": {'),
    )
    found = (json.loads(text).get("goal") or {} for text in tx.execute(statement).scalars())
    return {goal["event"] for goal in found if goal.get("event")}


def calls_of(tx: Connection, parent: int, limit: int = 50) -> list[Broadcast]:
    """The calls of a broadcast, newest first."""
    statement = select(*_columns).where(broadcasts.c.parent == parent)
    rows = tx.execute(statement.order_by(broadcasts.c.id.desc()).limit(limit))
    return [_row(row) for row in rows]


def in_states(tx: Connection, *states: str) -> list[Broadcast]:
    """Broadcasts in some states, oldest first, calls among them."""
    statement = select(*_columns).where(broadcasts.c.state.in_(states))
    return [_row(row) for row in tx.execute(statement.order_by(broadcasts.c.id))]


def change(tx: Connection, id_: int, **values: Any) -> None:
    """Change columns of a broadcast."""
    tx.execute(update(broadcasts).where(broadcasts.c.id == id_).values(**values))


def define(tx: Connection, id_: int, body: dict[str, Any], now: int) -> None:
    """Change what a broadcast is."""
    change(tx, id_, definition=_text(body), updated_at=now)


def _text(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


def renew(tx: Connection, id_: int, owner: str, until: int) -> bool:
    """Whether ``owner`` still chooses the people; then until ``until``."""
    c = broadcasts.c
    mine = (c.id == id_, c.owner == owner, c.state == "gathering")
    return tx.execute(update(broadcasts).where(*mine).values(until=until)).rowcount == 1


def standing_still(tx: Connection, ids: set[int]) -> dict[int, str]:
    """Those of some broadcasts of which nothing may go now: the state of each."""
    c = broadcasts.c
    statement = select(c.id, c.state).where(
        c.id.in_(sorted(ids)), c.state.in_(("paused", "cancelled", "failed"))
    )
    return {row[0]: row[1] for row in tx.execute(statement)}


# -- their deliveries ----------------------------------------------------------------

#: As a word, or SQLite doesn't see that the index by state is the right one.
_OURS = deliveries.c.origin == literal_column("'broadcast'")


def move(
    tx: Connection, id_: int, before: tuple[str, ...], after: str, now: int, limit: int
) -> int:
    """Bring up to ``limit`` deliveries from the states ``before`` into ``after``; how many."""
    c = deliveries.c
    some = select(c.id).where(_OURS, c.origin_key == str(id_), c.state.in_(before)).limit(limit)
    if tx.dialect.name == "postgresql":
        some = some.with_for_update(skip_locked=True)
    values: dict[str, Any] = {"state": after, "until": None, "updated_at": now}
    if after == "cancelled":
        values["reason"] = "cancelled: the broadcast was"
    # What a provider may have already is nobody's to call cancelled.
    may_be_there = after == "cancelled"
    moved = 0
    if may_be_there:
        unknown = some.where(c.destination.is_not(None))
        held = {**values, "state": "held", "reason": "unknown: not repeated (cancelled)"}
        moved = tx.execute(update(deliveries).where(c.id.in_(unknown)).values(**held)).rowcount
    return moved + tx.execute(update(deliveries).where(c.id.in_(some)).values(**values)).rowcount


def has_any(tx: Connection, id_: int, *states: str) -> bool:
    """Whether any delivery of a broadcast is in one of some states."""
    c = deliveries.c
    statement = select(c.id).where(_OURS, c.origin_key == str(id_), c.state.in_(states))
    return tx.execute(statement.limit(1)).first() is not None


def remove(tx: Connection, id_: int) -> None:
    """Take a broadcast away; its deliveries stay."""
    tx.execute(delete(broadcast_people).where(broadcast_people.c.broadcast == id_))
    tx.execute(delete(broadcasts).where(broadcasts.c.id == id_))


#: How long after it was cancelled what was in flight then may come back to be held (ms).
_STRAGGLERS_MS = 86_400_000


def to_move(tx: Connection, now: int) -> list[Broadcast]:
    """Broadcasts with something to be done at ``now`` (ms), or that may have."""
    found = []
    for row in in_states(tx, "scheduled", "gathering", "sending", "testing", "paused"):
        if row.state == "scheduled" and (row.begins_at or 0) > now:
            continue
        if row.state == "gathering" and row.until > now:
            continue
        if row.state == "paused" and not has_any(tx, row.id, "waiting"):
            continue
        found.append(row)
    c = broadcasts.c
    ended = select(*_columns).where(
        c.state.in_(("cancelled", "failed")), c.ended_at >= now - _STRAGGLERS_MS
    )
    over = [_row(row) for row in tx.execute(ended)]
    return found + [row for row in over if has_any(tx, row.id, "waiting", "paused")]
