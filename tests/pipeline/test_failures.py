"""A database that fails at any statement, or whose answer to a commit is lost."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from cdp.log.record import Record
from cdp.pipeline import sweep
from tests.laws.test_concurrency import history
from tests.laws.world import BASE, World

#: What is only looked into now and then; its own tests say what may be lost of it.
SAMPLES = {"catalogue_seen", "catalogue_properties", "catalogue_values"}


class Failing:
    """Lets the statements of a store fail from the ``after``-th on, once."""

    def __init__(self, world: World) -> None:
        self.after: int | None = None
        event.listen(world.store.engine, "before_cursor_execute", self._one)

    def _one(self, *_: Any) -> None:
        if self.after is not None:
            self.after -= 1
            if self.after < 0:
                self.after = None
                raise OperationalError("statement", {}, Exception("the database is away"))

    def until_done(self, work: Any) -> int:
        """Call ``work`` with a failure at the first statement, at the second, … until none."""
        failures = 0
        while True:
            self.after = failures
            try:
                work()
            except OperationalError:
                failures += 1
                continue
            self.after = None
            return failures


def content(world: World) -> dict[str, list[str]]:
    with world.store.read() as tx:
        names = tx.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").all()
        found = {
            name: sorted(map(repr, tx.exec_driver_sql(f'SELECT * FROM "{name}"').all()))
            for (name,) in names
            if name not in SAMPLES
        }
        return {name: rows for name, rows in found.items() if rows}


def batches(seed: int) -> list[list[dict[str, Any]]]:
    sent = history(seed, 30)
    for message in random.Random(seed).sample(sent, 8):
        message |= {"type": "group", "groupId": "g1", "userId": message.get("userId", "u0")}
    return [[*sent[n : n + 6], {"type": "track"}] for n in range(0, 30, 6)]


def test_a_failure_at_any_statement_leaves_no_trace() -> None:
    failed, straight = World(), World()
    failing = Failing(failed)
    rules = {"limits": {"user_id": 3, "anonymous_id": 2}}
    failures = 0
    for batch in batches(3):
        straight.take([batch])
        body = json.dumps({"batch": batch}).encode()
        failed.log.append(Record(BASE, 1, "batch", body))
        failures += failing.until_done(failed.pipeline.step)
    for world in (failed, straight):
        world.change_rules(rules)
    straight.sweep()
    failures += failing.until_done(failed.sweep)
    assert sweep.step(failed.store, BASE) is None
    assert failures > 150
    assert content(failed) == content(straight)
    failed.close()
    straight.close()


def test_a_commit_whose_answer_is_lost_is_not_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost, straight = World(), World()
    for batch in batches(5):
        straight.take([batch])
        body = json.dumps({"batch": batch}).encode()
        lost.log.append(Record(BASE, 1, "batch", body))
        write = lost.store.write

        @contextmanager
        def answer_lost(synced: bool = True, write: Any = write) -> Iterator[Connection]:
            with write(synced) as tx:
                yield tx
            raise OperationalError("COMMIT", {}, Exception("the connection is gone"))

        lost.pipeline.drain() if not lost.log[:-1] else None
        with monkeypatch.context() as patched:
            if len(lost.log) > 1:  # the first write takes the part over
                patched.setattr(lost.store, "write", answer_lost)
                with pytest.raises(OperationalError):
                    lost.pipeline.step()
        lost.pipeline.drain()
    assert content(lost) == content(straight)
    lost.close()
    straight.close()
