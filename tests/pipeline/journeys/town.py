"""A store with journeys, whose clock is set by hand and whose log is the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import ruamel.yaml

from cdp.config import Settings
from cdp.events import format_time
from cdp.log import Record, open_log, open_reader
from cdp.pipeline.run import Pipeline
from cdp.server.bootstrap import bootstrap
from cdp.store import Store, definitions
from cdp.store.audiences import timers
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys.runs import Placed
from cdp.store.messages import deliveries, emissions

DAY, HOUR, MINUTE = 86_400_000, 3_600_000, 60_000
#: A Monday, 12:00 UTC.
BEGIN = 1_790_596_800_000
_yaml = ruamel.yaml.YAML(typ="safe")


class Town:
    """People, and journeys on which they go."""

    def __init__(self, folder: Path, database_url: str | None = None) -> None:
        self.settings = Settings(data=folder, database_url=database_url, api_token="t")
        self.store = Store.open(self.settings)
        bootstrap(self.store, self.settings)
        self.log = open_log(self.settings)
        self.now = BEGIN
        self._sent = 0
        self.restart()

    def restart(self) -> None:
        """Another pipeline takes over, as after a crash."""
        reader = open_reader(self.settings)
        self.pipeline = Pipeline(self.store, reader, self.settings, clock=lambda: self.now / 1000)

    def define(self, kind: str, key: str, text: str) -> int:
        """Define something; its version."""
        with self.store.write() as tx:
            made = definitions.put(tx, self.now, kind, key, _yaml.load(text), "test")
        return made.version

    def journey(self, key: str, text: str, templates: str = "") -> int:
        """Define a journey and launch it; ``templates`` are keys of emails that there are."""
        for name in templates.split():
            self.define("template", name, f"{{channel: email, subject: {name}, body: Hi}}")
        version = self.define("journey", key, text)
        with self.store.write() as tx:
            journeys.launch(tx, key, version, "test", self.now)
        self.settle()
        return version

    def state(self, key: str, state: str) -> None:
        """Pause a journey, and the like."""
        with self.store.write() as tx:
            journeys.change(tx, key, "test", self.now, state=state)

    def order(self, key: str, kind: str, **args: Any) -> None:
        """Want something done with runs, and have it done."""
        with self.store.write() as tx:
            row = journeys.row(tx, key)
            assert row is not None
            journeys.order(tx, row.id, kind, args, "test", self.now)
        self.settle()

    # What people do.

    def message(self, **body: Any) -> dict[str, Any]:
        """A message of now."""
        self._sent += 1
        return {"messageId": f"m{self._sent}", "timestamp": format_time(self.now), **body}

    def track(self, user: str, event: str, **properties: Any) -> None:
        """Somebody does something."""
        self.send(self.message(type="track", userId=user, event=event, properties=properties))

    def identify(self, user: str, **traits: Any) -> None:
        """Something is said of somebody."""
        self.send(self.message(type="identify", userId=user, traits=traits))

    def send(self, *messages: dict[str, Any]) -> None:
        """Messages arrive, now."""
        body = msgspec.json.encode({"batch": list(messages)})
        self.log.append(Record(self.now, 1, "batch", body))
        self.pipeline.drain()

    def settle(self) -> None:
        """Let all be done that is due."""
        self.pipeline.settle()

    def wait(self, days: float = 0, hours: float = 0, minutes: float = 0) -> None:
        """Let time pass, from one thing that is due to the next."""
        end = self.now + int(days * DAY + hours * HOUR + minutes * MINUTE)
        while True:
            with self.store.read() as tx:
                due = timers.due_timers(tx, end, 1)
            if not due:
                break
            self.now = max(self.now, due[0].due)
            self.settle()
        self.now = end
        self.settle()

    def sleep(self, days: float) -> None:
        """Let time pass while nothing runs."""
        self.now += int(days * DAY)
        self.settle()

    # What became of it.

    @property
    def _keys(self) -> dict[int, str]:
        with self.store.read() as tx:
            return {row.id: row.key for row in journeys.all_rows(tx)}

    def runs(self, key: str) -> list[Placed]:
        """All runs of a journey, the oldest first."""
        with self.store.read() as tx:
            row = journeys.row(tx, key)
            assert row is not None
            return journey_runs.listed(tx, row.id, self._keys, limit=1000)[::-1]

    def steps(self, key: str) -> list[str | None]:
        """Where the runs of a journey are: a step, or why they ended."""
        return [item.run.step or item.run.reason for item in self.runs(key)]

    def way(self, key: str, number: int = 0) -> list[tuple[str | None, str, str | None]]:
        """The way of one run: (step, what, exit)."""
        run = self.runs(key)[number].run.id
        with self.store.read() as tx:
            return [(m.step, m.what, m.exit) for m in journey_story.moves_of(tx, [run])]

    def sent(self) -> list[str]:
        """The templates of all deliveries, in order."""
        with self.store.read() as tx:
            rows = tx.execute(deliveries.deliveries.select().order_by(deliveries.deliveries.c.id))
            return [row.template for row in rows]

    def said(self) -> list[dict[str, Any]]:
        """The events that wait to go into the log."""
        with self.store.read() as tx:
            return [msgspec.json.decode(item.body) for item in emissions.oldest(tx, 1000)]

    def close(self) -> None:
        """Close files."""
        self.log.close()
        self.store.close()
