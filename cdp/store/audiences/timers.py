"""What is due when: the next instant at which time alone can change something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, literal, select

from cdp.store.bulk import run_many, select_by, upsert, upsert_of
from cdp.store.tables import computed_values, member_changes, timers

#: Kinds of timers: an audience or computed trait of a profile; a profile as a whole; a run of
#: a journey; a profile's date that begins a journey; a journey's schedule (of no profile).
AUDIENCE, RECHECK, JOURNEY, DATE, SCHEDULE = 1, 2, 3, 4, 5
#: What is decided about a journey, of no profile: by its limits, by the guardrails and the
#: winners of its experiments, by the stages of its rollout.
JUDGE, GUARD, WINNER, STAGE, PICKED = 6, 7, 8, 9, 10
DECISIONS = frozenset((JUDGE, GUARD, WINNER, STAGE, PICKED))


class Timer(NamedTuple):
    """Something due: see `cdp.store.tables.timers`."""

    kind: int
    subject: int
    profile: int
    due: int


def timers_of(tx: Connection, kind: int, ids: list[int]) -> list[tuple[int, int, int]]:
    """(profile, subject, due) of the timers of one kind that some profiles have."""
    columns = (timers.c.profile, timers.c.subject, timers.c.due, timers.c.kind)
    found = select_by(tx, columns, timers.c.profile, ids)
    return [(row[0], row[1], row[2]) for row in found if row[3] == kind]


def due_timers(tx: Connection, until: int, limit: int) -> list[Timer]:
    """The timers that are due first, up to ``until``."""
    statement = select(timers).where(timers.c.due <= until).order_by(timers.c.due).limit(limit)
    return [Timer(*row) for row in tx.execute(statement)]


def put_timers(tx: Connection, items: list[Timer]) -> None:
    """Set timers, each in place of the one that there was."""
    rows = [
        {"k": k, "s": s, "p": p, "d": d}
        for k, s, p, d in sorted(items, key=lambda item: item.profile)
    ]
    run_many(tx, _put(tx.dialect.name), rows)


def set_timers(tx: Connection, kind: int, due: Mapping[tuple[int, int], int | None]) -> None:
    """Set timers of one kind by (subject, profile), or take them away: those that have None."""
    by_profile = sorted(due.items(), key=_profile_of)
    gone = [{"k": kind, "s": s, "p": p} for (s, p), at in by_profile if at is None]
    run_many(tx, _drop_timer, gone)
    rows = [{"k": kind, "s": s, "p": p, "d": at} for (s, p), at in by_profile if at is not None]
    run_many(tx, _put(tx.dialect.name), rows)


def _profile_of(item: tuple[tuple[int, int], int | None]) -> int:
    return item[0][1]


@lru_cache(maxsize=2)
def _put(dialect: str) -> Any:
    statement = upsert_of(dialect, timers).values(
        kind=bindparam("k"), subject=bindparam("s"), profile=bindparam("p"), due=bindparam("d")
    )
    return statement.on_conflict_do_update(
        index_elements=["profile", "kind", "subject"], set_={"due": statement.excluded.due}
    )


_drop_timer = delete(timers).where(
    timers.c.kind == bindparam("k"),
    timers.c.subject == bindparam("s"),
    timers.c.profile == bindparam("p"),
)


def drop_timers(tx: Connection, items: list[Timer]) -> None:
    """Take timers away."""
    run_many(tx, _drop_timer, [{"k": k, "s": s, "p": p} for k, s, p, _ in sorted(items)])


def recheck(tx: Connection, profiles: Iterable[int], now: int) -> None:
    """Have profiles looked at anew, as soon as it can be."""
    put_timers(tx, [Timer(RECHECK, 0, profile, now) for profile in profiles if profile])


def recheck_valued(tx: Connection, traits: Iterable[int], now: int) -> None:
    """Have everyone looked at anew who has a value of one of some computed traits."""
    c = computed_values.c
    who = select(literal(RECHECK), literal(0), c.profile, literal(now)).where(
        c.trait.in_(list(traits))
    )
    statement = upsert(tx, timers).from_select(
        ["kind", "subject", "profile", "due"], who.distinct()
    )
    tx.execute(statement.on_conflict_do_nothing())


def recheck_changed(tx: Connection, audience: int, now: int) -> None:
    """Have everyone looked at anew who entered or left an audience by its definition."""
    c = member_changes.c
    who = select(literal(RECHECK), literal(0), c.profile, literal(now)).where(
        c.audience == audience, c.cause == "definition"
    )
    statement = upsert(tx, timers).from_select(
        ["kind", "subject", "profile", "due"], who.distinct()
    )
    tx.execute(statement.on_conflict_do_nothing())
