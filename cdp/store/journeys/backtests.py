"""Back-tests that somebody asked for: how far each is, and what it found."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from cdp.store import meta
from cdp.store.tables import journey_backtests

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"
#: One that has said nothing for so long was broken off with its process.
SILENT_MS = 60_000
#: So many of a journey are kept.
KEPT = 10
_c = journey_backtests.c


class Backtest(NamedTuple):
    """A row of `cdp.store.tables.journey_backtests`; ``done`` of ``people`` were looked at."""

    id: int
    journey: str
    at: int
    author: str
    asked: dict[str, Any]
    state: str
    done: int
    people: int
    updated_at: int
    ended_at: int | None
    error: str | None
    result: dict[str, Any] | None

    def runs(self, now: int) -> bool:
        """Whether somebody works on it."""
        return self.state == RUNNING and now - self.updated_at < SILENT_MS

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / self.people) if self.people else 0.0


def begin(tx: Connection, journey: str, asked: dict[str, Any], author: str, now: int) -> Backtest:
    """Note a back-test that begins; the oldest of the journey are forgotten."""
    number = meta.take_numbers(tx, "journey_backtest", 1)
    values = {
        "id": number, "journey": journey, "at": now, "author": author,
        "asked": json.dumps(asked), "state": RUNNING, "done": 0, "people": 0, "updated_at": now,
    }  # fmt: skip
    tx.execute(insert(journey_backtests).values(**values))
    old = [one.id for one in of_journey(tx, journey)[KEPT:]]
    tx.execute(delete(journey_backtests).where(_c.id.in_(old)))
    made = one(tx, number)
    assert made is not None
    return made


def one(tx: Connection, number: int) -> Backtest | None:
    """A back-test by its number."""
    found = tx.execute(select(journey_backtests).where(_c.id == number)).first()
    return _read(found) if found is not None else None


def of_journey(tx: Connection, journey: str) -> list[Backtest]:
    """All that are kept of a journey, the newest first."""
    statement = select(journey_backtests).where(_c.journey == journey).order_by(_c.id.desc())
    return [_read(found) for found in tx.execute(statement)]


def goes_on(tx: Connection, number: int, done: int, people: int, now: int) -> bool:
    """Note how far it is; whether it is still wanted."""
    statement = update(journey_backtests).where(_c.id == number, _c.state == RUNNING)
    statement = statement.values(done=done, people=people, updated_at=now)
    return tx.execute(statement.returning(_c.id)).first() is not None


def end(
    tx: Connection,
    number: int,
    state: str,
    now: int,
    result: dict[str, Any] | None = None,
    error: str | None = None,
) -> bool:
    """Note how it ended; False: it was over already."""
    statement = update(journey_backtests).where(_c.id == number, _c.state == RUNNING).values(
        state=state, ended_at=now, updated_at=now, error=error,
        result=json.dumps(result) if result is not None else None,
    )  # fmt: skip
    return tx.execute(statement.returning(_c.id)).first() is not None


def _read(found: Any) -> Backtest:
    row = Backtest(*found)
    result = json.loads(found.result) if found.result else None
    return row._replace(asked=json.loads(found.asked), result=result)
