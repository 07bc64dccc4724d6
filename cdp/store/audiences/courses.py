"""How large an audience was, and who came and went, through all its versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Integer, cast, func, select

from cdp.conditions.sql import Past
from cdp.store.audiences.evaluated import LIVE
from cdp.store.audiences.membership import Change, with_reasons
from cdp.store.tables import audiences, member_changes

AUDIENCE = "audience"
DAY_MS = 86_400_000


def daily(tx: Connection, sizes: dict[int, int], now: int, days: int) -> dict[int, list[int]]:
    """The size of each audience at the end of each of the last days, today's last.

    ``sizes`` are those of now, by the audience's number. Who came and went by an older
    version counts as well: an edit goes on from the members that were there.
    """
    now_of = {old: id_ for id_, olds in _rows_of(tx, sizes).items() for old in olds}
    today = now // DAY_MS
    since = (today - days + 1) * DAY_MS
    table = member_changes.c
    day = cast(table.at / DAY_MS, Integer)
    net = func.sum(_sign(table.entered))
    statement = (
        select(table.audience, day, net)
        .where(table.seq >= _first_since(tx, since), table.at >= since)
        .where(table.audience.in_(list(now_of)))
        .group_by(table.audience, day)
    )
    change: Counter[tuple[int, int]] = Counter()
    for audience, on, n in tx.execute(statement):
        change[now_of[audience], int(on)] += int(n)
    found = {}
    for audience, size in sizes.items():
        line = [size]
        for on in range(today, today - days + 1, -1):
            line.append(max(line[-1] - change[audience, on], 0))
        found[audience] = line[::-1]
    return found


def begun(tx: Connection, kind: str) -> dict[str, int]:
    """When each definition of a kind was first worked out (ms), by key."""
    table = audiences.c
    first = select(table.key, func.min(table.made_at)).where(table.kind == kind)
    return {key: int(at) for key, at in tx.execute(first.group_by(table.key))}


def changes(
    tx: Connection,
    audience: int,
    before: int | None,
    limit: int,
    profiles: Iterable[int] | None = None,
) -> list[Change]:
    """Entries and exits, the newest first: of all, or of some profiles.

    Those of older versions follow: no version has any once a newer one is there.
    """
    table = member_changes.c
    statement = select(
        table.seq, table.profile, table.at, table.entered, table.cause, table.event, table.detail
    ).order_by(table.seq.desc())
    if before is not None:
        statement = statement.where(table.seq < before)
    if profiles is not None:
        statement = statement.where(table.profile.in_(list(profiles)))
    found: list[Change] = []
    for id_ in _rows_of(tx, [audience])[audience]:
        some = statement.where(table.audience == id_).limit(limit - len(found))
        found += with_reasons(tx, tx.execute(some))
        if len(found) >= limit:
            break
    return found


def pasts(tx: Connection, at: int) -> dict[str, Past]:
    """What tells who was in each audience at an instant, by key, also of what is gone now."""
    a = audiences.c
    rows: dict[str, list[int]] = {}
    live: dict[str, int] = {}
    for id_, key, state in tx.execute(select(a.id, a.key, a.state).where(a.kind == AUDIENCE)):
        rows.setdefault(key, []).append(id_)
        if state == LIVE:
            live[key] = id_
    # Changes come in the order of their times, but for what waited in a backlog.
    first = _first_since(tx, at - DAY_MS)
    return {key: Past(live.get(key), tuple(sorted(ids)), first) for key, ids in rows.items()}


def _rows_of(tx: Connection, ids: Iterable[int]) -> dict[int, list[int]]:
    """The rows of each audience up to the one with that number, the newest first."""
    old, of = audiences.alias(), audiences.alias()
    statement = (
        select(of.c.id, old.c.id)
        .join(old, (old.c.kind == of.c.kind) & (old.c.key == of.c.key) & (old.c.id <= of.c.id))
        .where(of.c.id.in_(list(ids)))
        .order_by(old.c.id.desc())
    )
    found: dict[int, list[int]] = {id_: [id_] for id_ in ids}
    for id_, older in tx.execute(statement):
        if older != id_:
            found[id_].append(older)
    return found


def _sign(entered: Any) -> Any:
    return cast(entered, Integer) * 2 - 1


def _first_since(tx: Connection, at: int) -> int:
    """The position of about the first change since a time, by halving: they come in order."""
    table = member_changes.c
    low = int(tx.execute(select(func.min(table.seq))).scalar() or 0)
    high = int(tx.execute(select(func.max(table.seq))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        statement = select(table.at).where(table.seq >= middle).order_by(table.seq).limit(1)
        found = tx.execute(statement).scalar()
        if found is not None and found < at:
            low = middle + 1
        else:
            high = middle
    return low
