"""What identity costs: a load full of merges, and the same work on a store that has grown."""

from __future__ import annotations

import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

from cdp.config import Settings
from cdp.log.record import Record, Taken
from cdp.pipeline.run import Pipeline
from cdp.store import Store
from cdp.store.migrate import migrate
from tests.bench.client import send_all
from tests.bench.figures import Figure, batches, wait_for
from tests.bench.messages import Generator
from tests.bench.servers import Serve

#: Messages in one record of the log, as a busy SDK sends them.
_RECORD = 100


def identity_heavy(folder: Path, quick: bool) -> list[Figure]:
    """End to end with three merges in ten messages, beside the plain load in the same run."""
    count, rounds = (12_000, 1) if quick else (60_000, 3)
    plain = batches(Generator(seed=21).bodies(count))
    heavy = batches(merging(count, seed=22))
    rates: dict[str, list[float]] = {"plain": [], "heavy": []}
    for number in range(rounds):
        for kind, requests in (("plain", plain), ("heavy", heavy)):
            serve = Serve(folder / f"{kind}-{number}")
            try:
                began = time.perf_counter()
                result = send_all(serve.url, requests, 4)
                stored = wait_for(serve, count + 1)
                rates[kind].append(count / (time.perf_counter() - began))
                if result.failed or stored != count + 1:
                    raise RuntimeError(f"{count + 1} messages went in, {stored} are stored")
            finally:
                serve.stop()
    ours, limit = statistics.median(rates["heavy"]), statistics.median(rates["plain"])
    goal = ours / limit >= 0.6
    return [Figure("identity_heavy", "events/s", ours, limit, "ratio >= 0.6", goal)]


def merging(count: int, seed: int) -> list[bytes]:
    """Messages of which three in ten make two profiles one.

    A person is seen in a new browser first, as nobody, and logs in there later; each has
    four browsers, so that no limit is met. The rest are as in the plain load.
    """
    draw, plain = random.Random(seed), Generator(seed=seed)
    pending: list[tuple[str, str]] = []
    made: list[bytes] = []
    browser = 0
    while len(made) < count:
        roll = draw.random()
        message: dict[str, Any] = plain.message()
        if roll < 0.3:
            browser += 1
            message |= {"type": "page", "name": "Home", "anonymousId": f"browser-{browser}"}
            message.pop("userId", None)
            message["properties"] = {"path": "/"}
            pending.append((f"browser-{browser}", f"member-{browser // 4}"))
        elif roll < 0.6 and pending:
            anonymous, user = pending.pop(draw.randrange(len(pending)))
            message |= {"type": "identify", "anonymousId": anonymous, "userId": user}
            message["traits"] = {"plan": draw.choice(("free", "pro")), "visits": browser}
        made.append(json.dumps(message, separators=(",", ":")).encode())
    return made


class Source:
    """A part of the log that is made as it is read."""

    def __init__(self, people: int) -> None:
        self._generator = Generator(seed=23, people=people)
        self._at = 0
        self._now = int(time.time() * 1000)
        self.left = 0

    def parts(self) -> list[str]:
        return ["web-0"]

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        taken = []
        while self.left > 0 and len(taken) * _RECORD < limit:
            body = b'{"batch":[' + b",".join(self._generator.bodies(_RECORD)) + b"]}"
            self._at += 1
            self.left -= _RECORD
            taken.append(Taken(part, self._at, Record(self._now, 1, "batch", body)))
        return taken

    def end(self, part: str) -> int:
        return self._at

    def drop_taken(self, part: str, taken: int) -> None:
        pass


def growth(folder: Path, quick: bool) -> list[Figure]:
    """CPU time an event in the pipeline on a small store, and on one ten times as large."""
    small, large, window = (12_000, 120_000, 12_000) if quick else (500_000, 5_000_000, 100_000)
    settings = Settings(data=folder, partition_messages=50_000 if quick else 500_000)
    store = Store.open(settings)
    migrate(store)
    source = Source(people=small)
    pipeline = Timed(store, source, settings)
    done = 0
    figures: list[float] = []
    for target in (small, large):
        while done < target - window:
            source.left = min(window, target - window - done)
            done += source.left
            pipeline.drain()
        pipeline.spent = 0.0
        source.left = window
        done += window
        pipeline.drain()
        figures.append(pipeline.spent / window * 1e6)
    store.close()
    first, last = figures
    return [
        Figure("growth_ratio", "µs CPU/event", last, first, "ratio <= 1.1", last / first <= 1.1)
    ]


class Timed(Pipeline):
    """A pipeline that sums up the CPU time of its own work, without making messages."""

    spent = 0.0

    def handle(self, batch: Any, ahead: bool = False) -> Any:
        # Not ahead: to read is to make the messages here.
        began = time.process_time()
        try:
            return super().handle(batch)
        finally:
            self.spent += time.process_time() - began
