"""The next micro-batch is read while this one is committed: no message is lost or taken twice."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from cdp.log.record import Record, Taken
from cdp.pipeline.run import Pipeline
from tests.laws.world import BASE, World


class Wavering(World):
    """Counts its readings, and fails at some of them."""

    def __init__(self, batches: int, failing: frozenset[int] = frozenset()) -> None:
        super().__init__()
        # With one message at a time all batches are as large as they may be.
        one = replace(self.settings, batch_messages=1)
        self.pipeline = Pipeline(self.store, self, one, clock=lambda: self.now / 1000)
        self.readings, self.failing = 0, failing
        for n in range(batches):
            call = {"type": "identify", "messageId": f"m{n}", "userId": f"u{n % 3}",
                    "traits": {"n": n}}  # fmt: skip
            self.log.append(Record(BASE, 1, "batch", json.dumps({"batch": [call]}).encode()))

    def read(self, part: str, after: int, limit: int) -> list[Taken]:
        self.readings += 1
        if self.readings in self.failing:
            raise OSError("the disk is away")
        return super().read(part, after, limit)


def taken(world: World) -> list[str]:
    return [message_id for message_id, _, _ in world.history()]


def test_each_record_is_read_once() -> None:
    world = Wavering(10)
    assert world.pipeline.drain() == 10
    assert taken(world) == [f"m{n}" for n in range(10)]
    # One at first, then each was there already; and twice there was nothing more.
    assert world.readings == 12
    world.close()


@pytest.mark.parametrize("failing", [{3}, {2, 3}, set(range(2, 9))])
def test_a_log_that_cannot_be_read_ahead_is_read_in_its_turn(failing: set[int]) -> None:
    world = Wavering(10, frozenset(failing))
    failures = total = 0
    while True:
        try:
            done = world.pipeline.step()
        except OSError:
            failures += 1
            continue
        if done is None:
            break
        total += done.taken
    assert (total, len(taken(world))) == (10, 10)
    assert failures < len(failing) or failing == {3}
    world.close()


def test_a_commit_that_fails_leaves_what_was_read_ahead_to_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = Wavering(6)
    assert world.pipeline.step() is not None
    dialect = world.store.engine.dialect

    def full(_connection: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(dialect, "do_commit", full)
        with pytest.raises(OperationalError):
            world.pipeline.step()
    # Nobody is left in an open transaction, which would keep all others from writing.
    assert taken(world) == ["m0"]
    assert world.pipeline.drain() == 5
    assert taken(world) == [f"m{n}" for n in range(6)]
    world.close()
