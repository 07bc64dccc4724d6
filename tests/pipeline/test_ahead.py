"""The next micro-batch is read while this one is committed: no message is lost or taken twice."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from cdp.events import Stamp
from cdp.identity import Graph, Limit, Node, Rules, fits_alone
from cdp.log.record import Record, Taken
from cdp.pipeline import Pipeline
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


TYPES = st.lists(st.sampled_from(["user_id", "email", "anonymous_id", "phone"]), min_size=1)
LIMITS = st.dictionaries(
    st.sampled_from(["user_id", "email", "phone"]),
    st.builds(Limit, st.integers(0, 3), st.sampled_from([None, 1, 7])),
)


@settings(max_examples=100, deadline=None)
@given(TYPES, LIMITS, st.integers(0, 4), st.integers(0, 6))
def test_who_fits_alone_is_whom_the_graph_takes_in_whole(
    types: list[str], limits: dict[str, Limit], default: int, most: int
) -> None:
    rules = Rules(limits=limits, default_limit=Limit(default), max_ids=most)
    ids = rules.ordered((type_, f"v{n}") for n, type_ in enumerate(types))
    placement = Graph(rules).add(Node(1, ids, Stamp(BASE, 1, "m")))
    assert fits_alone(tuple(type_ for type_, _ in ids), rules) is not bool(placement.dropped)
    if not placement.dropped:
        assert placement.group.ids == dict.fromkeys(ids, Stamp(BASE, 1, "m"))
        assert placement.group.anchor == ids[0]
