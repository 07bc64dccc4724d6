"""What people do with journeys, for the API, the console, the command line and files alike.

Each act checks the state and commits with its caller. What is to be done with runs is an order
that the pipeline carries out. `inside` has what is done with single people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection

from cdp.delivery.journeys import approving, shown
from cdp.delivery.journeys.launching import insiders, refuse_faulty
from cdp.delivery.journeys.there import Refused, body_of, launched, may, program_at, step_of
from cdp.store import meta
from cdp.store.journeys import launched as journeys
from cdp.store.journeys.launched import DRAINING, LIVE, PAUSED, STOPPED, JourneyRow

#: What becomes of people inside at a launch: they ``stay`` in their version, they ``move`` where
#: the new version has their step, or by step: ``{"to": step}``, ``"stay"`` or ``"exit"``.
Insiders: TypeAlias = str | Mapping[str, Any]
#: What becomes of a staged rollout: it stays, goes on, is brought to the next stage, to the one
#: before (and is held there), to its last.
STAGE_ACTS = ("hold", "release", "advance", "back", "last")


def launch(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    *,
    version: int | None = None,
    destinations: Mapping[str, Any] | None = None,
    people: Insiders = "stay",
    enter: str | None = None,
    role: str | None = None,
    approved: bool = False,
) -> JourneyRow:
    """Let people enter by a version (the newest, if none is said); `Refused`, `NoSuchJourney`.

    ``destinations`` are the classes that plugins bring; with None, nobody looks whether messages
    could go. ``enter``: ``all`` lets in all who qualify; if it is None, the journey's own
    ``enter`` says so, at its first launch. ``role`` is that of whoever launches it: where a launch
    takes another's word it must have been ``approved`` (see `approving`).
    """
    meta.bump(tx)
    number, body = body_of(tx, key, version)
    before = journeys.row(tx, key)
    refuse_faulty(tx, key, body, destinations)
    if not approved:
        approving.need_none(tx, key, body, role)
    if enter not in (None, "new", "all"):
        raise Refused("enter is new or all")
    moves = _migrations(tx, key, number, people)
    if enter is None and before is not None:
        enter = "new"
    same = (
        before is not None
        and before.state != STOPPED
        and (body_of(tx, key, before.version)[1].get("rollout") == body.get("rollout"))
    )
    row = journeys.launch(tx, key, number, author, now, enter, same_stage=same)
    for old, steps in moves.items():
        journeys.order(tx, row.id, "migrate", {"from": old, "steps": steps}, author, now)
    return row


def _migrations(
    tx: Connection, key: str, number: int, people: Insiders
) -> dict[int, dict[str, Any]]:
    """What is done with people inside, by the version in which they are."""
    there = insiders(tx, key, number)
    if not isinstance(people, Mapping):
        if people not in ("stay", "move"):
            raise Refused("people inside stay or move, or it is said for each step")
        chosen: dict[str, Any] = {
            item.step: {"to": item.step}
            for item in there
            if people == "move" and item.becomes != "vanished"
        }
    else:
        chosen = dict(people)
        _known_steps(tx, key, number, chosen, {item.step for item in there})
    found: dict[int, dict[str, Any]] = {}
    for item in there:
        if chosen.get(item.step, "stay") != "stay":
            found.setdefault(item.version, {})[item.step] = chosen[item.step]
    return found


def _known_steps(
    tx: Connection, key: str, number: int, chosen: Mapping[str, Any], there: set[str]
) -> None:
    program = program_at(tx, key, number)
    for step, fate in chosen.items():
        if step not in there:
            raise Refused(f"nobody is at a step {step}")
        if fate in ("stay", "exit"):
            continue
        if not isinstance(fate, Mapping) or set(fate) != {"to"}:
            raise Refused(f'{step}: say "stay", "exit" or {{"to": STEP}}')
        if program is None or str(fate["to"]) not in program.steps:
            raise Refused(f"{step}: version {number} has no step {fate['to']}")


def pause(tx: Connection, key: str, author: str, now: int) -> JourneyRow:
    """Nobody takes a next step, nobody enters; `Refused`, `NoSuchJourney`."""
    return _to(tx, "pause", key, author, now, PAUSED)


def resume(tx: Connection, key: str, author: str, now: int) -> JourneyRow:
    """Go on after a pause as before it: live, or draining. `Refused`, `NoSuchJourney`."""
    return _to(tx, "resume", key, author, now, None)


def drain(tx: Connection, key: str, author: str, now: int) -> JourneyRow:
    """Nobody enters any more; those inside go on to their end. `Refused`, `NoSuchJourney`."""
    return _to(tx, "drain", key, author, now, DRAINING)


def stop(tx: Connection, key: str, author: str, now: int) -> JourneyRow:
    """End it for all who are inside; `Refused`, `NoSuchJourney`."""
    return _to(tx, "stop", key, author, now, STOPPED)


def rollout(tx: Connection, key: str, author: str, now: int, share: float) -> JourneyRow:
    """Let so many per cent of people enter; who is inside stays. `Refused`, `NoSuchJourney`."""
    if not 0 <= share <= 100:
        raise Refused("a share is from 0 to 100 (per cent)")
    row = may(tx, "rollout", key)
    before = shown.share_of(tx, row)
    journeys.change(tx, row.key, author, now, rollout=float(share))
    if share > before and row.state == LIVE:
        journeys.order(tx, row.id, "grow", {"from": before / 100}, author, now)
    return launched(tx, key)


def stage(tx: Connection, key: str, author: str, now: int, act: str, reason: str = "") -> int:
    """Hold a staged rollout, let it go on, bring it to another stage; an order.

    ``act`` is one of `STAGE_ACTS`. `Refused`, `NoSuchJourney`.
    """
    row = may(tx, "stage", key)
    stages = shown.stages_of(tx, row)
    if len(stages) < 2:
        raise Refused(f"the rollout of {key} has no stages")
    if act not in STAGE_ACTS:
        raise Refused(f"say {', '.join(STAGE_ACTS[:-1])} or {STAGE_ACTS[-1]}")
    if act in ("advance", "last") and row.state != LIVE:
        raise Refused(f"the journey {key} is {row.state}: nobody can enter")
    if len(reason) > 500:
        raise Refused("say why in 500 characters at most")
    return journeys.order(tx, row.id, "stage", {"act": act, "reason": reason.strip()}, author, now)


def pick(
    tx: Connection,
    key: str,
    author: str,
    now: int,
    step: str,
    variant: str | None,
    reason: str = "",
) -> int:
    """Let all who come to an experiment get a variant; None: by lot again. `Refused`.

    It is an order, whose number is returned: the pipeline notes the figures with it.
    """
    row = may(tx, "winner", key)
    found = step_of(tx, row, step)
    if found.kind.name != "experiment":
        raise Refused(f"the step {step} is no experiment")
    names = [item["name"] for item in found.spec["variants"]]
    if variant is not None and variant not in names:
        raise Refused(f"the experiment {step} has no variant {variant}: {', '.join(names)}")
    if len(reason) > 500:
        raise Refused("say why in 500 characters at most")
    args = {"step": step, "variant": variant, "reason": reason.strip()}
    return journeys.order(tx, row.id, "winner", args, author, now)


def _to(tx: Connection, act: str, key: str, author: str, now: int, state: str | None) -> JourneyRow:
    """Bring a journey into a state; None: the one that it had before a pause."""
    meta.bump(tx)  # of two at once the second sees what the first did
    row = may(tx, act, key)
    before = DRAINING if row.was == DRAINING else LIVE
    journeys.change(tx, key, author, now, state=state or before)
    return launched(tx, key)
