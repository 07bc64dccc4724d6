"""Taking the log from its checkpoint, slice after slice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any, Protocol

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cdp.config import Settings
from cdp.events import Message
from cdp.identity import Rules
from cdp.log.open import Reader
from cdp.pipeline import rebuild, retention, sweep
from cdp.pipeline.ahead import Ahead, Ready, read_ready
from cdp.pipeline.audiences import compute
from cdp.pipeline.audiences.choosing import Chooser
from cdp.pipeline.batch import Done, run_batch
from cdp.pipeline.checkpoints import Checkpoints
from cdp.pipeline.clock import LogicalClock
from cdp.pipeline.due import fire
from cdp.pipeline.excerpt import Reads
from cdp.pipeline.fit import BATCH, Fit
from cdp.pipeline.garbage import Garbage
from cdp.pipeline.journeys import orders
from cdp.pipeline.journeys.counting import Counts
from cdp.pipeline.memory import Memory
from cdp.pipeline.prepare import Prepared
from cdp.pipeline.preparer import Preparer
from cdp.pipeline.suppress import wanted_places
from cdp.pipeline.turns import Turns
from cdp.pipeline.upkeep import Upkeep
from cdp.store import Store, StoreBusy, meta
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences import timers
from cdp.store.bulk import chunks
from cdp.store.events import progress, unlisted
from cdp.store.journeys import launched as journeys

logger = structlog.get_logger(__name__)

#: Naps while there is nothing to do: short after work, longer when it stays quiet, and after
#: some ten seconds so long that an idle server costs next to nothing.
IDLE_S, SOON_S, MOST_IDLE_S = 0.003, 0.02, 0.1
#: How often to ask for a sweep, and how often it has its turn beside a full log.
_SWEEP_S, _SHARE_S = 0.5, 0.2
#: If fewer timers are due, and all wait for something that is being counted, none is fired.
_WAITING = 20


class Enricher(Protocol):
    """What the pipeline needs of the plugins; `cdp.server.plugins` has it."""

    @property
    def wanted(self) -> bool:
        """Whether any plugin enriches."""

    def enrich(self, messages: list[Message]) -> dict[int, dict[str, Any]]:
        """What plugins add, by the message's index; never raises."""

    def tells_changes(self) -> bool:
        """Whether any plugin follows changes of profiles."""


