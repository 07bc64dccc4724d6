"""Crediting messages of broadcasts with what people did after them: noted, and told in the log."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.conditions.durations import parse_duration
from cdp.delivery.messages.tell import event_for
from cdp.messaging.broadcasts.plan import Plan, plan_of
from cdp.messaging.broadcasts.schema import MAX_WINDOW
from cdp.messaging.names import delivery_name
from cdp.messaging.request import Flag
from cdp.store import Store, meta
from cdp.store.events import history
from cdp.store.messages import (
    addressees,
    broadcast_figures,
    broadcasts,
    deliveries,
    emissions,
    link_keys,
)
from cdp.store.messages.broadcast_figures import Credit

#: Where the history was read up to.
_PLACE = "goals_seq"
#: Positions of the history in one transaction; those without any goal that are worth a note.
SPAN, LAG = 20_000, 2000


def step(store: Store, now: int) -> bool:
    """Go on through the history; whether there may be more.

    How far it came commits with what was credited; done twice it tells the same.
    """
    with store.read() as tx:
        end = meta.next_number(tx, "seq")
        place = int(meta.get(tx, _PLACE) or 0)
        if place >= end:
            return False
        upto = min(end, place + SPAN) if place else end
        did = _did(tx, place, upto, now) if place else []
    if place and not did and upto - place < LAG:
        return False
    # A place that a power cut takes back is come to again.
    with store.write(synced=bool(did)) as tx:
        if did:
            _credit(tx, did, now)
        meta.put(tx, _PLACE, str(upto))
    return upto < end


def _did(tx: Connection, start: int, stop: int, now: int) -> list[tuple[int, int, str]]:
    """(node, time, event) of what was a goal, from one position of the history to another."""
    goals = broadcasts.goals(tx, now - (parse_duration(MAX_WINDOW) or 0))
    numbers = history.numbers_of_names(tx, [("track", name) for name in sorted(goals)])
    names = {number: name for (_, name), number in numbers.items()}
    rows = history.rows_between(tx, start, stop, sorted(names)) if names else []
    return [(row.node, row.t, names[row.name]) for row in rows if not row.flags]


def _credit(tx: Connection, did: list[tuple[int, int, str]], now: int) -> None:
    found = broadcast_figures.credits(tx, did)
    known = deliveries.by_ids(tx, sorted({one.delivery for one in found}))
    plans: dict[str, Plan | None] = {}
    told: dict[int, Credit] = {}
    for one in found:
        row = known[one.delivery]
        plan = plans.setdefault(row.origin_key, _plan(tx, row.origin_key))
        fits = plan is not None and plan.goal == one.event and one.t - one.sent_at <= plan.within_ms
        if fits and row.converted_at is None and one.delivery not in told:
            told[one.delivery] = one
    people = addressees.load(tx, [row.node for row in known.values() if row.node is not None])
    keys = link_keys.ensure(tx)
    for id_, one in told.items():
        row = known[id_]
        deliveries.first_time(tx, "converted_at", [id_], one.t)
        person = people.get(row.node or 0)
        if person is None or row.flags & Flag.TEST:
            continue
        public = delivery_name(keys, id_)
        event = event_for("converted", row, public, row.recipient, one.t, "goal", person.names, {})
        if event is not None:
            emissions.add(tx, [(row.node, 0, event)], now)


def _plan(tx: Connection, key: str) -> Plan | None:
    try:
        return plan_of(broadcasts.get(tx, int(key)).body)
    except broadcasts.NoSuchBroadcast:  # taken away; its messages stay
        return None
