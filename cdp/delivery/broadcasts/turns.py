"""When people have their turn in a broadcast, in which wave, with which variant."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.messaging.broadcasts.lots import REST, lot
from cdp.messaging.broadcasts.plan import Plan
from cdp.messaging.broadcasts.when import due_at
from cdp.store.messages import broadcast_people
from cdp.store.messages.broadcast_people import Chosen


def turns(
    tx: Connection,
    broadcast: int,
    plan: Plan,
    profiles: list[int],
    as_of: int,
    data: dict[int, bytes] | None = None,
) -> list[Chosen]:
    """The turns of some people: when, in which wave, which variant."""
    nodes = broadcast_people.nodes_for(tx, profiles)
    zones = broadcast_people.zones(tx, profiles) if plan.local is not None else {}
    found = []
    for profile in profiles:
        node = nodes.get(profile)
        if node is None:
            continue  # gone in the same instant
        drawn = lot(plan, broadcast, profile)
        late = plan.after_ms or 0 if drawn.wave == REST else 0
        due = due_at(plan, zones.get(profile), as_of + late) if plan.local else as_of
        brought = (data or {}).get(profile) or None
        found.append(Chosen(drawn.wave, due, node, profile, drawn.variant, brought))
    return found
