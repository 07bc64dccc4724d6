"""What nobody waits for, or for too long, ends; and what comes after it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, literal, select

from cdp.config import Settings
from cdp.store import Store
from cdp.store.events.columnar import Columnar
from cdp.store.stopping import Stopped, Turns, stopping
from tests.postgres import emptied_database

#: Would take hours.
ENDLESS = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000)
SELECT count(*) FROM n"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    url = emptied_database() if request.param == "postgres" else None
    made = Store.open(Settings(data=tmp_path_factory.mktemp("stopping"), database_url=url))
    yield made
    made.close()


def test_what_takes_too_long_ends(store: Store) -> None:
    turn = Turns().begin("ana")
    with turn, pytest.raises(Stopped), store.read() as tx, stopping(tx, 0.05, turn):
        tx.exec_driver_sql(ENDLESS)
    assert not turn.over
    with store.read() as tx:  # of the same connection, which is free again
        assert tx.exec_driver_sql("SELECT 1").scalar() == 1


def test_a_newer_question_of_the_same_asker_ends_the_older(store: Store) -> None:
    turns = Turns()
    older = turns.begin("ana")
    under_way, ended = threading.Event(), threading.Event()

    def ask() -> None:
        try:
            with older, store.read() as tx, stopping(tx, 600, older):
                under_way.set()
                tx.exec_driver_sql(ENDLESS)
        except Stopped:
            ended.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert under_way.wait(30)
    with turns.begin("ben"), turns.begin(""):
        assert not older.over
    with turns.begin("ana") as newer:
        assert older.over and not newer.over
    while not ended.wait(0.1):  # Postgres may have been told just before it began
        older.end()
    asking.join(30)


def test_a_question_that_is_over_before_it_begins_is_not_worked_on(store: Store) -> None:
    turns = Turns()
    with turns.begin("ana") as older:
        with turns.begin("ana"):
            assert older.over
        with pytest.raises(Stopped), store.read() as tx, stopping(tx, 600, older):
            pytest.fail("it was begun")


def test_what_duckdb_does_for_a_question_ends_with_it(tmp_path: Path) -> None:
    store = Store.open(Settings(data=tmp_path))
    a, b = (func.range(10**9).table_valued("range", name=name) for name in "ab")
    endless = select(func.count()).select_from(a, b).where((a.c.range + b.c.range) % 7 == 3)
    turn = Turns().begin("ana")
    with turn, store.read() as tx:
        duck = Columnar(tx, [], [])
        with pytest.raises(Stopped), stopping(tx, 0.05, turn):
            duck.execute(endless, [])
        # Nobody watches any more.
        assert duck.execute(select(literal(1).label("one")), []).scalar() == 1
    store.close()
