"""Rollouts that go on by themselves, from stage to stage."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.events import format_time
from cdp.journeys import Program
from cdp.pipeline.journeys.counting import Counts
from cdp.pipeline.journeys.deciding import ITSELF, decide
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys import launched as journeys
from cdp.store.journeys.decisions import HELD, STAGE, STOPPED
from cdp.store.journeys.launched import JourneyRow


def look(
    tx: Connection, row: JourneyRow, program: Program, clock: int, counts: Counts
) -> tuple[bool, int | None]:
    """Go on to the next stage if it is time; when to look again.

    Not if the journey paused itself in this one: then somebody has to say that it may.
    """
    stages = program.stages
    if row.rollout is not None or row.stage_held or row.stage >= len(stages) - 1:
        return False, None
    due = row.stage_at + (stages[row.stage].ms or 0)
    if clock < due:
        return False, due
    stops = journey_decisions.of(tx, row.id, 1, kind=STOPPED)
    if stops and stops[0].at >= row.stage_at:
        text = f"it stays at {stages[row.stage].text}, for it paused itself meanwhile"
        text = f"{text} ({format_time(stops[0].at)}): {stops[0].reason}"
        journeys.change(tx, row.key, ITSELF, clock, stage_held=True)
        decide(tx, row, clock, HELD, text, {"stage": row.stage + 1})
        return True, None
    to(tx, row, program, row.stage + 1, clock)
    following = stages[row.stage + 1].ms
    return True, clock + following if following is not None else None


def to(
    tx: Connection, row: JourneyRow, program: Program, stage: int, clock: int,
    author: str | None = None, reason: str = "", *, held: bool = False,
) -> None:  # fmt: skip
    """Bring a rollout to a stage; if the share grows, those enter who were out of it."""
    stages, before = program.stages, program.rollout
    journeys.change(
        tx, row.key, author or ITSELF, clock,
        rollout=None, stage=stage, stage_at=clock, stage_held=held,
    )  # fmt: skip
    text = f"{stages[stage].text} may enter (stage {stage + 1} of {len(stages)})"
    text = f"{text}: {reason}" if reason else text
    figures = {"stage": stage + 1, "share": stages[stage].share, "before": before}
    decide(tx, row, clock, STAGE, text, figures, author=author)
    if stages[stage].share > before:
        journeys.order(tx, row.id, "grow", {"from": before}, author or ITSELF, clock)


def by_hand(
    tx: Connection, row: JourneyRow, program: Program, act: str, author: str, reason: str,
    clock: int,
) -> None:  # fmt: skip
    """Hold a rollout, let it go on, bring it forward or back; `LookupError` if it can't be."""
    stages, at = program.stages, min(row.stage, len(program.stages) - 1)
    goal = {"advance": at + 1, "back": at - 1, "last": len(stages) - 1}.get(act)
    if act in ("advance", "last") and at + 1 >= len(stages):
        raise LookupError("it is at its last stage")
    if act == "back" and at == 0:
        raise LookupError("it is at its first stage")
    if goal is not None:
        to(tx, row, program, goal, clock, author, reason, held=act == "back")
        return
    if act == "release":  # its time counts anew, and what stopped it is over
        to(tx, row, program, at, clock, author, reason)
        return
    journeys.change(tx, row.key, author, clock, stage_held=True)
    text = f"it stays at {stages[at].text}" + (f": {reason}" if reason else "")
    decide(tx, row, clock, HELD, text, {"stage": at + 1}, author=author)
