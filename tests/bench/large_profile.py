"""One profile with a million events: how fast it answers, and how fast it is merged."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from cdp.config import Settings
from cdp.log.record import Record, Taken
from cdp.pipeline.run import Pipeline
from cdp.server.bootstrap import bootstrap
from cdp.store import Store
from cdp.store.events import history
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.bench.figures import Figure
from tests.bench.messages import Generator
from tests.bench.servers import TOKEN, WRITE_KEY, Serve

PERSON = "one-with-everything"
_DEVICES, _EMAILS, _MERGES, _NAMES = 2, 4, 15, 40
_BATCH, _AT_ONCE = 500, 20
_DAY = 86_400_000
_encode = msgspec.json.Encoder().encode


class _Memory:
    """A log that gives the pipeline one prepared record after the other."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def parts(self) -> list[str]:
        return ["bench-0"]

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        return [Taken(part, n + 1, self.records[n]) for n in range(after, len(self.records))][:1]

    def end(self, part: str) -> int:
        return len(self.records)

    def ended(self, part: str, taken: int) -> bool:
        return False

    def drop_taken(self, part: str, taken: int) -> None:
        pass


def _messages(count: int, begin: int) -> Iterator[dict[str, Any]]:
    """``count`` messages of the one person, in order, and every tenth somebody else's."""
    draw = random.Random(21)
    others = Generator(people=5_000, seed=22, start_ms=begin)
    for number in range(count):
        if number % 9 == 0:
            yield others.message()
        at = begin + number * (300 * _DAY // count)
        message: dict[str, Any] = {
            "messageId": f"large-{number}",
            "timestamp": at,
            "anonymousId": f"device-{int(_DEVICES * draw.random() ** 2)}",
            "context": {"library": {"name": "analytics.js"}, "page": {"path": f"/{number % 97}"}},
        }
        if number < _DEVICES * 20 or draw.random() < 0.8:
            message["userId"] = PERSON
        roll = draw.random()
        if roll < 0.1:
            names = draw.sample(range(150), 4)
            message |= {
                "type": "identify",
                "userId": PERSON,
                "traits": {
                    "name": "Everything",
                    "email": f"e{draw.randrange(_EMAILS)}@x.org",
                    **{f"trait {n}": number for n in names},
                },
            }
        else:
            name = f"Event {int(_NAMES * draw.random() ** 3)}"
            properties = {"number": number, "text": "x" * draw.randrange(40, 300)}
            message |= {"type": "track", "event": name, "properties": properties}
        yield message


def _fill(pipeline: Pipeline, log: _Memory, count: int, begin: int) -> int:
    total = 0
    batches: list[list[dict[str, Any]]] = [[]]
    for message in _messages(count, begin):
        if len(batches[-1]) == _BATCH:
            if len(batches) == _AT_ONCE:
                total += _take(pipeline, log, *batches)
                batches = []
            batches.append([])
        batches[-1].append(message)
    return total + _take(pipeline, log, *batches)


def _put(log: _Memory, batch: list[dict[str, Any]]) -> None:
    now = int(time.time() * 1000)
    log.records.append(Record(now, 1, "batch", _encode({"batch": batch}), live=False))


def _take(pipeline: Pipeline, log: _Memory, *batches: list[dict[str, Any]]) -> int:
    for batch in batches:
        _put(log, batch)
    taken = pipeline.drain()
    done = Record(0, 1, "batch", b"")
    log.records[-len(batches) :] = [done] * len(batches)
    return taken


def _reads(serve: Serve, path: str, rounds: int) -> float:
    pool = urllib3.PoolManager(maxsize=1)
    address = f"{serve.url}/v1/spaces/default/collections/users/profiles/user_id:{PERSON}/{path}"
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = pool.request("GET", address, headers={"Authorization": f"Bearer {TOKEN}"})
        times.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or not (answer.json().get("data") or answer.json().get("traits")):
            raise RuntimeError(f"{path} answered {answer.status}")
    return statistics.median(times)


def _merges(pipeline: Pipeline, log: _Memory) -> float:
    """The median of one micro-batch with nothing but a merge into the large profile.

    What the catalogue found is written at its own times, and so is not in it.
    """
    times = []
    for number in range(_MERGES):
        # Five ids of a type are the most that a profile may have: these are of one each.
        named = {"id": "new", "type": f"crm_{number}", "collection": "users", "encoding": "none"}
        alone = {
            "type": "identify",
            "context": {"externalIds": [named]},
            "traits": {"city": "Oslo"},
        }
        _take(pipeline, log, [alone])
        both = {**alone, "userId": PERSON}
        _put(log, [both])
        began = time.perf_counter()
        pipeline.step()
        times.append((time.perf_counter() - began) * 1000)
        pipeline.drain()
    return statistics.median(times)


def large_profile(folder: Path, quick: bool) -> list[Figure]:
    """Traits, a page of events and a merge, of a profile with a million events."""
    count, rounds = (60_000, 40) if quick else (1_000_000, 200)
    data = folder / "large"
    settings = Settings(data=data, write_key=WRITE_KEY, api_token=TOKEN)
    store = Store.open(settings)
    bootstrap(store, settings)
    log = _Memory()
    pipeline = Pipeline(store, log, settings)
    begin = int(time.time() * 1000) - 301 * _DAY
    stored = _fill(pipeline, log, count, begin)
    with store.read() as tx:
        rows = sum(1 for _ in _all_rows(tx))
    if rows != stored or stored < count:
        raise RuntimeError(f"{count} messages and others went in, {rows} are stored")
    serve = Serve(data)
    try:
        traits = _reads(serve, "traits?limit=200", rounds)
        events = _reads(serve, "events", rounds)
    finally:
        serve.stop()
    # The server's pipeline has written meanwhile: what ours remembers is out of date.
    merge = _merges(Pipeline(store, log, settings), log)
    with store.read() as tx:
        found = people.resolve(tx, USERS, f"crm_{_MERGES - 1}", "new")
        if found is None or found.traits.values().get("name") != "Everything":
            raise RuntimeError("the profiles were not merged")
    store.close()
    return [
        Figure("large_profile_traits_ms", "ms", traits, None, "<= 5", traits <= 5),
        Figure("large_profile_events_ms", "ms", events, None, "<= 10", events <= 10),
        Figure("large_profile_merge_ms", "ms", merge, None, "<= 20", merge <= 20),
    ]


def _all_rows(tx: Any) -> Iterator[int]:
    after = 0
    while rows := history.rows_after(tx, after, 50_000):
        after = rows[-1].seq + 1
        yield from (row.seq for row in rows)
