"""Four workers, shuffled parts of the log, merges that cross them: the same people."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from cdp.config import Settings
from cdp.log.record import Record, Taken
from cdp.pipeline.run import Pipeline
from cdp.store import Store
from cdp.store.migrate import migrate
from tests.laws.world import BASE, World
from tests.postgres import new_database

WORKERS = 4


class Part:
    """One worker's part of the log, in memory."""

    def __init__(self, name: str, batches: list[list[dict[str, Any]]]) -> None:
        self.name = name
        self.records = [
            Record(BASE, 1, "batch", json.dumps({"batch": batch}).encode()) for batch in batches
        ]

    def parts(self) -> list[str]:
        return [self.name]

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        here = self.records[after : after + 1]
        return [Taken(part, after + 1, record) for record in here]

    def end(self, part: str) -> int:
        return len(self.records)

    def ended(self, part: str, taken: int) -> bool:
        return False

    def drop_taken(self, part: str, taken: int) -> None:
        pass


def history(seed: int, count: int) -> list[dict[str, Any]]:
    """Messages about few people, many of which name two devices or an address."""
    draw = random.Random(seed)
    made = []
    for number in range(count):
        person = draw.randrange(12)
        message: dict[str, Any] = {
            "type": "identify",
            "messageId": f"m{number}",
            "timestamp": BASE - 90_000 + draw.randrange(80_000),
            "anonymousId": f"a{draw.randrange(30)}",
            "traits": {"plan": draw.randrange(5), f"t{draw.randrange(4)}": number},
        }
        if draw.random() < 0.5:
            message["userId"] = f"u{person}"
        if draw.random() < 0.3:
            message["context"] = {"traits": {"email": f"e{person}@x.org"}}
        made.append(message)
    return made


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def test_four_workers_over_shuffled_parts_give_the_same_people(
    tmp_path: Path, database: str
) -> None:
    sent = history(seed=4, count=600)
    alone = World().take([sent[n : n + 50] for n in range(0, len(sent), 50)])
    settings = Settings(
        data=tmp_path,
        database_url=new_database() if database == "postgres" else None,
        partition_messages=200,
    )
    migrate(Store.open(settings))
    shuffled = [*sent, *sent[::3]]
    random.Random(5).shuffle(shuffled)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        mine = shuffled[number::WORKERS]
        part = Part(f"web-{number}", [mine[n : n + 7] for n in range(0, len(mine), 7)])
        store = Store.open(settings)
        try:
            Pipeline(store, part, settings, clock=lambda: BASE / 1000).drain()
        except BaseException as error:
            errors.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    together = World(settings.database_url, folder=tmp_path)
    try:
        assert together.facts() == alone.facts()
    finally:
        together.close()
        alone.close()
