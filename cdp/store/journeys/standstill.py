"""Journeys that stand still though nobody wanted it, and why."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, select, text

from cdp.journeys.run import ACTIVE
from cdp.store.journeys import decisions, launched
from cdp.store.journeys.decisions import HELD, STAGE
from cdp.store.journeys.launched import LIVE, MOVING, PAUSED
from cdp.store.tables import journey_runs

#: It paused itself; its rollout held itself; nobody can enter; people are held at a step.
PAUSED_ITSELF, ROLLOUT, ENTRY, PEOPLE = "paused", "rollout", "entry", "people"


class Standstill(NamedTuple):
    """What stands still of a journey: ``what`` is one of the words above.

    ``since`` is None where it is not known; ``people`` is how many are held, else 0.
    """

    key: str
    what: str
    reason: str
    since: int | None
    people: int = 0

    @property
    def title(self) -> str:
        """What happened, to be said after the journey's name."""
        held = f"holds {self.people:,} {'person' if self.people == 1 else 'people'}"
        return {
            PAUSED_ITSELF: "paused itself", ROLLOUT: "holds its rollout",
            ENTRY: "lets nobody in", PEOPLE: f"{held} at a step",
        }[self.what]  # fmt: skip

    @property
    def todo(self) -> str:
        """The command that lets it go on."""
        command = {
            PAUSED_ITSELF: f"cdp journeys resume {self.key}",
            ROLLOUT: f"cdp journeys stage {self.key} release",
            ENTRY: f"cdp journeys lint {self.key}",
            PEOPLE: f"cdp journeys go-on {self.key}",
        }[self.what]
        return f"Mend it, then: {command}"


def all_standing(tx: Connection) -> list[Standstill]:
    """Everything that stands still by itself, by journey."""
    found: list[Standstill] = []
    held = _held(tx)
    for row in launched.all_rows(tx):
        if row.state == PAUSED and row.reason:
            found.append(Standstill(row.key, PAUSED_ITSELF, row.reason, row.changed_at))
        if row.state in MOVING and row.error:
            found.append(Standstill(row.key, ENTRY, row.error, None))
        if row.stage_held and row.rollout is None and row.state in (LIVE, PAUSED):
            some = [one for k in (HELD, STAGE) for one in decisions.of(tx, row.id, 1, kind=k)]
            last = max(some, default=None)
            if last is not None and last.author is None:
                found.append(Standstill(row.key, ROLLOUT, last.reason, last.at))
        if row.state in MOVING and row.id in held:
            n, since, error = held[row.id]
            found.append(Standstill(row.key, PEOPLE, error, since, n))
    return found


def _held(tx: Connection) -> dict[int, tuple[int, int, str]]:
    """People who are held: how many by journey, since when, and what one of them met."""
    c = journey_runs.c
    columns = (c.journey, func.count(), func.min(c.since), func.max(c.error))
    statement = select(*columns).where(text("held"), c.status == ACTIVE).group_by(c.journey)
    return {id_: (int(n), since, error or "") for id_, n, since, error in tx.execute(statement)}
