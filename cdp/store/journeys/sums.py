"""How many people are and were in journeys: counted by day, added up over days and versions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, bindparam, func, select

from cdp.journeys.run import ACTIVE
from cdp.store.bulk import run_many, upsert_of
from cdp.store.tables import journey_counts, journey_runs

#: What `add` counts: journey, version, day (since 1970), step, what, exit.
Counted: TypeAlias = tuple[int, int, int, str, str, str]
_NAMES = ("journey", "version", "day", "step", "what", "exit")


def add(tx: Connection, counted: Mapping[Counted, int]) -> None:
    """Count what happened to what has happened before."""
    rows = [{**dict(zip(_NAMES, key, strict=True)), "n": n} for key, n in sorted(counted.items())]
    run_many(tx, _count(tx.dialect.name), rows)


@lru_cache(maxsize=2)
def _count(dialect: str) -> Any:
    statement = upsert_of(dialect, journey_counts).values(
        {name: bindparam(name) for name in (*_NAMES, "n")}
    )
    return statement.on_conflict_do_update(
        index_elements=list(_NAMES), set_={"n": journey_counts.c.n + statement.excluded.n}
    )


class Sum(NamedTuple):
    """How often something became of runs at a step, ever."""

    step: str
    what: str
    exit: str
    n: int


def sums(tx: Connection, journey: int) -> list[Sum]:
    """What became of all runs of a journey."""
    c = journey_counts.c
    statement = select(c.step, c.what, c.exit, func.sum(c.n)).where(c.journey == journey)
    statement = statement.group_by(c.step, c.what, c.exit)
    return [Sum(step, what, exit, int(n)) for step, what, exit, n in tx.execute(statement)]


def overall(tx: Connection) -> dict[int, dict[str, int]]:
    """What became of all runs, by journey and by what that is."""
    c = journey_counts.c
    statement = select(c.journey, c.what, func.sum(c.n)).group_by(c.journey, c.what)
    found: dict[int, dict[str, int]] = {}
    for journey, what, n in tx.execute(statement):
        found.setdefault(journey, {})[what] = int(n)
    return found


def inside(tx: Connection) -> dict[int, tuple[int, int]]:
    """How many people are in each journey now, and how many of them are held."""
    c = journey_runs.c
    statement = select(c.journey, func.count(), func.count().filter(c.held))
    statement = statement.where(c.status == ACTIVE).group_by(c.journey)
    return {journey: (n, held) for journey, n, held in tx.execute(statement)}
