"""The last check of broadcasts' messages, in the transaction that claims them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from cdp.store.bulk import select_by
from cdp.store.messages import broadcast_people, broadcasts
from cdp.store.messages.broadcasts import ORIGIN
from cdp.store.messages.deliveries import Delivery
from cdp.store.tables import deliveries

#: After how long one that was claimed in the moment of a pause is looked at again (ms).
LATER_MS = 30_000
_GONE_OUT = frozenset({"sending", "sent", "held", "bounced"})
_BEFORE = frozenset({"waiting", "paused"})


def withheld(tx: Connection, rows: Sequence[Delivery], now: int) -> dict[int, tuple[str, int]]:
    """Why some deliveries must not go, and until when (ms; 0: for good), by number.

    Their broadcast stands still, or has a message for the same person already, of whom it
    was not known then that they are one.
    """
    mine = [row for row in rows if row.origin == ORIGIN and row.origin_key.isdecimal()]
    if not mine:
        return {}
    still = broadcasts.standing_still(tx, {int(row.origin_key) for row in mine})
    found: dict[int, tuple[str, int]] = {}
    for row in mine:
        state = still.get(int(row.origin_key))
        if state == "paused":
            found[row.id] = ("paused", now + LATER_MS)
        elif state is not None:
            found[row.id] = (f"cancelled: the broadcast was {state}", 0)
    for id_ in _twins(tx, [row for row in mine if row.id not in found]):
        found[id_] = ("merged: the person got this message under another name", 0)
    return found


def _twins(tx: Connection, rows: Sequence[Delivery]) -> list[int]:
    homes = broadcast_people.homes(tx, [row.node for row in rows if row.node is not None])
    # Who has but one node was never merged with anybody.
    several = {home.profile: home.nodes for home in homes.values() if len(home.nodes) > 1}
    if not several:
        return []
    owner = {node: profile for profile, nodes in several.items() for node in nodes}
    c = deliveries.c
    others: dict[tuple[int, str], list[tuple[int, int, str]]] = {}
    columns = (c.node, c.origin, c.origin_key, c.id, c.state)
    for node, origin, key, id_, state in select_by(tx, columns, c.node, sorted(owner)):
        if origin == ORIGIN:
            others.setdefault((owner[node], key), []).append((node, id_, state))
    found = []
    for row in rows:
        profile = owner.get(row.node or 0)
        for node, id_, state in others.get((profile or 0, row.origin_key), ()):
            # Another channel that follows goes to the same node.
            if node != row.node and (state in _GONE_OUT or (state in _BEFORE and id_ < row.id)):
                found.append(row.id)
                break
    return found
