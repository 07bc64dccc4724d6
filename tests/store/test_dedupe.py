"""The dedupe index."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from cdp.store import Store
from cdp.store.events import dedupe
from cdp.store.events.dedupe import DedupeIndex, by_slot
from cdp.store.migrate import migrate
from cdp.store.tables import dedupe_hot, dedupe_slots, meta, metadata

Key = tuple[int, int | None]


def slots(keys: list[Key]) -> dict[int, list[int]]:
    """Hashes with the times that clients gave, by slot."""
    return by_slot([hash_ for hash_, _ in keys], [client_t for _, client_t in keys])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.at(tmp_path / "store.db")
    migrate(store)
    return store


def test_what_was_added_is_known_also_after_a_restart(store: Store) -> None:
    keys = [(1, 1_700_000_000_000), (2, None), (-3, 5)]
    with store.write() as tx:
        index = DedupeIndex(tx)
        assert index.known(tx, slots(keys)) == set()
        index.add(tx, slots(keys), 0)
        assert index.known(tx, slots(keys)) == {1, 2, -3}
    with store.write() as tx:
        assert DedupeIndex(tx).known(tx, slots([*keys, (4, None)])) == {1, 2, -3}


def test_a_repeat_is_found_however_long_ago_it_was(store: Store) -> None:
    with store.write() as tx:
        index = DedupeIndex(tx, part_size=10)
        for batch in range(20):
            start = batch * 10
            numbers = range(start, start + 10)
            times = [None if n % 5 == 0 else n * 600_000 for n in range(start, start + 10)]
            index.add(tx, slots([(n, t) for n, t in zip(numbers, times, strict=True)]), 0)
        old = [(0, None), (3, 3 * 600_000), (199, 199 * 600_000)]
        assert index.known(tx, slots(old)) == {0, 3, 199}
        # Many parts, yet one with a time is looked for in few of them.
        assert len(index._slots[3]) == 1


def test_a_recent_repeat_with_another_time_is_found(store: Store) -> None:
    with store.write() as tx:
        index = DedupeIndex(tx, part_size=10)
        index.add(tx, slots([(n, 0) for n in range(10)]), 0)
        index.add(tx, slots([(n, 0) for n in range(10, 15)]), 0)
        assert index.known(tx, slots([(4, 10**12), (12, None)])) == {4, 12}


def rows(store: Store) -> tuple[int, int]:
    """How many rows are hot, and how many hashes are in the first part."""
    with store.read() as tx:
        asked = ("dedupe_hot", "dedupe_1")
        found = [tx.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in asked]
    return found[0], found[1]


def test_what_is_hot_goes_into_the_part_in_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedupe, "HOT", 6)
    keys = [(number * 7919 % 101 - 50, number) for number in range(9)]
    with store.write() as tx:
        index = DedupeIndex(tx)
        index.add(tx, slots(keys[:3]), 0)
        index.add(tx, slots(keys[3:5]), 0)
    assert rows(store) == (2, 0)
    with store.write() as tx:
        index = DedupeIndex(tx)
        assert index.known(tx, slots(keys)) == {hash_ for hash_, _ in keys[:5]}
        index.add(tx, slots(keys[5:7]), 0)
        index.add(tx, slots(keys[7:]), 0)
    assert rows(store) == (1, 7)
    with store.write() as tx:
        assert DedupeIndex(tx).known(tx, slots(keys)) == {hash_ for hash_, _ in keys}


def test_a_part_that_is_full_has_all_that_came_for_it(store: Store) -> None:
    with store.write() as tx:
        index = DedupeIndex(tx, part_size=4)
        index.add(tx, slots([(n, 0) for n in range(4)]), 0)
        index.add(tx, slots([(n, 0) for n in range(4, 6)]), 0)
    assert rows(store) == (1, 4)
    with store.write() as tx:
        assert DedupeIndex(tx, part_size=4).known(tx, slots([(n, 0) for n in range(9)])) == set(
            range(6)
        )


def test_what_is_forgotten_may_come_again_hot_or_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dedupe, "HOT", 3)
    keys = [(number, None) for number in range(5)]
    with store.write() as tx:
        index = DedupeIndex(tx)
        index.add(tx, slots(keys[:3]), 0)
        index.add(tx, slots(keys[3:]), 0)
        dedupe.forget(tx, [1, 4, 77])
        assert DedupeIndex(tx).known(tx, slots(keys)) == {0, 2, 3}


@given(st.lists(st.tuples(st.sampled_from(["add", "again", "forget"]), st.integers(1, 7))))
def test_it_knows_what_came_however_far_that_has_cooled_down(steps: list[tuple[str, int]]) -> None:
    engine = create_engine("sqlite://")
    sizes = {"HOT": 6, "ROW": 2}
    with engine.begin() as tx, pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            patch.setattr(dedupe, name, size)
        metadata.create_all(tx, tables=[dedupe_hot, dedupe_slots, meta])
        index, came, number = DedupeIndex(tx, part_size=20), set[int](), 0
        for what, count in steps:
            if what == "add":
                new = [(number * 7919 % 1009, number) for number in range(number, number + count)]
                number += count
                index.add(tx, slots(new), 0)
                came.update(hash_ for hash_, _ in new)
            else:
                if what == "forget":
                    gone = set(sorted(came)[:count])
                    dedupe.forget(tx, gone)
                    came -= gone
                index = DedupeIndex(tx, part_size=20)
            every = [(at * 7919 % 1009, at) for at in range(number + 3)]
            assert index.known(tx, slots(every)) == came
