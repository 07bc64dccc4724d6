"""Kill `cdp serve` while people are on their way, then look where each of them came to."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cdp.config import Settings
from cdp.store import Store, definitions, meta
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.tables import deliveries, journey_moves
from cdp.store.tables import journey_runs as runs
from tests.crash.harness import _AUTH, Server, _wait

JOURNEY: dict[str, Any] = {
    "trigger": {"event": "Signed Up"},
    "exit_when": "traits.gone = true",
    "steps": [
        {"send": "hello"},
        {"wait": "2s"},
        {"emit": {"event": "Waited", "properties": {"n": "{{ event.n }}"}}},
        {"wait_until": {"event": "Order Completed", "timeout": "4s",
                        "on_timeout": [{"emit": "Reminded"}]}},
        {"wait": {"for": "1s"}},
        {"emit": "Over"},
    ],
}  # fmt: skip
#: What a whole way looks like, as (what, exit) of the moves, without the way of the wait.
WAY = ["entered", "left", "waits", "left", "left", "waits", "left", "left", "waits", "left", "left",
       "ended"]  # fmt: skip


@dataclass
class Report:
    """What a run of kills left behind; counts of people."""

    kills: int
    people: int
    in_flight: int
    lost: int = 0
    doubled: int = 0
    stuck: int = 0
    astray: int = 0
    unsaid: int = 0
    said_twice: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def holds(self) -> bool:
        return not (
            self.lost or self.doubled or self.stuck or self.astray or self.unsaid
            or self.said_twice
        )  # fmt: skip


def run(data: Path, people: int, kills: int, seed: int, database_url: str | None = None) -> Report:
    """Let ``people`` enter, kill ``kills`` times while they are on their way, and look."""
    server = Server(data, database_url)
    draw = random.Random(seed)
    server.start()
    store = Store.open(Settings(data=data, database_url=database_url))
    try:
        _launch(store)
        crowd = Crowd(server, people, seed)
        crowd.start()
        in_flight = 0
        _wait(lambda: _active(store) > people // 10, 60, 0.05)  # a busy machine takes its time
        for _ in range(kills):
            time.sleep(draw.uniform(0.3, 1.5))
            in_flight = max(in_flight, _active(store))
            server.kill()
            server.start()
        crowd.join()
        report = Report(kills, people, in_flight)
        _wait(lambda: _over(store, people), 60 + people / 50, 0.3)
        _look(store, server, report)
        assert server.stop() == 0, "cdp serve did not end well"
    finally:
        with contextlib.suppress(Exception):
            server.kill()
        store.close()
    return report


def _launch(store: Store) -> None:
    now = int(time.time() * 1000)
    with store.write() as tx:
        body = {"channel": "email", "subject": "Hello", "body": "Hi"}
        definitions.put(tx, now, "template", "hello", body, "test")
        made = definitions.put(tx, now, "journey", "way", JOURNEY, "test")
        journeys.launch(tx, "way", made.version, "test", now)
        meta.bump(tx)
    time.sleep(1.5)  # a change is noticed within a second


def _active(store: Store) -> int:
    with store.read() as tx:
        row = journeys.row(tx, "way")
        assert row is not None
        return sum(item.n for item in journey_runs.standings(tx, row.id))


def _over(store: Store, people: int) -> bool:
    with store.read() as tx:
        n = len(tx.execute(runs.select().where(runs.c.status == "ended")).all())
    return n >= people


class Crowd:
    """Clients that let people sign up, and half of them buy something."""

    def __init__(self, server: Server, people: int, seed: int) -> None:
        self._server = server
        self._threads = [
            threading.Thread(target=self._client, args=(range(at, people, 4), seed + at))
            for at in range(4)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _client(self, mine: range, seed: int) -> None:
        draw = random.Random(seed)
        numbers = list(mine)
        for start in range(0, len(numbers), 20):
            some = numbers[start : start + 20]
            self._post([_said(n, "Signed Up") for n in some])
            time.sleep(draw.uniform(0.0, 0.1))
        for start in range(0, len(numbers), 20):
            some = [n for n in numbers[start : start + 20] if n % 2]
            self._post([_said(n, "Order Completed") for n in some])

    def _post(self, items: list[dict[str, Any]]) -> None:
        body = json.dumps({"batch": items}).encode()
        headers = {"content-type": "application/json", "authorization": _AUTH}
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self._server.port, 10)
                connection.request("POST", "/v1/batch", body, headers)
                answer = connection.getresponse()
                answer.read()
                connection.close()
                if answer.status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass  # no answer: the same again, as an SDK does
            time.sleep(0.05)


def _said(number: int, event: str) -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    return {"type": "track", "userId": f"u{number}", "event": event, "timestamp": now,
            "messageId": f"{event}-{number}", "properties": {"n": number}}  # fmt: skip


def _look(store: Store, server: Server, report: Report) -> None:
    """Count people and what became of each."""
    moves: dict[int, list[str]] = {}
    with store.read() as tx:
        for row in tx.execute(journey_moves.select().order_by(journey_moves.c.id)):
            moves.setdefault(row.run, []).append(row.what)
        found = tx.execute(runs.select()).all()
        sent = Counter(
            int(row.key.split(":")[1]) for row in tx.execute(deliveries.select()) if row.step
        )
    profiles = Counter(row.profile for row in found)
    report.lost = report.people - len(profiles)
    report.doubled = sum(1 for n in profiles.values() if n > 1)
    report.stuck = sum(1 for row in found if row.status != "ended")
    report.astray = sum(
        1 for row in found if not _whole(moves.get(row.id, [])) or sent[row.id] != 1
    )
    report.ends = Counter(row.reason for row in found)
    said: Counter[str] = Counter()

    def all_said() -> bool:
        said.clear()
        for line in server.cli("events", "--json", "--limit", "10000000").splitlines():
            item = json.loads(line)
            if item["messageId"].startswith("journey:"):
                said[item["messageId"]] += 1
        return sum(1 for id_ in said if ":emit-Over:" in id_) >= report.people

    _wait(all_said, 180, 1.0)
    overs = sum(1 for id_ in said if ":emit-Over:" in id_)
    report.unsaid = report.people - overs
    report.said_twice = sum(1 for n in said.values() if n > 1)


def _whole(way: list[str]) -> bool:
    """Whether it is a whole way, with or without the reminder."""
    return way in (WAY, [*WAY[:7], *WAY[8:]])
