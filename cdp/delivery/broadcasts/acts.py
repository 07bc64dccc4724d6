"""What people do with broadcasts: each checks the state, and commits with its caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.delivery.broadcasts import judging, who
from cdp.delivery.broadcasts.mover import NoTemplate, ways
from cdp.messaging.broadcasts import states
from cdp.messaging.broadcasts.plan import BadPlan, plan_of, read, unready
from cdp.messaging.broadcasts.schema import KEY
from cdp.messaging.broadcasts.when import begins_at
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast


def create(
    tx: Connection, body: Mapping[str, Any], author: str, now: int, key: str | None = None
) -> Broadcast:
    """A draft; `BadPlan`, `KeyTaken`."""
    found = read(body)
    if key is not None and not KEY.fullmatch(key):
        raise BadPlan({"key": ["Small letters, digits, - and _, 60 at most."]})
    return broadcasts.add(tx, key or _free_key(tx, found["name"]), found, author, now)


def edit(tx: Connection, id_: int, body: Mapping[str, Any], now: int) -> Broadcast:
    """Change a draft; `BadPlan`, `NotNow`."""
    row = broadcasts.hold(tx, id_)
    states.check("edit", row.state)
    broadcasts.define(tx, id_, read(body), now)
    return broadcasts.get(tx, id_)


def schedule(tx: Connection, id_: int, now: int, *, at_once: bool = False) -> Broadcast:
    """Let a draft go when its definition says, or ``at_once``; `BadPlan`, `NotNow`."""
    row = broadcasts.hold(tx, id_)
    states.check("start" if at_once else "schedule", row.state)
    plan = plan_of(row.body)
    faults = unready(plan)
    try:
        ways(tx, plan)
    except NoTemplate as error:
        faults["template"] = [f"{str(error)[0].upper()}{str(error)[1:]}."]
    if not plan.triggered:
        try:
            who.known(tx, plan.who)
        except who.NoPeople as error:
            faults["who"] = [f"{str(error)[0].upper()}{str(error)[1:]}."]
    if faults:
        raise BadPlan(faults)
    if plan.triggered:
        return _to(tx, row, states.READY, now)
    begins = now if at_once else begins_at(plan, now)
    return _to(tx, row, states.SCHEDULED, now, begins_at=begins, error=None)


def unschedule(tx: Connection, id_: int, now: int) -> Broadcast:
    """Make a draft again of what hasn't begun; `NotNow`."""
    row = broadcasts.hold(tx, id_)
    states.check("unschedule", row.state)
    return _to(tx, row, states.DRAFT, now, begins_at=None)


def pause(tx: Connection, id_: int, now: int) -> Broadcast:
    """Nothing that is claimed after this has committed goes; `NotNow`."""
    row = broadcasts.hold(tx, id_)
    states.check("pause", row.state)
    return _to(tx, row, states.PAUSED, now, paused_from=row.state, owner=None, until=0)


def resume(tx: Connection, id_: int, now: int) -> Broadcast:
    """Go on where it was paused; `NotNow`."""
    row = broadcasts.hold(tx, id_)
    states.check("resume", row.state)
    return _to(tx, row, row.paused_from or states.SENDING, now, paused_from=None, error=None)


def cancel(tx: Connection, id_: int, now: int) -> Broadcast:
    """For good: what waits is taken back, what is in flight can't be. `NotNow`."""
    row = broadcasts.hold(tx, id_)
    states.check("cancel", row.state)
    for call in broadcasts.calls_of(tx, id_, 1000):
        if call.state in states.MAY["cancel"]:
            _to(tx, call, states.CANCELLED, now, ended_at=now, owner=None, until=0)
    return _to(tx, row, states.CANCELLED, now, ended_at=now, owner=None, until=0)


def pick(tx: Connection, id_: int, variant: str, author: str, now: int) -> Broadcast:
    """Let the rest of the people get ``variant``; `NotNow`, `BadPlan`."""
    row = broadcasts.hold(tx, id_)
    states.check("pick", row.state)
    plan = plan_of(row.body)
    if plan.test_share is None:
        raise BadPlan({"variant": ["This broadcast has no test, so nobody waits for a winner."]})
    if variant not in [item.name for item in plan.variants]:
        raise BadPlan({"variant": [f"There is no variant {variant}."]})
    if row.winner is not None:
        raise BadPlan({"variant": [f"The rest gets {row.winner} already."]})
    judging.crown(tx, row, variant, f"chosen by {author}", now)
    return broadcasts.get(tx, id_)


def copy(tx: Connection, id_: int, author: str, now: int) -> Broadcast:
    """A draft that says the same."""
    row = broadcasts.get(tx, id_)
    body = {**row.body, "name": f"{row.name[:90]} (copy)"}
    return broadcasts.add(tx, _free_key(tx, body["name"]), body, author, now)


def delete(tx: Connection, id_: int) -> None:
    """Take it away; what was sent stays. `NotNow`."""
    row = broadcasts.hold(tx, id_)
    states.check("delete", row.state)
    for call in broadcasts.calls_of(tx, id_, 100_000):
        broadcasts.remove(tx, call.id)
    broadcasts.remove(tx, id_)


def _to(tx: Connection, row: Broadcast, state: str, now: int, **more: Any) -> Broadcast:
    broadcasts.change(tx, row.id, state=state, updated_at=now, **more)
    return broadcasts.get(tx, row.id)


def _free_key(tx: Connection, name: str) -> str:
    """A key like the name that nobody has."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50] or "broadcast"
    key, number = base, 1
    while broadcasts.by_key(tx, key) is not None:
        number += 1
        key = f"{base}-{number}"
    return key
