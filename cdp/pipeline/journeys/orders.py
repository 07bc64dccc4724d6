"""What people want done with runs, in pieces that each commit with how far they came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection

from cdp.journeys import Course, Program
from cdp.journeys.run import NEXT, Answer, Enter, Migrated, Moved, Run, Transition
from cdp.pipeline.journeys import clockwork, judge, stages
from cdp.pipeline.journeys.qualifying import having
from cdp.pipeline.journeys.stage import Travels
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences import members, timers
from cdp.store.audiences.members import Change
from cdp.store.audiences.timers import Timer
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys.launched import Order
from cdp.store.journeys.runs import Placed
from cdp.store.journeys.whose import MIGRATED
from cdp.store.tables import USERS

#: Runs or people in a transaction.
PIECE = 200

Act = Callable[[Course, Placed], None]


def step(tx: Connection, travels: Travels, now: int) -> bool:
    """Do a piece of the oldest order; whether there was one."""
    order = journeys.next_order(tx)
    if order is None:
        return False
    try:
        reached, done, over = _DO[order.kind](tx, travels, order, now)
    except LookupError as error:
        journeys.end_order(tx, order, now, str(error.args[0]) if error.args else "nothing there")
        return True
    journeys.advance_order(tx, order, reached, done)
    if over:
        journeys.end_order(tx, order, now)
    return True


Did = tuple[int, int, bool]


def _begin(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """A journey was launched: let the clock begin it, and let those in who may enter at once."""
    key = travels.plan.keys.get(order.journey, "")
    program = travels.plan.journeys.open.get(key)
    if program is None:
        # What it reads is being collected; or it was stopped meanwhile.
        return order.reached, 0, key not in travels.plan.waiting
    if not order.reached:
        judge.watch(tx, travels, key, now)
    kind = program.trigger.kind
    if kind == "every":
        clockwork.set_schedules(tx, travels, now)
        return order.reached, 0, True
    if kind == "date":
        found = _people(tx, order.reached)
        clockwork.set_dates(tx, travels, found, now)
        return _reached(order, found), 0, len(found) < PIECE
    if (order.args.get("enter") or program.body.get("enter")) != "all":
        return order.reached, 0, True
    return _enter(tx, travels, order, now)


def _enter(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """Let people in: those named, those of an audience, or all who qualify."""
    program = _program(travels, order)
    trigger = program.trigger
    audience = order.args.get("audience") or (trigger.name if trigger.kind == "enters" else None)
    cause = order.args.get("cause") or f"order:{order.id}"
    if "profiles" in order.args:
        found = sorted(p for p in order.args["profiles"] if p > order.reached)[:PIECE]
    elif audience is not None:
        row = audiences.live_row(tx, "audience", audience)
        found = members.after(tx, row.id, order.reached, PIECE) if row is not None else []
    else:
        found = _people(tx, order.reached)
    named = "profiles" in order.args
    entering = found if named else having(tx, trigger, found)
    done = travels.enter(tx, program, entering, now, cause)
    return _reached(order, found), done, len(found) < PIECE


def _grow(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """A larger share may enter: those who were out of it and qualify still do.

    Those are who is in the audience that begins it since the launch; all, where it let in all.
    Who was to enter by an event or a trait waits for the next.
    """
    program = _program(travels, order)
    row, trigger = travels.plan.rows[program.key], program.trigger
    launch = journeys.launch_of(tx, row) or {}
    everybody = (launch.get("enter") or program.body.get("enter")) == "all"
    if trigger.kind in ("every", "date") or not (everybody or trigger.kind == "enters"):
        return order.reached, 0, True
    if trigger.kind == "enters":
        audience = audiences.live_row(tx, "audience", trigger.name)
        since = 0 if everybody else row.launched_at
        found = members.after(tx, audience.id, order.reached, PIECE, since) if audience else []
    else:
        found = _people(tx, order.reached)
    cause = f"order:{order.id}"
    entering = having(tx, trigger, found)
    done = travels.enter(tx, program, entering, now, cause, order.args["from"])
    return _reached(order, found), done, len(found) < PIECE


def _stage(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """Somebody holds a rollout, lets it go on, brings it forward or back."""
    key = travels.plan.keys.get(order.journey, "")
    row = travels.plan.rows.get(key)
    program = travels.plan.journeys.programs.get((key, row.version)) if row is not None else None
    if row is None or program is None or len(program.stages) < 2:
        raise LookupError("its rollout has no stages")
    act, reason = order.args["act"], order.args.get("reason", "")
    stages.by_hand(tx, row, program, act, order.author, reason, now)
    judge.watch(tx, travels, key, now)
    return order.reached, 0, True


def _people(tx: Connection, reached: int) -> list[int]:
    last = audiences.last_profile(tx)
    return audiences.profiles_between(tx, USERS, reached, last, PIECE)


def _reached(order: Order, found: list[int]) -> int:
    return found[-1] if found else order.reached


def _program(travels: Travels, order: Order) -> Program:
    key = travels.plan.keys.get(order.journey, "")
    program = travels.plan.journeys.open.get(key)
    if program is None:
        raise LookupError("nobody can enter this journey now")
    return program


def _listed(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """People were put on a list, or taken off."""
    row = audiences.live_row(tx, "audience", order.args["audience"])
    some = order.args["moved"][order.reached : order.reached + PIECE]
    if row is not None:
        travels.moved(
            tx,
            [Change(row.id, p, order.at, entered, "list", None, True, "{}") for p, entered in some],
            now,
        )
    return order.reached + len(some), len(some), len(some) < PIECE


def _merged(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """People became one by other rules: of their runs the older go on."""
    some = [p for p in order.args["profiles"] if p > order.reached][:PIECE]
    runs = journey_runs.active_of(tx, some, travels.plan.keys)
    travels.go_on(tx, runs, now, lambda course, item: course.merged(now))
    return some[-1] if some else order.reached, len(some), len(some) < PIECE


def _runs(tx: Connection, travels: Travels, order: Order, **more: Any) -> list[Placed]:
    """The runs that an order is about, from where it is."""
    keys = travels.plan.keys
    if "run" in order.args:
        found = journey_runs.by_ids(tx, [order.args["run"]], keys)
        return [item for item in found if item.journey == order.journey and order.reached == 0]
    step_ = order.args.get("step")
    return journey_runs.after(tx, order.journey, order.reached, PIECE, keys, step=step_, **more)


def _each(tx: Connection, travels: Travels, order: Order, now: int, act: Act, **more: Any) -> Did:
    found = _runs(tx, travels, order, **more)
    travels.go_on(tx, found, now, act)
    reached = max((item.run.id for item in found), default=order.reached)
    return reached, len(found), "run" in order.args or len(found) < PIECE


def _answer(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    answer = Answer(order.args["exit"], order.author)
    return _each(tx, travels, order, now, lambda c, item: c.given(item.run.id, answer, now))


def _move(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    moved = Moved(order.args["to"], order.author, order.args.get("reason", ""))
    return _each(tx, travels, order, now, lambda c, item: c.given(item.run.id, moved, now))


def _skip(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    def act(course: Course, item: Placed) -> None:
        program = travels.plan.journeys.of(item.run)
        at = program.steps.get(item.run.step or "") if program is not None else None
        if at is not None:
            to = at.exits.get(NEXT)
            moved = Moved(to, order.author, order.args.get("reason", "skipped"))
            course.given(item.run.id, moved, now)

    return _each(tx, travels, order, now, act)


def _winner(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """Somebody decided an experiment: it is done once it is counted, beside this transaction."""
    journeys.put_counting(tx, order)
    timers.put_timers(tx, [Timer(timers.PICKED, order.journey, 0, now)])
    return order.reached, 0, False


def _resume(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    if not order.reached and not ({"run", "step"} & set(order.args)):
        judge.watch(tx, travels, travels.plan.keys.get(order.journey, ""), now)
    return _each(
        tx, travels, order, now, lambda c, item: c.given(item.run.id, Enter(), now), held=True
    )


def _end(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    reason = order.args.get("reason") or "stopped"
    why = {"by": order.author}

    def act(course: Course, item: Placed) -> None:
        run = course.runs[item.run.id]
        if run.status == "active":
            course.end(run, "stopped" if order.kind == "stop" else "by_hand", now,
                       {**why, "reason": reason})  # fmt: skip

    return _each(tx, travels, order, now, act)


def _migrate(tx: Connection, travels: Travels, order: Order, now: int) -> Did:
    """People inside come to the launched version, as was said for the step at which they are."""
    program = _program(travels, order)
    fates: dict[str, Any] = order.args["steps"]

    def act(course: Course, item: Placed) -> None:
        fate = fates.get(item.run.step or "", "stay")
        if fate == "stay":
            return
        if fate == "exit":
            course.end(course.runs[item.run.id], "new_version", now, {"by": order.author})
            return
        to = fate["to"]
        if to not in program.steps:
            return
        before = course.runs[item.run.id]
        run: Run = msgspec.structs.replace(before, version=program.version)
        told = {"by": order.author, "to": run.version}
        course.transitions.append(
            Transition(run.id, now, run.step, MIGRATED, str(before.version), told)
        )
        course.runs[run.id] = course.changed[run.id] = run
        if to == run.step:
            course.given(run.id, Migrated(), now)
        else:
            course.given(run.id, Moved(to, order.author, "a new version"), now)

    return _each(tx, travels, order, now, act, version=order.args["from"])


_DO: dict[str, Callable[[Connection, Travels, Order, int], Did]] = {
    "begin": _begin,
    "enter": _enter,
    "listed": _listed,
    "merged": _merged,
    "grow": _grow,
    "stage": _stage,
    "winner": _winner,
    "answer": _answer,
    "move": _move,
    "skip": _skip,
    "resume": _resume,
    "stop": _end,
    "end": _end,
    "migrate": _migrate,
}
