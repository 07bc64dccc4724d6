"""Whatever happens meanwhile: everybody of the start gets one message, or there is a reason."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.delivery.broadcasts import turn
from cdp.delivery.broadcasts.mover import Mover
from cdp.store.messages import broadcast_figures, broadcast_people, deliveries
from tests.delivery.broadcasts.campaign import Campaign
from tests.scratch import SCRATCH


class Killed(BaseException):
    """The process is gone in the middle of it."""


ACTS = st.one_of(
    st.tuples(st.just("step"), st.integers(1, 3)),
    st.tuples(st.just("send"), st.just(0)),
    st.tuples(st.just("die"), st.integers(0, 2)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("merge"), st.integers(0, 7)),
    st.tuples(st.just("join"), st.just(0)),
    st.tuples(st.just("leave"), st.integers(0, 7)),
)


@settings(
    max_examples=12, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.lists(ACTS, max_size=14), st.sampled_from([0, 30]))
def test_everybody_of_the_start_gets_one_or_there_is_a_reason(
    acts: list[tuple[str, int]], holdout: int
) -> None:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder, mock.patch.object(turn, "PIECE", 2):
        world = Campaign(Path(folder))
        try:
            _play(world, acts, holdout)
        finally:
            world.close()


def _play(world: Campaign, acts: list[tuple[str, int]], holdout: int) -> None:
    for n in range(8):
        kind = "userId" if n % 2 else "anonymousId"
        body = {kind: f"p{n}", "traits": {"email": f"p{n}@example.org", "in": True}}
        world.put("identify", body)
    who = {"condition": "traits.in = true"}
    id_ = world.begin(who=who, holdout=holdout or None)
    joined, seen = 0, set[int]()
    for act, n in acts:
        if act == "step":
            world.move(steps=n)
        elif act == "send":
            world.settle()
        elif act == "die":
            _die(world, n)
        elif act == "pause":
            row = world.row(id_)
            if row.state in ("gathering", "sending"):
                world.pause(id_)
            elif row.state == "paused":
                world.resume(id_)
        elif act == "merge" and n < 7:
            a, b = sorted((n, n + 1), key=lambda one: one % 2)
            world.put("identify", {"userId": f"p{b}", "anonymousId": f"p{a}"})
        elif act == "join":
            joined += 1
            body = {"userId": f"new{joined}", "traits": {"email": f"new{joined}@example.org"}}
            world.put("identify", {**body, "traits": {**body["traits"], "in": True}})
        elif act == "leave":
            key = "userId" if n % 2 else "anonymousId"
            world.put("identify", {key: f"p{n}", "traits": {"in": False}})
        _no_person_twice(world, seen)
    if world.row(id_).state == "paused":
        world.resume(id_)
    world.broadcaster.begin()
    for _ in range(4):
        world.run(31)
    _no_person_twice(world, seen)
    row = world.row(id_)
    assert row.state == "done"
    with world.store.read() as tx:
        states = broadcast_figures.states(tx, id_)
        turns = sum(broadcast_people.count_wave(tx, id_, wave) for wave in (0, -1))
        reasons = broadcast_figures.reasons(tx, id_, "undeliverable")
    assert turns == row.people
    assert row.held_out + row.queued + sum(row.reasons.values()) == row.people
    assert sum(states.values()) == row.queued
    assert set(states) <= {"sent", "undeliverable"}
    assert set(reasons) <= {"merged"}


def _die(world: Campaign, n: int) -> None:
    """A process that dies in the middle of a transaction; another goes on in its place."""
    calls = iter(range(100))
    true: Any = deliveries.add
    real: Any = broadcast_people.add

    def add(tx: Any, *rest: Any) -> Any:
        done = (true if len(rest) == 2 and isinstance(rest[1], int) else real)(tx, *rest)
        if next(calls) >= n:
            raise Killed
        return done

    with (
        mock.patch.object(deliveries, "add", add),
        mock.patch.object(broadcast_people, "add", add),
    ):
        try:
            world.move(steps=4)
        except Killed:
            world.broadcaster = Mover(world.store, clock=world.clock)
            world.broadcaster.begin()


def _no_person_twice(world: Campaign, seen: set[int]) -> None:
    """What was sent since the last look went to nobody who had got it; adds it to ``seen``."""
    got = [message.key for message in world.box.got]
    assert len(set(got)) == len(got)
    with world.store.read() as tx:
        found = [deliveries.get(tx, number) for number in range(1, 40)]
        sent = {row.node for row in found if row is not None and row.state == "sent" and row.node}
        homes = broadcast_people.homes(tx, sorted(sent))
    before = {homes[node].profile for node in seen}
    new = [homes[node].profile for node in sent - seen]
    assert len(set(new)) == len(new)
    assert not before.intersection(new)
    seen.update(sent)
