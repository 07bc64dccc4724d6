"""What journeys cost: transitions end to end, journeys that don't match, a million who wait."""

from __future__ import annotations

import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select

from cdp.config import Settings
from cdp.log.record import Record, Taken
from cdp.pipeline.garbage import Garbage
from cdp.store import Store, definitions, meta
from cdp.store.audiences.timers import JOURNEY
from cdp.store.journeys import launched as journeys
from cdp.store.journeys.runs import _State
from cdp.store.migrate import migrate
from cdp.store.tables import journey_moves, journey_runs, timers
from tests.bench.client import send_all
from tests.bench.figures import Figure, batches
from tests.bench.identity import Timed
from tests.bench.servers import Serve

DAY_MS = 86_400_000
#: Ten steps until it waits, of each kind that decides by itself.
STEPS: list[dict[str, Any]] = [
    {"set": {"plan": "{{ event.plan }}"}},
    {"branch": [{"when": 'event.properties.plan = "pro"', "then": [{"set": {"tier": 1}}]},
                {"else": [{"set": {"tier": 2}}]}]},
    {"holdout": 0},
    {"split": [{"share": 50, "then": [{"set": {"side": "a"}}]},
               {"share": 50, "then": [{"set": {"side": "b"}}]}]},
    {"set": {"done": True}},
    {"wait": "1d"},
    {"set": {"again": True}},
    {"wait": "1d"},
]  # fmt: skip


def measure(folder: Path, quick: bool) -> list[Figure]:
    """All figures of journeys."""
    return [*_end_to_end(folder, quick), *_in_process(folder, quick)]


def _end_to_end(folder: Path, quick: bool) -> list[Figure]:
    """Accepted → entered → through ten steps, by real requests."""
    people = 5_000 if quick else 100_000
    with tempfile.TemporaryDirectory(dir=folder) as own:
        serve = Serve(Path(own) / "data")
        store = Store.open(Settings(data=Path(own) / "data"))
        try:
            _launch(store, "signed_up", "Signed Up", STEPS)
            time.sleep(1.5)
            bodies = [_body(number, "Signed Up") for number in range(people)]
            began = time.perf_counter()
            result = send_all(serve.url, batches(bodies), 4)
            if result.failed:
                raise RuntimeError(f"{result.failed} batches failed")
            deadline = time.monotonic() + 300
            while _count(store, journey_runs) < people:
                if time.monotonic() > deadline:
                    raise RuntimeError("not all entered within five minutes")
                time.sleep(0.02)
            seconds = time.perf_counter() - began
            moved = _count(store, journey_moves)
        finally:
            store.close()
            serve.stop()
    rate = moved / seconds
    return [Figure("transitions", "transitions/s", rate, None, ">= 10000", rate >= 10_000)]


def _in_process(folder: Path, quick: bool) -> list[Figure]:
    """CPU time an event, with few and with many journeys, and with many people who wait."""
    people, waiting, due = (2_000, 50_000, 5_000) if quick else (20_000, 1_000_000, 100_000)
    few, many = _beside_others(folder, people, "= {}")
    alike, ranges = _beside_others(folder, people, "< {}")

    bench = Bench(folder / "waiting")
    _launch(bench.store, "j", "Signed Up", [{"wait": "9d"}])
    bench.say(people, "Warm")
    alone, memory = bench.say(people, "Other"), _memory()
    bench.crowd(waiting)
    bench.say(1_000, "Other")
    beside, more = bench.say(people, "Other"), _memory()
    bench.close()

    bench = Bench(folder / "due")
    _launch(bench.store, "j", "Signed Up", STEPS)
    bench.say(due, "Signed Up")
    bench.now += DAY_MS
    began = time.perf_counter()
    bench.pipeline.settle()
    seconds = (time.perf_counter() - began) * (100_000 / due)
    bench.close()
    return [
        Figure("journeys_200", "µs CPU/event", many, few, "ratio <= 1.5", many <= 1.5 * few),
        Figure("journeys_200_ranges", "µs CPU/event", ranges, alike, "ratio <= 1.5",
               ranges <= 1.5 * alike),
        Figure("waiting_runs", "µs CPU/event", beside, alone, "ratio <= 1.25",
               beside <= 1.25 * alone),
        Figure("waiting_runs_mb", "MB", more, memory, "ratio <= 1.25", more <= 1.25 * memory),
        Figure("timers_due_100k_s", "s", seconds, None, "<= 15", seconds <= 15),
    ]  # fmt: skip