class Pipeline:
    """The one owner of a store's log.

    ``step`` handles one micro-batch and says what became of it, ``run`` goes on
    until ``stop`` is set. A second owner deposes the first (`progress.Deposed`).
    """

    def __init__(
        self,
        store: Store,
        reader: Reader,
        settings: Settings,
        enricher: Enricher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._reader, self._settings = store, reader, settings
        self._enricher, self._clock = enricher, clock
        self._memory: Memory | None = None
        self._turns = Turns(store, reader)
        self._messages = Fit(settings.batch_messages)
        self._timers = Fit(max(settings.batch_messages, BATCH))
        self._sweeping, self._asked = False, 0.0
        self._logical = LogicalClock()
        self._chooser = Chooser(store)
        self._counts = Counts(store)
        self._upkeep = Upkeep(store, reader, settings, clock)
        self._ahead = Ahead(self._look_ahead)
        #: To let go of some thousand messages takes time, too: it is done beside the next commit.
        self._past: Prepared | None = None
        self._preparer = Preparer(settings)
        self._rules: Rules | None = None
        self._reads: Reads = {}
        self._checkpoints = Checkpoints(store)

    def run(self, stop: Event, garbage: Garbage | None = None) -> None:
        """Handle micro-batches until ``stop``; the current one is always finished.

        ``garbage`` is told of work and rest, if the process has one.
        """
        try:
            self._run(stop, garbage)
        finally:
            self._preparer.close()

    def _run(self, stop: Event, garbage: Garbage | None) -> None:
        pause, idle = 0.1, IDLE_S
        while not stop.is_set():
            try:
                done = self.step()
                self._tidy()
                fired = self.fire()
                swept = self._sweep(done is None) or fired
                pause = 0.1
            except (DBAPIError, StoreBusy, OSError) as error:
                # The store is away or full: the log keeps everything meanwhile.
                logger.error("pipeline_waits", error=str(error).splitlines()[0], seconds=pause)
                self._memory = None
                stop.wait(pause)
                pause = min(pause * 2, 5.0)
                continue
            if done is not None or swept:
                idle = IDLE_S
                if garbage is not None:
                    garbage.worked()
                continue
            if garbage is not None:
                garbage.rests()
            self._preparer.rest()
            if idle > SOON_S:
                self._checkpoints.rests()
            stop.wait(idle)
            idle = min(idle * (1.2 if idle < SOON_S else 1.005), MOST_IDLE_S)
        try:
            self._write_found(at_once=True)
        except (DBAPIError, StoreBusy) as error:
            # Nothing that is counted; what is in the log comes again.
            logger.warning("catalogue_not_written", error=str(error).splitlines()[0])
        self._checkpoints.settle()

    def drain(self) -> int:
        """Handle all that is in the log and return how many messages were new."""
        total = 0
        try:
            while (done := self.step()) is not None:
                total += done.taken
        finally:
            self._preparer.close()
        self._write_found(at_once=True)
        return total

    def settle(self) -> None:
        """Handle all that is in the log, and all that is due or to be computed by now."""
        self.drain()
        while self.fire() or self.compute() or self.carry_out():
            pass

    def step(self) -> Done | None:
        """Handle the next micro-batch; None when there is nothing to do."""
        for part in self._turns.order():
            asked_at = int(self._clock() * 1000)
            began = time.monotonic()
            after = self._turns.position(part, asked_at)
            ready = self._ahead.take(part, after) or self._get_ready(part, after)
            if ready is not None:
                if self._rules is not None:
                    size, after = self._messages.size, ready.batch.last_pos
                    rules, reads = self._rules, self._reads
                    self._preparer.ask(part, after, size, rules, reads, ready.weight)
                done = self.handle(ready.batch, ahead=ready.full or self._preparer.asked)
                self._messages.took(ready.weight, time.monotonic() - began)
                return done
            self._logical.empty(part, asked_at)
        self._past = None
        return None

    def _get_ready(self, part: str, after: int) -> Ready | None:
        size, truncate_ip = self._messages.size, self._settings.truncate_ip
        return read_ready(self._reader, part, after, size, truncate_ip, self._rules, self._reads)

    def _look_ahead(self, part: str, after: int) -> Ready | None:
        self._past = None
        found = self._preparer.answer(part, after)
        return found or self._get_ready(part, after)

    def handle(self, batch: Prepared, ahead: bool = False) -> Done:
        """Handle one prepared micro-batch in one transaction, looking ``ahead`` to the next."""
        additions = batch.settled
        if self._enricher is not None and self._enricher.wanted:
            additions = additions | self._enrich(batch)
        now = int(self._clock() * 1000)
        received = max((message.received_at for message in batch.messages), default=0)
        self._logical.taken(batch.part, min(received, now))
        epoch = self._turns.epochs[batch.part]
        # Of a commit that failed the store knows how it ended.
        self._turns.positions.pop(batch.part, None)
        # A power cut may take the last of these back: the log has all of it until `sync`.
        try:
            with self._write(synced=False) as (tx, memory):
                done = run_batch(tx, batch, additions, memory, epoch, now, self._logical.at)
                if ahead:
                    self._ahead.begin(batch.part, batch.last_pos)
        finally:
            self._ahead.settle()
        self._turns.positions[batch.part] = batch.last_pos
        self._checkpoints.wrote(done.taken)
        self._past = batch
        if done.suppressed:
            self._upkeep.heard_nobody(batch.part)
        return done

    def _enrich(self, batch: Prepared) -> dict[int, dict[str, Any]]:
        """What plugins add; they don't see who is known to be suppressed."""
        assert self._enricher is not None
        listed = self._memory.suppression if self._memory is not None else None
        places = wanted_places(batch, listed) if listed else range(len(batch.messages))
        asked = [place for place in places if place not in batch.settled]
        found: dict[int, dict[str, Any]] = {}
        for some in chunks(asked, BATCH):
            added = self._enricher.enrich([batch.messages[place] for place in some])
            found.update((some[index], addition) for index, addition in added.items())
        return found

    @contextmanager
    def _write(self, synced: bool = True) -> Iterator[tuple[Connection, Memory]]:
        """A transaction of ours, with what we remember: which is stale unless it commits."""
        memory, self._memory = self._memory, None
        with self._store.write(synced) as tx:
            memory = self._fresh_memory(tx, memory)
            yield tx, memory
        self._memory = memory

    def _fresh_memory(self, tx: Connection, memory: Memory | None) -> Memory:
        """What we remember, or what the store says where somebody else has written since.

        Taking the turn is also the lock under which the graph is written.
        """
        turn = progress.take_turn(tx)
        # Of Postgres each statement sees what was committed before it: read on until nothing was.
        while memory is None or memory.turn != turn or memory.version != meta.version(tx):
            tells = self._enricher.tells_changes() if self._enricher is not None else False
            size, now = self._settings.partition_messages, int(self._clock() * 1000)
            memory = Memory(tx, turn, size, tells, memory, now)
        memory.turn = turn + 1
        self._rules, self._reads = memory.rules, memory.reads
        return memory

    def fire(self) -> bool:
        """Handle timers that are due by the logical clock; whether there were any."""
        clock = self._logical.tick(self._turns.parts, int(self._clock() * 1000))
        with self._store.read() as tx:
            if not (soon := timers.due_timers(tx, clock, _WAITING)):
                return False
        if len(soon) < _WAITING and self._counts.wait_for(soon):
            return True
        began = time.monotonic()
        with self._write() as (tx, memory):
            due = timers.due_timers(tx, clock, self._timers.size)
            fire(tx, memory, due, clock, self._counts)
        self._timers.took(len(due), time.monotonic() - began)
        return True

    def compute(self) -> bool:
        """Do a piece of what is computed for new definitions; whether there is more to do."""
        if self._chooser.waits(self._memory.stage if self._memory is not None else None):
            return True
        with self._store.read() as tx:
            known = self._memory is not None and self._memory.version == meta.version(tx)
            if known and not audiences.work_waits(tx):
                return False
        clock = self._logical.tick(self._turns.parts, int(self._clock() * 1000))
        with self._write() as (tx, memory):
            self._chooser.hand(memory.stage)
            worked = compute.step(tx, memory.stage, clock, int(self._clock() * 1000))
        memory.stage.forget(worked.people)
        if worked.choose:
            self._chooser.begin(memory.stage, worked.choose, clock)
        return worked.more

    def carry_out(self) -> bool:
        """Do a piece of what people want done with runs of journeys; whether there was any."""
        with self._store.read() as tx:
            if journeys.next_order(tx) is None:
                return False
        clock = self._logical.tick(self._turns.parts, int(self._clock() * 1000))
        with self._write() as (tx, memory):
            return orders.step(tx, memory.travels, clock)

    def _write_found(self, at_once: bool = False) -> None:
        """Write what the catalogue found inside of messages, when it is due."""
        now = int(self._clock() * 1000)
        memory = self._memory
        if memory is None or not memory.catalogue.waits(now, at_once):
            return
        self._memory = None  # stale unless we commit
        more = True
        while more:
            # What a power cut takes is as much as what waits in memory.
            with self._store.write(synced=False) as tx:
                more = memory.catalogue.write(tx, now) and at_once
        self._memory = memory

    def _tidy(self) -> None:
        self._write_found()
        turns = self._turns
        for part in self._upkeep.tidy(turns.positions, turns.epochs, turns.parts):
            turns.forget(part)

    def _sweep(self, idle: bool) -> bool:
        """Go on with what goes on in pieces, if there is any: when idle, else now and then."""
        now = time.monotonic()
        if now - self._asked < (_SWEEP_S if not self._sweeping else 0.0 if idle else _SHARE_S):
            return False
        at = int(self._clock() * 1000)
        self._sweeping = (
            sweep.step(self._store, at) is not None
            or rebuild.step(self._store, at) is not None
            or unlisted.step(self._store, at)
            or retention.step(self._store, self._settings, at)
            or self.compute()
            or self.carry_out()
        )
        self._asked = time.monotonic()
        return self._sweeping

    def backlog(self) -> dict[str, int]:
        """Records that wait, by part of the log."""
        with self._store.read() as tx:
            known = progress.positions(tx)
        return {part: self._reader.end(part) - known.get(part, 0) for part in self._reader.parts()}
