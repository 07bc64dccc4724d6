"""What is done with people inside a journey: each act is an order, whose number is returned."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from cdp.delivery.journeys import approving
from cdp.delivery.journeys.there import Refused, may, step_of
from cdp.journeys.run import ACTIVE
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.launched import LIVE, JourneyRow
from cdp.store.journeys.runs import Placed


def enter(
    tx: Connection, key: str, author: str, now: int, profiles: list[int] | None = None
) -> int:
    """Let people in who qualify: some of them (by number), or all."""
    row = may(tx, "people", key)
    if row.state != LIVE:
        raise Refused(f"the journey {key} is {row.state}: nobody can enter")
    args = {"profiles": profiles} if profiles is not None else {}
    return journeys.order(tx, row.id, "enter", args, author, now)


def answer(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    exit: str,
    *,
    run: int | None = None,
    step: str | None = None,
    role: str | None = None,
) -> int:
    """Approve or refuse (``approved``, ``rejected``): one run, or all who wait at a step.

    ``role`` is that of whoever does: the step may say whose word it takes.
    """
    row, where = _where(tx, key, run, step)
    if exit not in ("approved", "rejected"):
        raise Refused("an answer is approved or rejected")
    at = step or _run(tx, row, run).run.step or ""
    version = _run(tx, row, run).run.version if run is not None else row.version
    asked = step_of(tx, row, at, version)
    if asked.kind.name != "approval":
        raise Refused(f"the step {at} waits for nobody's word")
    approving.may_answer(asked.spec, role)
    return journeys.order(tx, row.id, "answer", {**where, "exit": exit}, author, now)


def move(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    to: str | None,
    reason: str,
    *,
    run: int | None = None,
    step: str | None = None,
) -> int:
    """Move one run, or all at a step, to another step (None: out of the journey)."""
    row, where = _where(tx, key, run, step)
    if to is not None:
        version = _run(tx, row, run).run.version if run is not None else row.version
        step_of(tx, row, to, version)
    _said(reason)
    args = {**where, "to": to, "reason": reason}
    return journeys.order(tx, row.id, "move", args, author, now)


def skip(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    reason: str,
    *,
    run: int | None = None,
    step: str | None = None,
) -> int:
    """Let one run, or all at a step, go on past it."""
    row, where = _where(tx, key, run, step)
    _said(reason)
    return journeys.order(tx, row.id, "skip", {**where, "reason": reason}, author, now)


def go_on(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    *,
    run: int | None = None,
    step: str | None = None,
) -> int:
    """Let those go on who were held by an error: one run, those at a step, or all."""
    row = may(tx, "people", key)
    where = _where(tx, key, run, step)[1] if run is not None or step is not None else {}
    return journeys.order(tx, row.id, "resume", where, author, now)


def end(tx: Connection, key: str, author: str, now: int, run: int, reason: str) -> int:
    """Take one person out."""
    row, where = _where(tx, key, run, None)
    _said(reason)
    return journeys.order(tx, row.id, "end", {**where, "reason": reason}, author, now)


def _where(
    tx: Connection, key: str, run: int | None, step: str | None
) -> tuple[JourneyRow, dict[str, Any]]:
    if (run is None) == (step is None):
        raise Refused("say a run, or a step for all who are there")
    row = may(tx, "people", key)
    if run is not None:
        _run(tx, row, run)
        return row, {"run": run}
    if not any(at.step == step for at in journey_runs.standings(tx, row.id)):
        step_of(tx, row, step or "")
        raise Refused(f"nobody is at the step {step}")
    return row, {"step": step}


def _run(tx: Connection, row: JourneyRow, number: int | None) -> Placed:
    found = journey_runs.by_ids(tx, [number or 0], {row.id: row.key})
    if not found or found[0].journey != row.id:
        raise Refused(f"the journey {row.key} has no run {number}")
    if found[0].run.status != ACTIVE:
        raise Refused(f"the run {number} has ended")
    return found[0]


def _said(reason: str) -> None:
    if not reason.strip() or len(reason) > 500:
        raise Refused("say why, in 500 characters at most")
