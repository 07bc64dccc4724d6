"""When garbage is looked for."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from cdp.pipeline.garbage import Garbage


class Cycle:
    """Something that only the collector frees."""

    def __init__(self) -> None:
        self.me = self


def made(count: int = 1) -> list[weakref.ref[Cycle]]:
    return [weakref.ref(one) for one in [Cycle() for _ in range(count)]]


def left(refs: list[weakref.ref[Cycle]]) -> int:
    return sum(ref() is not None for ref in refs)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock; what is begun here is ended again."""
    threshold = gc.get_threshold()
    yield [0.0]
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_what_a_micro_batch_leaves_is_looked_through_when_it_is_quiet(now: list[float]) -> None:
    Garbage.begin()
    garbage = Garbage(lambda: now[0])
    garbage.worked()  # a sample
    first = made()
    garbage.worked()
    now[0] = 4.0
    garbage.rests()
    assert left(first) == 1 and gc.get_freeze_count() > 0
    now[0] = 5.0
    garbage.rests()
    assert left(first) == 0
    # Nothing has been done since.
    later = made()
    gc.freeze()
    now[0] = 60.0
    garbage.rests()
    assert left(later) == 1


def test_it_is_looked_through_in_the_end_also_when_it_is_never_quiet(now: list[float]) -> None:
    Garbage.begin()
    garbage = Garbage(lambda: now[0])
    garbage.worked()
    kept = made()
    garbage.worked()
    now[0] = 599.0
    garbage.worked()
    assert left(kept) == 1
    now[0] = 601.0
    garbage.worked()
    assert left(kept) == 0


def test_somebody_who_makes_cycles_is_followed(now: list[float]) -> None:
    Garbage.begin()
    garbage = Garbage(lambda: now[0])
    kept = []
    for _ in range(200):
        kept += made(200)
        garbage.worked()
    # Once a sample has shown it, none is kept; the first sample comes at once.
    assert left(kept) == 0
    few = []
    for _ in range(200):
        few += made(1)
        garbage.worked()
    assert 0 < left(few) < 200
