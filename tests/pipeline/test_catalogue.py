"""How often the catalogue looks into messages, and when it writes what it found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.pipeline.beforehand import FIRST, OFTEN
from cdp.pipeline.catalogue import ENOUGH, SELDOM
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.catalogue.reads import Entry
from cdp.store.events import progress
from tests.laws.world import BASE, World

TODAY = BASE // catalogue_reads.DAY_MS


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World()
    yield made
    made.close()


def tracks(first: int, last: int, name: str = "Seen") -> list[dict[str, Any]]:
    return [
        {"type": "track", "event": name, "userId": "u1", "messageId": f"{name}-{number}"}
        for number in range(first, last)
    ]


def entry(world: World, name: str = "Seen") -> Entry:
    with world.store.read() as tx:
        found = catalogue_reads.entry(tx, TODAY, "track", name)
    assert found is not None
    return found


def test_rare_events_are_looked_into_whole_and_frequent_ones_now_and_then(world: World) -> None:
    world.take([tracks(0, 400), tracks(0, 5, "Rare")])
    assert (entry(world, "Rare").n, entry(world, "Rare").looked) == (5, 5)
    assert entry(world).n == 400
    expected = FIRST + 390 / OFTEN
    assert 0.5 * expected < entry(world).looked < 1.7 * expected


def test_when_enough_were_looked_into_it_becomes_seldom(world: World) -> None:
    number = 0
    while number < 8000 and (number == 0 or entry(world).looked < ENOUGH):
        world.take([tracks(number, number + 400)])
        number += 400
    before = entry(world).looked
    assert before >= ENOUGH
    world.take([tracks(number, number + 2000)])
    assert 0.4 * 2000 / SELDOM < entry(world).looked - before < 2 * 2000 / SELDOM


def test_which_are_chosen_does_not_depend_on_the_batches(world: World) -> None:
    world.take([tracks(0, 300)])
    other = World()
    try:
        other.take([tracks(at, at + 20) for at in range(0, 300, 20)])
        assert entry(other).looked == entry(world).looked
    finally:
        other.close()


def test_what_was_found_is_written_a_second_later(world: World) -> None:
    import json

    from cdp.log.record import Record

    now = BASE
    world.pipeline._clock = lambda: now / 1000
    for number in range(2):
        body = json.dumps({"batch": tracks(number, number + 1)}).encode()
        world.log.append(Record(BASE, 1, "batch", body))
        world.pipeline.step()
        world.pipeline._tidy()
    # The first was due at once; the second waits.
    assert (entry(world).n, entry(world).looked) == (2, 1)
    now += 1000
    world.pipeline._tidy()
    assert (entry(world).n, entry(world).looked) == (2, 2)


def test_a_transaction_that_fails_counts_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take([tracks(0, 5)])

    def fail(*_: Any) -> None:
        raise RuntimeError("the last statement fails")

    with monkeypatch.context() as patch:
        patch.setattr(progress, "advance", fail)
        with pytest.raises(RuntimeError):
            world.take([tracks(0, 20) + tracks(0, 3, "New")])
    world.pipeline.drain()
    assert entry(world).n == 20
    assert (entry(world, "New").n, entry(world, "New").looked) == (3, 3)
    assert entry(world).looked <= 20
