"""Definitions in the store: versions, edits by others, and what hangs on what."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from cdp.config import Settings
from cdp.definitions import KINDS, DefinitionError, Id
from cdp.store import Store, definitions, meta
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.defined.defining import NoSuchDefinition, StaleVersion, StillUsed
from cdp.store.migrate import migrate
from cdp.store.tables import changes
from tests.postgres import new_database

BIG: Id = ("audience", "big")
BOTH: Id = ("audience", "both")
ORDERS: Id = ("computed_trait", "orders")
VIRTUAL: Id = ("virtual_event", "big_order")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: Any, tmp_path: Path) -> Iterator[Store]:
    url = new_database() if request.param == "postgres" else None
    made = Store.open(Settings(data=tmp_path, database_url=url))
    migrate(made)
    yield made
    made.close()


def put(store: Store, id_: Id, seen: int | None = None, **given: Any) -> int:
    with store.write() as tx:
        return defining.put(tx, 1000, id_, given, "ada", seen).version.version


def shop(store: Store) -> None:
    put(store, VIRTUAL, name="Big Order", event="Order Completed", where="properties.total > 9")
    put(store, ORDERS, value='count("Big Order")')
    put(store, BIG, who="traits.orders > 3")
    put(store, BOTH, who='audience("big") or traits.big = false')


def body(store: Store, id_: Id) -> Any:
    with store.read() as tx:
        return defining.find(tx, id_).body


def test_each_change_is_a_version_with_an_author_and_all_processes_learn_of_it(
    store: Store,
) -> None:
    with store.read() as tx:
        before = meta.version(tx)
    assert put(store, BIG, who="traits.a > 3") == 1
    assert put(store, BIG, who="traits.a > 4") == 2
    assert put(store, BIG, who="traits.a>4") == 2
    with store.read() as tx:
        assert meta.version(tx) > before
        newest, oldest = defining.history(tx, BIG)
        assert [v.version for v in definitions.all_current(tx, "audience")] == [2]
    assert (oldest.body, oldest.author, oldest.at) == ({"who": "traits.a > 3"}, "ada", 1000)
    assert newest.body == {"who": "traits.a > 4"}


def test_an_edit_of_what_somebody_else_has_changed_is_refused_with_the_difference(
    store: Store,
) -> None:
    put(store, BIG, 0, who="traits.a > 3")
    put(store, BIG, 1, who="traits.a > 4", name="Big")
    with pytest.raises(StaleVersion) as caught:
        put(store, BIG, 1, who="traits.a > 5")
    assert str(caught.value) == "the audience big is at version 2: ada has changed it"
    assert caught.value.difference == [
        ("who", "traits.a > 4", "traits.a > 5"),
        ("name", "Big", None),
    ]
    with pytest.raises(NameTaken, match="there is an audience big already"):
        put(store, BIG, 0, who="traits.a > 5")
    with store.write() as tx, pytest.raises(StaleVersion):
        defining.remove(tx, 2000, BIG, "bob", 1)
    with store.write() as tx:
        defining.remove(tx, 2000, BIG, "bob", 2)
    with pytest.raises(StaleVersion, match="was removed"):
        put(store, BIG, 2, who="traits.a > 5")
    assert put(store, BIG, 0, who="traits.a > 5") == 4


def test_of_two_edits_at_once_one_is_refused(store: Store) -> None:
    put(store, BIG, who="traits.a > 0")
    outcomes: list[str] = []
    ready = threading.Barrier(4)

    def edit(number: int) -> None:
        ready.wait()
        try:
            put(store, BIG, 1, who=f"traits.a > {number}")
            outcomes.append("taken")
        except StaleVersion:
            outcomes.append("refused")

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 3 + ["taken"]


def test_every_change_counts_even_of_two_at_once(store: Store) -> None:
    with store.read() as tx:
        before = meta.version(tx)

    def bump() -> None:
        for _ in range(20):
            with store.write() as tx:
                meta.bump(tx)

    threads = [threading.Thread(target=bump) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert meta.version(tx) == before + 60


def test_what_is_used_stays_and_what_is_not_goes(store: Store) -> None:
    shop(store)
    with store.write() as tx, pytest.raises(StillUsed) as caught:
        defining.remove(tx, 2000, ORDERS, "ada")
    assert caught.value.users == ["orders is used by the audience big (who)"]
    assert body(store, ORDERS)
    with store.write() as tx:
        defining.remove(tx, 2000, BOTH, "ada")
    with store.write() as tx, pytest.raises(NoSuchDefinition, match="there is no audience both"):
        defining.remove(tx, 2000, BOTH, "ada")
    with store.read() as tx:
        assert BOTH not in defining.load(tx)
        assert defining.history(tx, BOTH)[0].body is None


def test_an_older_version_holds_again_and_a_removed_one_comes_back(store: Store) -> None:
    put(store, BIG, who="traits.a > 3")
    put(store, BIG, who="traits.a > 4")
    with store.write() as tx:
        defining.remove(tx, 2000, BIG, "ada")
    for to, says in ((3, "was a removal"), (9, "never was")):
        with store.write() as tx, pytest.raises(DefinitionError, match=says):
            defining.revert(tx, 3000, BIG, to, "bob")
    with store.write() as tx:
        made = defining.revert(tx, 3000, BIG, 1, "bob").version
    assert (made.version, made.body, made.author) == (4, {"who": "traits.a > 3"}, "bob")
    with store.write() as tx, pytest.raises(NoSuchDefinition):
        defining.revert(tx, 3000, BOTH, 1, "bob")


def test_a_revert_to_what_no_longer_can_be_is_refused(store: Store) -> None:
    shop(store)
    put(store, BOTH, who="traits.a > 3")
    with store.write() as tx:
        defining.remove(tx, 2000, BIG, "ada")
    with store.write() as tx, pytest.raises(DefinitionError, match="there is no audience big"):
        defining.revert(tx, 3000, BOTH, 1, "ada")


def test_another_key_reaches_all_that_refer_to_it(store: Store) -> None:
    shop(store)
    with store.write() as tx:
        made = defining.rename(tx, 2000, BIG, "ada", "best")
    assert (made.version.key, made.version.version) == ("best", 1)
    assert body(store, BOTH) == {"who": 'audience("best") or traits.best = false'}
    with store.write() as tx:
        defining.rename(tx, 2000, VIRTUAL, "ada", name="Huge Order")
    assert body(store, VIRTUAL)["name"] == "Huge Order"
    assert body(store, ORDERS) == {"value": 'count("Huge Order")'}
    with store.write() as tx, pytest.raises(NameTaken):
        defining.rename(tx, 2000, BOTH, "ada", "best")
    with store.write() as tx, pytest.raises(DefinitionError, match="small letters"):
        defining.rename(tx, 2000, BOTH, "ada", "Best!")
    with store.read() as tx:
        assert BIG not in defining.load(tx)


def test_who_uses_whom_is_told_from_both_sides(store: Store) -> None:
    shop(store)
    with store.read() as tx:
        links = defining.links(defining.load(tx))
    assert links[BOTH].uses == [BIG]
    assert [user.id for user in links[BIG].used_by] == [BOTH]
    assert links[ORDERS].uses == [VIRTUAL]
    assert [user.id for user in links[ORDERS].used_by] == [BIG]
    assert links[VIRTUAL].uses == []


def test_a_change_of_several_is_made_as_a_whole_or_not(store: Store) -> None:
    good = KINDS["audience"].read("a", {"who": 'audience("b")'})
    other = KINDS["audience"].read("b", {"who": "traits.plan = 1"})
    bad = KINDS["audience"].read("b", {"who": 'audience("nobody") or properties.x = 1'})
    one, two = ("audience", "a"), ("audience", "b")
    with store.write() as tx, pytest.raises(DefinitionError) as caught:
        defining.change(tx, 1000, {one: good, two: bad}, "ada")
    assert len(caught.value.faults) == 2
    with store.read() as tx:
        assert defining.load(tx) == {}
    with store.write() as tx:
        defining.change(tx, 1000, {one: good, two: other}, "ada")
    with store.read() as tx:
        assert set(defining.load(tx)) == {one, two}
        assert [c.author for c in recorded(tx)] == ["ada", "ada"]


def recorded(tx: Connection) -> list[Any]:
    return list(tx.execute(select(changes).where(changes.c.kind == "audience")))


def test_a_body_is_judged_without_being_kept(store: Store) -> None:
    shop(store)
    with store.read() as tx:
        kept, finding = defining.judge(tx, BIG, {"who": "traits.orders>4 and traits.big = 1"})
        assert kept == {"who": "traits.orders > 4 and traits.big = 1"}
        assert "depend on itself" in finding.errors[0].text
    assert body(store, BIG) == {"who": "traits.orders > 3"}
