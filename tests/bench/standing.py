"""What standings cost besides messages: windows that expire, and values read for the first time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from cdp.config import Settings
from cdp.events import decode_json
from cdp.pipeline.audiences import compute
from cdp.store import Store, definitions, meta
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences.timers import dues_of
from cdp.store.events import kept
from cdp.store.migrate import migrate
from cdp.store.tables import timers
from tests.bench.figures import Figure
from tests.bench.identity import Source, Timed

DAY_S = 86_400
#: Each of them is left by time alone, by whoever did something once.
EVENTS = ("Product Viewed", "Product Added", "Order Completed", "Cart Viewed", "Page Viewed")


def standing(folder: Path, quick: bool) -> list[Figure]:
    """Timers beside the messages that set them, then a backfill of the same messages."""
    people, count, windows = (4_000, 20_000, 2) if quick else (100_000, 600_000, 4)
    settings = Settings(data=folder)
    store = Store.open(settings)
    migrate(store)
    source, ahead = Source(people), [0.0]
    pipeline = Timed(store, source, settings, clock=lambda: time.time() + ahead[0])
    _define(store, windows)
    pipeline.settle()
    source.left = count
    pipeline.drain()
    event = pipeline.spent / count * 1e6
    set_ = _timers(store)
    ahead[0] = 400 * DAY_S
    began = time.process_time()
    while pipeline.step() or pipeline.fire():
        pass
    timer = (time.process_time() - began) / set_ * 1e6
    with store.read() as tx:
        left = sum(row.size for row in audiences.rows(tx, audiences.LIVE))
    if _timers(store) or left:
        raise RuntimeError(f"{left} people are still in audiences that time takes them out of")
    rate = _backfill(store)
    store.close()
    return [
        Figure("timers", "µs CPU/timer", timer, event, "ratio <= 1", timer <= event),
        Figure("backfill", "events/s/core", rate, None, ">= 100000", rate >= 100_000),
    ]


def _define(store: Store, windows: int) -> None:
    with store.write() as tx:
        for event in EVENTS:
            for number in range(windows):
                key = f"{event.replace(' ', '_').lower()}_{number}"
                body: dict[str, Any] = {"who": f'performed("{event}" within {7 + 30 * number}d)'}
                definitions.put(tx, 1, "audience", key, body, "bench")
        meta.bump(tx)


def _timers(store: Store) -> int:
    """How many windows there are of which time alone will be the end."""
    with store.read() as tx:
        people = list(tx.execute(select(timers.c.profile)).scalars())
        return sum(len(mine) for _, mine in dues_of(tx, people))


def _backfill(store: Store) -> float:
    """Events gone through a second of CPU, for three values that were never read before."""
    wanted = [("Order Completed", ("properties", key)) for key in ("total", "currency", "products")]
    with store.write() as tx:
        kept.keep(tx, wanted, 1)
        events = meta.next_number(tx, "seq")
    began, left = time.process_time(), 1
    while left:
        with store.write() as tx:
            left = kept.backfill_step(tx, compute.POSITIONS, decode_json)
    return events / (time.process_time() - began)