def _beside_others(folder: Path, people: int, asked: str) -> tuple[float, float]:
    """CPU time an event with 3 journeys that match, alone and beside 197 that don't.

    Of two stores of the same size and past, in turns: the medians of the rounds.
    """
    benches = {}
    for name, others in (("few", 0), ("many", 197)):
        bench = benches[name] = Bench(folder / f"{name}{asked[0]}")
        for number in range(3):
            _launch(bench.store, f"j{number}", "Seen", [{"wait": "1d"}], entry="every_time")
        for number in range(others):
            where = f"properties.n {asked.format(-1 - number)}"
            _launch(bench.store, f"k{number}", "Seen", [{"wait": "1d"}], where=where)
        bench.say(people, "Warm")
    spent: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(3):
        for name, bench in benches.items():
            spent[name].append(bench.say(people, "Seen"))
            bench.now += 2 * DAY_MS
            bench.pipeline.settle()
    for bench in benches.values():
        bench.close()
    return statistics.median(spent["few"]), statistics.median(spent["many"])


class Bench:
    """A pipeline whose log is made as it is read and whose clock is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = int(time.time() * 1000)
        settings = Settings(data=folder)
        self.store = Store.open(settings)
        migrate(self.store)
        self._log: list[Record] = []
        self._number = 0
        Garbage.begin()  # as in the server, but for looking when it is quiet
        self.pipeline = Timed(self.store, self, settings, clock=lambda: self.now / 1000)

    def parts(self) -> list[str]:
        return ["web-0"]

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        found = self._log[after : after + max(1, limit // 100)]
        return [Taken(part, after + at + 1, record) for at, record in enumerate(found)]

    def end(self, part: str) -> int:
        return len(self._log)

    def ended(self, part: str, taken: int) -> bool:
        return False

    def drop_taken(self, part: str, taken: int) -> None:
        pass

    def say(self, people: int, event: str) -> float:
        """Let each of so many people do something; µs of CPU time an event."""
        self.pipeline.spent = 0.0
        self.now += 1000  # of one instant, names would decide what came first
        for start in range(0, people, 100):
            bodies = []
            for person in range(start, min(start + 100, people)):
                self._number += 1
                bodies.append(_body(person, event, self._number))
            body = b'{"batch":[' + b",".join(bodies) + b"]}"
            self._log.append(Record(self.now, 1, "batch", body))
        self.pipeline.drain()
        return self.pipeline.spent / people * 1e6

    def crowd(self, count: int) -> None:
        """Let so many others wait, as rows: by the pipeline they would take minutes."""
        import msgspec

        due, state = self.now + 9 * DAY_MS, msgspec.json.encode(_State(until=self.now))
        with self.store.write() as tx:
            row = journeys.row(tx, "j")
            assert row is not None
            first = meta.take_numbers(tx, "journey_run", count)
            for start in range(0, count, 10_000):
                some = range(start, min(start + 10_000, count))
                runs = [
                    {"id": first + n, "journey": row.id, "version": row.version,
                     "profile": 10_000_000 + n, "node": 10_000_000 + n, "key": "",
                     "started": self.now, "step": "wait-9d", "since": self.now,
                     "status": "active", "due": due, "alert": False, "held": False,
                     "state": state}
                    for n in some
                ]  # fmt: skip
                tx.execute(insert(journey_runs), runs)
                tx.execute(
                    insert(timers),
                    [{"kind": JOURNEY, "subject": r["id"], "profile": r["profile"], "due": due}
                     for r in runs],
                )  # fmt: skip

    def close(self) -> None:
        """Close files."""
        self.store.close()


def _launch(
    store: Store, key: str, event: str, steps: list[dict[str, Any]], entry: str = "once",
    where: str | None = None,
) -> None:  # fmt: skip
    now = int(time.time() * 1000)
    trigger = {"event": event, **({"where": where} if where else {})}
    body = {"trigger": trigger, "entry": entry, "steps": steps}
    with store.write() as tx:
        made = definitions.put(tx, now, "journey", key, body, "bench")
        journeys.launch(tx, key, made.version, "bench", now)


def _body(person: int, event: str, number: int = 0) -> bytes:
    return json.dumps(
        {"type": "track", "userId": f"user-{person}", "event": event,
         "messageId": f"{event}-{person}-{number}",
         "properties": {"n": person, "plan": "pro" if person % 3 else "free"}}
    ).encode()  # fmt: skip


def _count(store: Store, table: Any) -> int:
    with store.read() as tx:
        return int(tx.execute(select(func.count()).select_from(table)).scalar() or 0)


def _memory() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
