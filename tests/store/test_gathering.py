"""Events put together in memory are whose the store says they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import case, delete, literal, select, union_all
from sqlalchemy.types import BigInteger

from cdp.store import Store
from cdp.store.audiences import gathering
from cdp.store.audiences.gathering import Gatherer
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
    monkeypatch.setattr(gathering, "FEW", 0 if request.param == "all homes" else 1_000)


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


def test_of_very_many_the_database_is_asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST", 10)
    with store.read() as tx:
        gatherer = Gatherer(tx)
        asked = pieces()
        assert gatherer.people(asked) is gatherer.counts(asked) is gatherer.sums(asked) is None


def test_nodes_without_a_gap_are_read_as_they_lie(store: Store) -> None:
    with store.write() as tx:
        tx.execute(delete(nodes).where(nodes.c.id > 2))
        found = Gatherer(tx).people(pieces())
        assert found is not None and list(tx.execute(found).scalars()) == [1, 7]
        tx.rollback()
