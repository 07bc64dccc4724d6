"""Opens and clicks on their way into the store: they wait in a queue, and go in together.

A redirect must not wait for a busy writer: it waits a moment for its click to be kept, and
then leads on; the click is kept when the writer's turn comes. Until then it stands in a file,
so that a kill in that moment loses nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from queue import Empty, Full, Queue
from typing import NamedTuple

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from cdp.delivery.messages.reports import OURSELVES, take_reports
from cdp.delivery.messages.visit_journal import Journal, opened
from cdp.messaging.machines import BURST_MS, Guess, in_a_burst, too_fast
from cdp.messaging.names import delivery_name
from cdp.plugin import Report
from cdp.store import Store, StoreBusy
from cdp.store.messages import deliveries, link_keys
from cdp.store.messages import reports as rows
from cdp.store.messages.deliveries import Delivery
from cdp.store.messages.reports import Kept

logger = structlog.get_logger(__name__)

#: How many may wait; visits in one transaction; how long a visitor waits for it.
BOUND, MANY, WAIT_S = 20_000, 50, 0.25
_PAUSE_S = 1.0


class Seen(NamedTuple):
    """An open or a click: of which delivery, when (ms since 1970), by whom; ``url`` of a click."""

    delivery: int
    at: int
    guess: Guess
    url: str = ""


class Seeing:
    """Takes visits in, by a thread of its own; `close` keeps what waits.

    With a ``folder`` they are written down there before they are answered, and those of
    processes that died are taken over.
    """

    def __init__(
        self, store: Store, clock: Callable[[], float] = time.time, folder: Path | None = None
    ) -> None:
        self._store, self._clock = store, clock
        self._folder = folder
        self._journal: Journal[Seen] | None = None
        self._queue: Queue[tuple[Seen, threading.Event] | None] = Queue(BOUND)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def take(self, seen: Seen, wait_s: float = WAIT_S) -> bool:
        """Keep a visit; whether it is kept when this returns, at most ``wait_s`` later."""
        with self._lock:
            if self._closed:
                return False
            self._begin()
        done = threading.Event()
        if self._journal is not None:
            self._journal.note(seen)
        try:
            self._queue.put_nowait((seen, done))
        except Full:
            if self._journal is not None:
                self._journal.kept(1)
            logger.warning("visit_dropped", reason=f"{BOUND} wait for the store already")
            return False
        return done.wait(wait_s)

    def _begin(self) -> None:
        if self._thread is None:
            if self._folder is not None:
                self._journal = opened(self._folder, Seen)
            self._thread = threading.Thread(target=self._run, name="seeing", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Keep what waits, and end."""
        with self._lock:
            was, self._closed = self._closed, True
        if not was and self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=10)
            if self._journal is not None:
                self._journal.close()

    def _run(self) -> None:
        for left in self._journal.left() if self._journal is not None else ():
            for start in range(0, len(left), MANY):
                if not self._store_all(left[start : start + MANY]):
                    return
        while (first := self._queue.get()) is not None:
            group, ending = [first], False
            while len(group) < MANY:
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
                if item is None:
                    ending = True
                    break
                group.append(item)
            self._keep(group)
            if ending:
                return

    def _keep(self, group: Sequence[tuple[Seen, threading.Event]]) -> None:
        if not self._store_all([seen for seen, _ in group]):
            return
        if self._journal is not None:
            self._journal.kept(len(group))
        for _, done in group:
            done.set()

    def _store_all(self, visits: Sequence[Seen]) -> bool:
        """Whether they are settled: kept, or nothing that can be."""
        while True:
            try:
                with self._store.write() as tx:
                    take_seen(tx, visits, int(self._clock() * 1000))
            except (StoreBusy, OperationalError) as error:
                if self._closed:
                    logger.error("visits_not_kept", visits=len(visits), error=str(error))
                    return False
                logger.warning("visits_wait", visits=len(visits), error=str(error))
                time.sleep(_PAUSE_S)
                continue
            except Exception:
                logger.exception("visits_lost", visits=len(visits))
            return True


def take_seen(tx: Connection, visits: Sequence[Seen], now: int) -> int:
    """Keep visits, and all that follows from them; how many told something new.

    Each counts once: an open for each delivery, a click for each of its links, those of
    people and those of machines apart.
    """
    known = deliveries.by_ids(tx, sorted({seen.delivery for seen in visits}))
    keys = link_keys.load(tx)
    found: list[tuple[Delivery, Report]] = []
    for seen in visits:
        row = known.get(seen.delivery)
        if row is None:  # forgotten with its person
            continue
        machine = seen.guess.machine or (_hurry(tx, row, seen, found) if seen.url else "")
        found.append((row, _report(delivery_name(keys, row.id), seen, machine)))
    # Most are of those who look once more.
    before = rows.told_before(tx, OURSELVES.id, [report.id for _, report in found])
    return sum(
        take_reports(tx, OURSELVES, row.channel, [report], now)
        for row, report in found
        if report.id not in before
    )


def _report(name: str, seen: Seen, machine: str) -> Report:
    # Told apart by a short name; addresses of links may be long.
    link = f":{blake2b(seen.url.encode(), digest_size=12).hexdigest()}" if seen.url else ""
    detail = {"href": seen.url, "machine_why": machine, "proxy": seen.guess.proxy}
    return Report(
        kind="clicked" if seen.url else "opened",
        id=f"{'m' if machine else 'p'}:{name}{link}",
        at=seen.at,
        delivery=name,
        machine=bool(machine),
        detail={key: value for key, value in detail.items() if value},
    )


def _hurry(
    tx: Connection, row: Delivery, seen: Seen, beside: Sequence[tuple[Delivery, Report]]
) -> str:
    """Why a click is too quick to be a person's; empty if it isn't. ``beside`` come with it."""
    if too_fast(row.channel, row.sent_at, seen.at):
        return "faster than people read"
    told: list[Kept | Report] = [*rows.of_delivery(tx, row.id)]
    told += [report for other, report in beside if other.id == row.id]
    others = {
        report.detail.get("href")
        for report in told
        if report.kind == "clicked" and seen.at - report.at < BURST_MS
    } - {seen.url}
    return "follows link upon link" if in_a_burst(row.channel, len(others)) else ""
