"""The doctor's looks at what goes out: destinations, what follows the events, journeys."""

from __future__ import annotations

from collections.abc import Iterator

from cdp.events import format_time
from cdp.server.check import FAIL, MANY_WAITING, OK, WARN, Check
from cdp.store import Store, config_rows, meta
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.health import destination_health
from cdp.store.journeys import standstill


def destinations(store: Store) -> Iterator[Check]:
    """Each that is not well, and how many are."""
    with store.read() as tx:
        rows = [
            (item, destination_health(tx, item.id)) for item in config_rows.all_destinations(tx)
        ]
    well = 0
    for item, health in rows:
        name = f"destination {item.key}"
        if item.enabled and health.state == "stopped":
            todo = f"Mend it, then: cdp destinations enable {item.key}"
            yield Check(name, FAIL, f"it is stopped: {health.error or 'no reason was given'}", todo)
        elif item.enabled and health.state == "stalled":
            todo = "It is tried again by itself; see the calls: cdp destinations calls " + item.key
            yield Check(name, WARN, f"it is stalled: {health.error or 'no reason given'}", todo)
        elif health.dead:
            todo = f"See why, then: cdp destinations dead {item.key} --replay all"
            yield Check(name, WARN, f"{health.dead:,} events were refused for good", todo)
        else:
            well += 1
    if well or not rows:
        yield Check("destinations", OK, f"{well} of {len(rows)} are well")


def streams(store: Store) -> Iterator[Check]:
    """What is far behind of all that follows the events."""
    with store.read() as tx:
        end = meta.next_number(tx, "seq")
        rows = delivery.all_streams(tx)
        off = {d.id for d in config_rows.all_destinations(tx) if not d.enabled}
    behind = [
        (row.name, end - row.seq)
        for row in rows
        if row.state != "done" and row.destination_id not in off and end - row.seq > MANY_WAITING
    ]
    for name, count in behind:
        todo = "See how fast it answers: cdp destinations list"
        yield Check("stream", WARN, f"{name} is {count:,} events behind", todo)
    if not behind:
        yield Check("streams", OK, "none is far behind")


def journeys(store: Store) -> Iterator[Check]:
    """What stands still of them by itself, and why."""
    with store.read() as tx:
        found = standstill.all_standing(tx)
    for one in found:
        since = f" since {format_time(one.since)}" if one.since is not None else ""
        text = f"it {one.title}{since}: {one.reason or 'no reason was given'}"
        yield Check(f"journey {one.key}", WARN, text, one.todo)
    if not found:
        yield Check("journeys", OK, "none stands still by itself")
