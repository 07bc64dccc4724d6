"""Laws 1 and 6 for streams: whatever a provider does and whenever we die, nothing is lost.

Every event ends taken or as a dead letter; it goes out under one key however often; and
it is taken more than once only where we died between the call and the commit.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.plugin import Batch, Outcome, Reject, Retry, Stop
from cdp.store import config_rows
from cdp.store.destinations import outbox as delivery_outbox
from cdp.store.destinations import streams as delivery
from tests.delivery.world import Recorder, World
from tests.scratch import SCRATCH

ACTS = ["taken", "taken", "retry", "later", "refused", "raises", "mixed", "stop"]


class Moody(Recorder):
    """A provider that follows ``moods`` and is well when they are used up."""

    def __init__(self, moods: list[str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.moods = moods
        self.keys: dict[str, set[str]] = {}

    def send(self, batch: Batch) -> list[Outcome] | None:
        mood = self.moods.pop(0) if self.moods else "taken"
        for event in batch.events:
            self.keys.setdefault(event.id, set()).add(event.key)
        if mood == "retry":
            raise Retry("busy")
        if mood == "later":
            raise Retry("slow down", after=7.0)
        if mood == "refused":
            raise Reject("no")
        if mood == "raises":
            raise ValueError("bug")
        if mood == "stop":
            raise Stop("key revoked")
        taken = batch.events[::2] if mood == "mixed" else batch.events
        self.taken += [event.id for event in taken]
        rest = Outcome.retry("not this one")
        return [Outcome.delivered() if event in taken else rest for event in batch.events]


class Died(BaseException):
    """We did, before the transaction was committed."""


@settings(max_examples=int(os.environ.get("CDP_PROOF_EXAMPLES", "15")), deadline=None)
@given(
    moods=st.lists(st.sampled_from(ACTS), max_size=14),
    deaths=st.sets(st.integers(0, 12), max_size=4),
    size=st.sampled_from([1, 1, 3]),
    counts=st.lists(st.integers(1, 7), min_size=1, max_size=3),
)
def test_every_event_is_taken_or_kept_under_one_key(
    moods: list[str], deaths: set[int], size: int, counts: list[int]
) -> None:
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder, pytest.MonkeyPatch.context() as patch:
        world = World(Path(folder))
        destination = world.add()
        provider = Moody(moods, batch_size=size, concurrency=1)
        commits = iter(range(10_000))

        def dying(real: Any) -> Any:
            def call(*given: Any, **more: Any) -> Any:
                real(*given, **more)
                if next(commits) in deaths:
                    raise Died

            return call

        for module, name in (
            (delivery, "finish_batch"), (delivery, "keep_batch"),
            (delivery_outbox, "item_delivered"), (delivery_outbox, "item_failed"),
        ):  # fmt: skip
            patch.setattr(module, name, dying(getattr(module, name)))

        died, sent = 0, 0
        runner = world.runner(destination, provider)
        for turn in range(400):
            if turn < len(counts):
                ids = [f"m{sent + n}" for n in range(counts[turn])]
                sent += counts[turn]
                world.track(*ids)
            try:
                while runner.step() == 0.0:
                    pass
                world.outbox_run(destination, provider)
            except Died:
                died += 1
                runner = world.runner(destination, provider)
            if world.stream().state == "stopped":
                with world.store.write() as tx:
                    config_rows.change_destination(tx, 2, destination, "test", settings={})
            world.now += 400
            states = {state for state, _, _ in world.items()}
            if world.stream().seq == sent + 1 and turn > len(counts) and states <= {"dead"}:
                break
        dead = {key for _, key, _ in world.items()}
        world.close()

    everything = {f"m{n}" for n in range(sent)}
    assert set(provider.keys) == everything
    assert all(len(keys) == 1 for keys in provider.keys.values())
    dead_ids = {id_ for id_, (key,) in provider.keys.items() if key in dead}
    assert set(provider.taken) | dead_ids == everything
    most = max(Counter(provider.taken).values(), default=0)
    assert most <= 1 + died
