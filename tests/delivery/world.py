"""A store with events and one destination, whose stream is moved by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cdp.config import Settings
from cdp.delivery.outbox import OutboxRunner
from cdp.delivery.sending import Sender
from cdp.delivery.stream import StreamRunner
from cdp.log.record import Record, Taken
from cdp.pipeline.run import Pipeline
from cdp.plugin import Batch, Destination, DestinationContext, Outcome
from cdp.store import Store, config_rows
from cdp.store.destinations import streams as delivery
from cdp.store.destinations.streams import Stream
from cdp.store.migrate import migrate
from cdp.store.tables import calls, outbox


class Recorder(Destination):
    """Keeps what it is sent; ``script`` says what it does, call by call."""

    key = "recorder"
    name = "Recorder"
    batch_size = 1
    concurrency = 4

    def __init__(self, script: Iterator[Any] | None = None, **attributes: Any) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)
        super().__init__({}, DestinationContext("Recorder", True))
        self.script = script
        self.batches: list[Batch] = []
        self.taken: list[str] = []

    def send(self, batch: Batch) -> list[Outcome] | None:
        self.batches.append(batch)
        act = next(self.script, None) if self.script is not None else None
        if isinstance(act, BaseException):
            raise act
        if act is None:
            self.taken += [event.id for event in batch.events]
        return act


class World:
    """``track`` puts events in, ``run`` moves the stream until it rests."""

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.settings = Settings(data=folder, database_url=database_url)
        self.store = Store.open(self.settings)
        migrate(self.store)
        self.now = time.time()
        self._log: list[Record] = []
        self.pipeline = Pipeline(self.store, self, self.settings, clock=self.clock)
        with self.store.write() as tx:
            config_rows.add_source(tx, 1, "default", "Default", "wk", "test")
            config_rows.add_source(tx, 1, "other", "Other", "wk2", "test")

    def clock(self) -> float:
        return self.now

    # The log, as the pipeline reads it.
    def parts(self) -> list[str]:
        return ["web-0"]

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        return [Taken(part, after + 1, self._log[after])] if after < len(self._log) else []

    def end(self, part: str) -> int:
        return len(self._log)

    def ended(self, part: str, taken: int) -> bool:
        return False

    def drop_taken(self, part: str, taken: int) -> None:
        pass

    def close(self) -> None:
        self.store.close()

    def track(self, *ids: str, source: int = 1, live: bool = True, **more: Any) -> None:
        """Messages of these ids, all through the pipeline."""
        now = int(self.now * 1000)
        batch = [
            {"type": "track", "event": "E", "userId": "u", "messageId": id_, **more} for id_ in ids
        ]
        body = json.dumps({"batch": batch}).encode()
        self._log.append(Record(now, source, "batch", body, live=live))
        self.pipeline.drain()

    def add(self, source_id: int | None = None) -> config_rows.Destination:
        """Configure the destination; its stream begins now."""
        with self.store.write() as tx:
            return config_rows.add_destination(
                tx, 1, "rec", "Recorder", "recorder", source_id, {}, "test"
            )

    def runner(
        self, destination: config_rows.Destination, recorder: Destination, name: str | None = None
    ) -> StreamRunner:
        """A fresh runner, as after a restart."""
        sender = Sender(destination.id, recorder)
        name = name or f"destination:{destination.id}"
        return StreamRunner(self.store, name, destination, sender, "test", self.clock)

    def run(self, runner: StreamRunner, most: int = 50) -> None:
        """Step until there is nothing to do just now."""
        for _ in range(most):
            if runner.step() > 0:
                return
        raise AssertionError("the stream never rests")

    def outbox_run(self, destination: config_rows.Destination, recorder: Destination) -> int:
        """Handle due items."""
        sender = Sender(destination.id, recorder)
        return OutboxRunner(self.store, destination.id, sender, 4.0, self.clock).step()

    def stream(self, name: str = "destination:1") -> Stream:
        with self.store.read() as tx:
            found = delivery.stream_by_name(tx, name)
        assert found is not None
        return found

    def rows(self, table: Any) -> list[Any]:
        with self.store.read() as tx:
            return list(tx.execute(table.select()))

    def items(self) -> list[tuple[str, str, str]]:
        """(state, key, error) of the outbox."""
        return [(row.state, row.key, row.error) for row in self.rows(outbox)]

    def call_outcomes(self) -> list[str]:
        return [row.outcome for row in self.rows(calls)]
