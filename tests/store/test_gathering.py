"""Events put together in memory are whose the store says they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import case, delete, literal, select, union_all
from sqlalchemy.types import BigInteger, Float, String

from cdp.conditions.sql.aggregates import LIFT
from cdp.conditions.sql.gather import SEQ_BITS
from cdp.conditions.sql.values import SCALE
from cdp.store import Store
from cdp.store.audiences import chains, distinct, whose
from cdp.store.audiences.gathering import Gatherer
from cdp.store.events.kept import value_row
from cdp.store.migrate import migrate
from cdp.store.tables import USERS, nodes

#: Of each node the profile: 2 and 9 are one's, 4 is nobody's, and 3 and 6 are not there.
HOMES = {1: 1, 2: 7, 4: 0, 5: 3, 7: 2, 8: 11, 9: 7}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    made = Store.at(tmp_path_factory.mktemp("gathering") / "store.db")
    migrate(made)
    with made.write() as tx:
        for node, profile in HOMES.items():
            row = {"id": node, "key": node, "collection": USERS, "ids": "[]", "first_t": 1,
                   "first_source": 1, "first_message_id": "m", "component": node}  # fmt: skip
            tx.execute(nodes.insert().values(**row, profile=profile))
    yield made
    made.close()


@pytest.fixture(params=["all homes", "some"], autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whose, "FEW", 0 if request.param == "all homes" else 1_000)


def events(*rows: tuple[int, Any]) -> Any:
    """A select of events, of a node each, with a number."""
    one = [select(literal(n, BigInteger).label("node"), literal(v, BigInteger).label("num"))
           for n, v in rows]  # fmt: skip
    c = union_all(*one).subquery("e").c
    odd = case((c.num == 13, 1))
    return select(c.node, c.num, case((c.num != 5, c.num)).label("k"), odd.label("odd"))


# Node 3 is gone, 77 was never there.
PIECES = [(1, 4), (2, -6), (9, 6), (3, 1), (77, 1)], [(5, 2), (2, 3), (4, 1), (5, 8)]


def pieces(*more: tuple[int, Any]) -> list[Any]:
    return [events(*PIECES[0]), events(*PIECES[1], *more)]


def test_people_are_those_of_the_nodes_less_those_of_others(store: Store) -> None:
    with store.read() as tx:
        gatherer = Gatherer(tx)

        def people(*asked: Any) -> list[int]:
            found = gatherer.people(*asked)
            assert found is not None
            return list(tx.execute(found).scalars())

        assert people(pieces()) == [1, 3, 7]
        assert people(pieces(), [events((9, 1), (7, 1))]) == [1, 3]
        assert people([]) == []


def test_the_events_of_all_nodes_of_a_person_count(store: Store) -> None:
    with store.read() as tx:
        gatherer = Gatherer(tx)
        counts = tx.execute(select(gatherer.counts(pieces()))).all()
        assert sorted(map(tuple, counts)) == [(1, 1), (3, 2), (7, 3)]
        sums = tx.execute(select(gatherer.sums(pieces((7, 0))))).all()
        assert sorted(map(tuple, sums)) == [(1, 4), (3, 10), (7, 3)]
        assert tx.execute(select(gatherer.counts([]))).all() == []


def test_what_is_no_whole_number_or_none_at_all_is_left_to_the_database(store: Store) -> None:
    with store.read() as tx:
        gatherer = Gatherer(tx)
        assert gatherer.sums(pieces((7, 5))) is None  # no whole number of fourth decimals
        assert gatherer.sums(pieces((7, 13))) is None  # odd
        assert gatherer.sums(pieces((7, None))) is not None  # a text, which is not added up


def values(*rows: tuple[int, Any]) -> list[Any]:
    """A select of events with the value of each as it is kept."""
    one = []
    for node, value in rows:
        num, text, raw = value_row(value) or (None, None, None)
        kept = (literal(num, Float), literal(text, String), literal(raw, String))
        names = ("num", "text", "json")
        one.append(
            select(
                literal(node, BigInteger).label("node"),
                *(item.label(name) for item, name in zip(kept, names, strict=True)),
            )
        )
    return [select(union_all(*one).subquery("e"))]


def test_the_mean_has_the_sum_beside_how_many_were_added_up(store: Store) -> None:
    with store.read() as tx:
        gatherer = Gatherer(tx)
        found = tx.execute(select(gatherer.means(pieces((7, 0), (8, -7), (1, None))))).all()
        assert sorted(map(tuple, found)) == [
            (1, 4, 1),
            (2, 0, 1),
            (3, 10, 2),
            (7, 3, 3),
            (11, -7, 1),
        ]
        assert gatherer.means(pieces((7, 5))) is None  # no whole number of fourth decimals
        assert gatherer.means(pieces((7, 13))) is None  # odd
        assert gatherer.means(pieces((7, 2**45))) is None  # too large beside a number
        assert gatherer.means(pieces((7, 2**62), (7, 2**62))) is None  # beyond all of them


def test_the_farthest_numbers_of_each_are_found(store: Store) -> None:
    some = values((2, 1.5), (9, -0.25), (1, 0), (3, 99), (5, None), (5, 7))
    with store.read() as tx:
        gatherer = Gatherer(tx)
        for ask, wanted in (
            (gatherer.greatest, [(1, 0), (3, 7), (7, 1.5)]),
            (gatherer.least, [(1, 0), (3, 7), (7, -0.25)]),
        ):
            found = tx.execute(select(ask(some))).all()
            assert sorted((who, (n - LIFT) / SCALE) for who, n in found) == wanted
        for odd in ("2026-01-01", True, [1], 0.1 + 0.2, 1e9, 10**400):
            assert gatherer.greatest(values((1, 1), (7, odd))) is None, odd
            assert gatherer.least(values((1, 1), (7, odd))) is None, odd


def test_the_judgement_on_the_greatest_is_told_and_of_equals_on_one_end(store: Store) -> None:
    def judged(*rows: tuple[int, int, int]) -> Any:
        one = [select(literal(node, BigInteger).label("node"), literal(n * 4 + verdict, BigInteger)
                      .label("k")) for node, n, verdict in rows]  # fmt: skip
        return select(union_all(*one).subquery("e"))

    def people(*pieces: Any, last: bool = True) -> list[list[int]]:
        found = gatherer.ends(pieces, last)
        assert found is not None
        return [list(tx.execute(ids).scalars()) if ids is not None else [] for ids in found]

    with store.read() as tx:
        gatherer = Gatherer(tx)
        # 2 and 9 are one person, 7: by the last of equal numbers, though 2 comes before.
        assert people(judged((2, 5, 2), (9, 5, 0), (1, -3, 1)), judged((9, 4, 2), (5, 8, 2))) == [
            [7], [1], [3]
        ]  # fmt: skip
        assert people(judged((2, 5, 0)), judged((9, 5, 2), (4, 1, 2), (77, 1, 2))) == [[], [], [7]]
        assert people(judged((2, 5, 2), (9, 5, 0)), judged((9, 5, 1)), last=False) == [[], [], [7]]
        assert people() == [[], [], []]


def test_events_of_each_are_put_in_order_step_by_step(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(*rows: tuple[int, int, int]) -> list[Any]:
        return [
            select(*(literal(one, BigInteger).label(name) for one, name in
                     zip(row, ("node", "t", "seq"), strict=True)))
            for row in rows
        ]  # fmt: skip

    def people(needed: int) -> list[int] | None:
        def test(steps: Any) -> bool:
            told.append([[(one >> SEQ_BITS, one % 2**SEQ_BITS) for one in own] for own in steps])
            return len(told) != 2

        told.clear()
        found = gatherer.chained([first, then], needed, test)
        return None if found is None else list(tx.execute(found).scalars())

    told: list[Any] = []
    # 2 and 9 are 7's; 4 is nobody's, 3 and 77 are not there.
    first = step((9, 5, 4), (2, -5, 9), (1, 3, 3), (3, 1, 1), (4, 1, 2), (5, 8, 1))
    then = step((2, 5, 3), (1, 4, 4), (77, 1, 1), (8, 1, 5))
    with store.read() as tx:
        gatherer = Gatherer(tx)
        assert people(2) == [7]
        assert told == [[[(-5, 9), (5, 4)], [(5, 3)]], [[(3, 3)], [(4, 4)]]]
        assert people(1) == [3, 7]
        assert told[2] == [[(8, 1)], []]
        monkeypatch.setattr(chains, "MOST_HELD", 4)
        assert people(2) is None  # seven's and one's are five
        monkeypatch.setattr(chains, "MOST_HELD", 5)
        assert people(2) == [7] and people(1) is None
        monkeypatch.setattr(chains, "MOST_SEEN", 8)
        assert people(2) is None
        monkeypatch.setattr(whose, "MOST", 10)
        assert people(2) is None


def test_different_values_are_counted_once_a_person(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(*asked: Any) -> list[tuple[int, int]]:
        return sorted(map(tuple, tx.execute(select(gatherer.different(asked))).all()))

    with store.read() as tx:
        gatherer = Gatherer(tx)
        words = values((2, "a"), (9, "a"), (2, 'b"\n'), (1, "1"), (4, "a"), (5, None))
        numbers = values((2, 1), (9, 1.0), (9, 0.1 + 0.2), (1, 1))
        assert counted(*words) == [(1, 1), (7, 2)]
        assert counted(*numbers) == [(1, 1), (7, 2)]
        assert counted(*words, *numbers) == [(1, 2), (7, 4)]
        for odd in (True, ["a"], {"a": 1}, "x" * 10_000, 1e9):
            assert gatherer.different([*values((7, odd))]) is None, odd
        assert gatherer.different(values((1, "a"), (1, 1))) is None
        monkeypatch.setattr(distinct, "VALUES", 2)
        assert gatherer.different(words) is None


def test_the_most_frequent_value_of_each_is_judged_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Any] = []

    def people(*asked: Any, is_: Any = "a") -> list[int] | None:
        def differs(value: Any) -> bool:
            judged.append(value)
            return bool(value == is_)

        ids = gatherer.frequent(asked, differs)
        return None if ids is None else sorted(tx.execute(ids).scalars())

    with store.read() as tx:
        gatherer = Gatherer(tx)
        words = values((2, "a"), (2, "b"), (9, "a"), (1, "b"), (1, "b"), (1, "a"), (4, "a"))
        assert people(*words) == [7] and people(*words, is_="b") == [1]
        assert sorted(judged) == ["a", "a", "b", "b"]
        # Of as many the first in order, numbers before texts; one alone is none.
        tied = values((2, "b"), (2, "b"), (2, "a"), (9, "a"), (1, "a"))
        assert people(*tied) == [7]
        assert people(*tied, *values((2, 9), (9, 9.0)), is_=9) == [7]
        assert people(*values((2, "a"), (1, "a"))) == []
        # How a whole number was written is not known any more.
        one = values((2, 1), (9, 1))
        assert gatherer.frequent(one, lambda value: type(value) is int) is None
        assert gatherer.frequent(one, lambda value: None) is None
        for odd in (True, ["a"], {"a": 1}, "x" * 10_000, 1e9):
            assert people(*values((7, odd))) is None, odd
        monkeypatch.setattr(distinct, "_JUDGED", 1)
        assert people(*words) is None
        monkeypatch.setattr(distinct, "VALUES", 2)
        assert people(*tied) is None


def test_of_very_many_the_database_is_asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whose, "MOST", 10)
    with store.read() as tx:
        gatherer = Gatherer(tx)
        asked = pieces()
        assert gatherer.people(asked) is gatherer.counts(asked) is gatherer.sums(asked) is None
        assert gatherer.means(asked) is gatherer.greatest(asked) is gatherer.least(asked) is None
        assert gatherer.different(asked) is gatherer.ends(asked, True) is None


def test_nodes_without_a_gap_are_read_as_they_lie(store: Store) -> None:
    with store.write() as tx:
        tx.execute(delete(nodes).where(nodes.c.id > 2))
        found = Gatherer(tx).people(pieces())
        assert found is not None and list(tx.execute(found).scalars()) == [1, 7]
        tx.rollback()
