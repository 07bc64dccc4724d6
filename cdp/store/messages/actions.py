"""What people decide about deliveries by hand."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select, update

from cdp.store.config_rows import record_change
from cdp.store.messages.deliveries import Delivery
from cdp.store.messages.reads import Which, chosen
from cdp.store.tables import deliveries

#: Actions: from which states, into which.
ACTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "send": (("drafted",), "waiting"),
    "cancel": (("drafted", "waiting"), "cancelled"),
    # Of a held one nobody knows: a person says what holds, or risks a second one.
    "repeat": (("held",), "waiting"),
    "mark_sent": (("held",), "sent"),
    "discard": (("held",), "failed"),
    "retry": (("failed", "bounced", "undeliverable"), "waiting"),
    # Only what still waits here for its person can be taken back.
    "recall": (("sent",), "cancelled"),
}
#: Actions that only messages of one channel know.
ONLY = {"recall": "in_app"}
#: Deliveries that are changed in one transaction.
MANY = 1000


class Refused(ValueError):
    """An action that a delivery's state does not allow; the text says so."""


class Done(NamedTuple):
    """How many were changed, and whether there may be more."""

    changed: int
    more: bool


def act(tx: Connection, row: Delivery, action: str, author: str, now: int) -> None:
    """Do ``action`` to one delivery; `Refused` if it is in no state for it."""
    states, _ = ACTIONS[action]
    if row.channel != ONLY.get(action, row.channel):
        raise Refused(f"it went out by {row.channel}; only {ONLY[action]} messages wait here")
    if row.state not in states or not _change(tx, [row.id], action, now):
        raise Refused(f"it is {row.state}; only {' or '.join(states)} ones can be told to {action}")
    record_change(tx, now, author, "delivery", str(row.id), action)


def act_many(tx: Connection, which: Which, action: str, author: str, now: int) -> Done:
    """Do ``action`` to those that match and are in a state for it, up to `MANY`."""
    states, _ = ACTIONS[action]
    found = chosen(select(deliveries.c.id), which).where(deliveries.c.state.in_(states))
    if action in ONLY:
        found = found.where(deliveries.c.channel == ONLY[action])
    ids = [row[0] for row in tx.execute(found.order_by(deliveries.c.id).limit(MANY))]
    changed = _change(tx, ids, action, now) if ids else 0
    if changed:
        record_change(tx, now, author, "delivery", f"{changed} deliveries", action)
    return Done(changed, len(ids) == MANY)


def _change(tx: Connection, ids: list[int], action: str, now: int) -> int:
    states, to = ACTIONS[action]
    values = {"state": to, "updated_at": now, "until": None}
    if to == "waiting":
        values |= {"due_at": now, "scheduled_at": now, "reason": None}
    if action == "retry":  # nobody has it: whoever can, may get it, as it would be now
        values["destination"] = None
    elif action == "discard":
        values["reason"] = "discarded: by hand"
    elif action == "recall":
        values["reason"] = "recalled: by hand"
    elif action == "mark_sent":
        values |= {"reason": None, "sent_at": now}
    changed = 0
    for start in range(0, len(ids), 500):
        changed += tx.execute(
            update(deliveries)
            .where(
                deliveries.c.id.in_(ids[start : start + 500]),
                deliveries.c.state.in_(states),
            )
            .values(values)
        ).rowcount
    return changed
