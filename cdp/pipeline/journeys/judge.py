"""What a journey decides by itself, in the pipeline's transaction and by its clock.

A decision is a row, and what it changes of the journey is what steps read from then on: it is
an input like any other, and nothing is decided anew when history is played again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from cdp.journeys import Program
from cdp.journeys.limits import passed
from cdp.pipeline.journeys import experiments, stages
from cdp.pipeline.journeys.counting import Counts
from cdp.pipeline.journeys.deciding import ITSELF, decide
from cdp.pipeline.journeys.stage import Travels
from cdp.store.audiences.timers import GUARD, JUDGE, PICKED, STAGE, WINNER, Timer, put_timers
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys import launched as journeys
from cdp.store.journeys.decisions import STOPPED
from cdp.store.journeys.launched import MOVING, PAUSED, JourneyRow

#: Looks at a journey; whether anything was decided, and when to look again.
Look = Callable[[Connection, JourneyRow, Program, int, Counts], tuple[bool, int | None]]


def fire(
    tx: Connection, travels: Travels, due: Sequence[Timer], clock: int, counts: Counts
) -> bool:
    """Look at journeys whose time it is; whether anything was decided."""
    plan, decided = travels.plan, False
    for timer in due:
        key = plan.keys.get(timer.subject, "")
        row = journeys.row(tx, key)  # of two things that are due, the first may have paused it
        program = plan.journeys.programs.get((key, row.version)) if row is not None else None
        if row is None:
            continue
        if timer.kind == PICKED:  # by hand, in whichever state
            did, again = experiments.picked(tx, row, program, clock, counts)
        elif row.state in MOVING and program is not None:
            did, again = LOOKS[timer.kind](tx, row, program, clock, counts)
        else:
            continue
        decided |= did
        if again is not None:
            put_timers(tx, [Timer(timer.kind, row.id, 0, again)])
    return decided


def watch(tx: Connection, travels: Travels, key: str, clock: int) -> None:
    """Have looked at what a journey decides by time: it was launched, or goes on."""
    row = travels.plan.rows[key]
    program = travels.plan.journeys.programs.get((key, row.version))
    if program is not None and row.state in MOVING:
        kinds = experiments.kinds(program)
        if len(program.stages) > 1:
            kinds.append(STAGE)
        put_timers(tx, [Timer(kind, row.id, 0, clock) for kind in kinds])


def _limits(
    tx: Connection, row: JourneyRow, program: Program, clock: int, counts: Counts
) -> tuple[bool, int | None]:
    """Pause a journey of whose messages too many go wrong."""
    limits = program.limits
    if not limits.stop:
        return False, None
    since = max(row.watched, clock - limits.within)
    found = passed(
        limits,
        journey_decisions.wrong(tx, row.key, since),
        lambda what, most: journey_decisions.gone(tx, row.key, since, most, calls=what == "failed"),
    )
    if found is None:
        return False, None
    figures = {"what": found.what, "n": found.n, "of": found.of, "limit": found.limit}
    journeys.change(tx, row.key, ITSELF, clock, state=PAUSED, reason=found.text)
    decide(tx, row, clock, STOPPED, found.text, figures)
    return True, None


LOOKS: dict[int, Look] = {
    JUDGE: _limits,
    GUARD: experiments.guard,
    WINNER: experiments.judge,
    STAGE: stages.look,
}
