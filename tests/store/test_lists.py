"""Uploaded lists in the store, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from cdp.store import Store, config_rows, definitions
from cdp.store.audiences import lists
from cdp.store.audiences.lists import ListInUse, Lists, NoSuchList, lists_of
from cdp.store.tables import list_values
from tests.factories import Space


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path, url)
    yield made.store
    made.close()


TODAY = 1_790_000_000_000


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PIECE", 2)


def put(store: Store, *values: str, now: int = 1, key: str = "vips") -> lists.Listed:
    return lists.put(store, TODAY + now, key, sorted(values), "ana")


def held(store: Store, key: str = "vips", *values: str) -> list[str]:
    """Which of the values are in the list now."""
    found = Lists(store).get(key)
    return [value for value in values if found is not None and value in found]


def count(store: Store) -> Any:
    with store.read() as tx:
        return tx.execute(select(func.count()).select_from(list_values)).scalar()


def test_a_list_is_replaced_as_a_whole_and_can_be_taken_back(store: Store) -> None:
    values = ["a", "b", "ż", "Z", "😀"]
    first = put(store, *values)
    assert (first.version, first.size, first.author) == (1, 5, "ana")
    assert held(store, "vips", *values, "z", "c") == values
    second = put(store, "b", "c", now=2)
    assert (second.version, second.size) == (2, 2)
    assert held(store, "vips", "a", "b", "c") == ["b", "c"]
    with store.write() as tx:
        assert lists.revert(tx, 3, "vips", "ben").size == 5
    assert held(store, "vips", "a", "b", "c") == ["a", "b"]
    with store.write() as tx:
        assert lists.revert(tx, 4, "vips", "ben").size == 2
    assert held(store, "vips", "a", "c") == ["c"]


def test_the_same_values_make_no_version(store: Store) -> None:
    assert put(store, "a", "b") == put(store, "b", "a", now=9)
    assert put(store, "a").version == 2


def test_only_the_version_before_is_kept(store: Store) -> None:
    for n in range(5):
        put(store, "a", str(n), "c", now=n)
    assert count(store) == 6
    with store.read() as tx:
        assert [item.version for item in definitions.versions(tx, "list", "vips")] == [
            5, 4, 3, 2, 1,
        ]  # fmt: skip
    with store.write() as tx:
        lists.revert(tx, 9, "vips", "ana")
        lists.revert(tx, 9, "vips", "ana")
    assert held(store, "vips", "3", "4") == ["4"]


def test_what_was_half_uploaded_counts_for_nothing_and_is_taken_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "a")
    insert_many, calls = lists.insert_many, []

    def fails(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the disk is gone")
        insert_many(*args)

    monkeypatch.setattr(lists, "insert_many", fails)
    with pytest.raises(RuntimeError):
        put(store, *"bcdefgh", now=2)
    monkeypatch.undo()
    assert count(store) == 5 and held(store, "vips", *"abcd") == ["a"]
    put(store, "z", now=3, key="others")
    assert count(store) == 6
    put(store, "y", now=3 + lists.GIVEN_UP_MS, key="others")
    assert count(store) == 3 and held(store, "vips", "a") == ["a"]


def test_what_conditions_ask_for_stays(store: Store) -> None:
    put(store, "a")
    text = 'event in list("vips")'
    with store.write() as tx:
        made = config_rows.add_destination(
            tx, 1, "hook", "Hook", "webhook", None, {}, "ana", filter=text
        )
        body = {"who": 'traits.email in list("vips")'}
        definitions.put(tx, 1, "audience", "all", body, "ana")
        definitions.put(tx, 1, "audience", "none", {"who": 'traits.vips = "vips"'}, "ana")
    with pytest.raises(ListInUse) as caught:
        lists.remove(store, 2, "vips", "ana")
    assert str(caught.value) == (
        "the list vips is asked for by the destination hook, the audience all"
    )
    with store.write() as tx:
        config_rows.delete_destination(tx, 2, made, "ana")
        definitions.put(tx, 2, "audience", "all", None, "ana")
    lists.remove(store, TODAY, "vips", "ana")
    assert count(store) == 0 and held(store, "vips", "a") == []
    with store.read() as tx:
        assert lists.all_lists(tx) == []
    with pytest.raises(NoSuchList):
        lists.remove(store, TODAY, "vips", "ana")
    assert put(store, "b", now=5).version == 3


def test_a_name_is_a_plain_word(store: Store) -> None:
    for key in ("", "Vips", "1st", "a b", "a" * 61, "a\n"):
        with pytest.raises(ValueError, match="is no name of a list"):
            put(store, "a", key=key)


def test_a_process_holds_a_list_once_and_sees_a_new_version(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "FRESH_S", 0)
    put(store, "a")
    known = lists_of(store)
    assert lists_of(store) is known and known.get("nothing") is None
    first = known.get("vips")
    assert first is not None and "a" in first and known.get("vips") is first
    put(store, "b", key="others")
    assert known.get("vips") is first
    put(store, "c", now=2)
    second = known.get("vips")
    assert second is not None and "c" in second and "a" not in second
