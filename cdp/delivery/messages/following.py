"""What goes by another channel after a message: it did not arrive, or is not read."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from cdp.messaging.chain import fate
from cdp.messaging.names import delivery_name
from cdp.messaging.request import Flag, Request
from cdp.store import Store
from cdp.store.messages import asking, deliveries, followups, link_keys
from cdp.store.messages.deliveries import Delivery
from cdp.store.messages.followups import Followup

#: Looked at in one transaction.
MANY = 500


def step(store: Store, now: int) -> int:
    """Look at what is due, in one transaction; how many were looked at.

    What follows is asked for and forgotten in the same transaction, so that it goes once,
    whoever dies (law 6).
    """
    with store.read() as tx:
        if not followups.any_due(tx, now):
            return 0
    with store.write() as tx:
        found = followups.due(tx, now, MANY)
        _settle(tx, found, now)
    return len(found)


def _settle(tx: Connection, found: Sequence[Followup], now: int) -> None:
    rows = deliveries.by_ids(tx, [item.delivery for item in found])
    following: list[Request] = []
    later: list[tuple[int, int]] = []
    over: list[int] = []
    keys = link_keys.ensure(tx)
    for item in found:
        row = rows.get(item.delivery)
        if row is None:  # forgotten with its person
            over.append(item.delivery)
            continue
        what = fate(row.state, row.reason, row.sent_at, _seen(row), item.chain.unread_ms, now)
        if what.what == "look":
            later.append((item.delivery, what.at))
            continue
        over.append(item.delivery)
        if what.what == "next":
            public = delivery_name(keys, row.id)
            following.append(_next(row, item, public, what.why))
    followups.put_off(tx, later)
    followups.drop(tx, over)
    # Whom none of the rest reaches gets nothing more.
    chosen = asking.choices(tx, following) if following else []
    reached = [one for one, how in zip(following, chosen, strict=True) if how.link is not None]
    if reached:
        asking.ask(tx, reached, now)


def _seen(row: Delivery) -> bool:
    """Whether the person has looked at it, or wants no more of it."""
    times = (row.opened_at, row.clicked_at, row.complained_at, row.unsubscribed_at)
    return any(at is not None for at in (*times, row.converted_at))


def _next(row: Delivery, item: Followup, public: str, why: str) -> Request:
    """The same to the same person, for what is left of the channels."""
    data = row.data
    chain = {name: value for name, value in data.get("chain", {}).items() if name != "passed"}
    return Request(
        key=item.key,
        channel=row.channel,
        node=row.node,
        origin=row.origin,
        origin_key=row.origin_key,
        flags=Flag(row.flags),
        priority=row.priority,
        step=row.step,
        variant=row.variant,
        data={**data, "chain": {**chain, "after": public, "why": why}},
        chain=item.chain,
    )
