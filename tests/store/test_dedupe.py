"""The dedupe index."""

from pathlib import Path

import pytest

from cdp.store import Store
from cdp.store.events.dedupe import DedupeIndex, Key
from cdp.store.migrate import migrate


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.at(tmp_path / "store.db")
    migrate(store)
    return store


def test_what_was_added_is_known_also_after_a_restart(store: Store) -> None:
    keys = [Key(1, 1_700_000_000_000), Key(2, None), Key(-3, 5)]
    with store.write() as tx:
        index = DedupeIndex(tx)
        assert index.known(tx, keys) == set()
        index.add(tx, keys, 0)
        assert index.known(tx, keys) == {1, 2, -3}
    with store.write() as tx:
        assert DedupeIndex(tx).known(tx, [*keys, Key(4, None)]) == {1, 2, -3}


def test_a_repeat_is_found_however_long_ago_it_was(store: Store) -> None:
    with store.write() as tx:
        index = DedupeIndex(tx, part_size=10)
        for batch in range(20):
            start = batch * 10
            numbers = range(start, start + 10)
            times = [None if n % 5 == 0 else n * 600_000 for n in range(start, start + 10)]
            index.add(tx, [Key(n, t) for n, t in zip(numbers, times, strict=True)], 0)
        old = [Key(0, None), Key(3, 3 * 600_000), Key(199, 199 * 600_000)]
        assert index.known(tx, old) == {0, 3, 199}
        # Many parts, yet one with a time is looked for in few of them.
        assert len(index._slots[3]) == 1


def test_a_recent_repeat_with_another_time_is_found(store: Store) -> None:
    with store.write() as tx:
        index = DedupeIndex(tx, part_size=10)
        index.add(tx, [Key(n, 0) for n in range(10)], 0)
        index.add(tx, [Key(n, 0) for n in range(10, 15)], 0)
        assert index.known(tx, [Key(4, 10**12), Key(12, None)]) == {4, 12}
