"""What is due: one row a profile for all of its audiences, read as timers in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, select, text

from cdp.store import Store
from cdp.store.audiences.timers import (
    AUDIENCE,
    JOURNEY,
    RECHECK,
    Timer,
    due_timers,
    dues_of,
    put_dues,
    put_timers,
)
from cdp.store.migrate import migrate
from cdp.store.migrations.versions import v0033_timers_of_people as migration
from cdp.store.tables import timers
from tests.postgres import emptied_database

BEFORE = """
CREATE TABLE timers (
    kind INTEGER NOT NULL, subject BIGINT NOT NULL, profile BIGINT NOT NULL, due BIGINT NOT NULL,
    PRIMARY KEY (profile, kind, subject)
)
"""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def tx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A transaction of an empty store."""
    if request.param == "sqlite":
        store = Store.at(tmp_path / "a.db")
    else:
        from cdp.config import Settings

        store = Store.open(Settings(database_url=emptied_database()))
    migrate(store)
    with store.write() as transaction:
        yield transaction
        transaction.rollback()
    store.close()


def rows(tx: Connection) -> list[tuple[int, int, int, int]]:
    c = timers.c
    found = tx.execute(select(c.profile, c.kind, c.subject, c.due).order_by(c.profile, c.kind))
    return [(profile, kind, subject, due) for profile, kind, subject, due in found]


def test_a_profile_has_one_row_due_when_the_soonest_is(tx: Connection) -> None:
    put_timers(tx, [Timer(RECHECK, 0, 1, 5), Timer(JOURNEY, 9, 2, 6)])
    put_dues(tx, {2: {7: 300}, 1: {7: 200, 8: 100, 9: 2**41}})
    others = [(1, RECHECK, 0, 5), (2, JOURNEY, 9, 6)]
    assert rows(tx) == sorted([*others, (1, AUDIENCE, 0, 100), (2, AUDIENCE, 0, 300)])
    assert dict(dues_of(tx, [1, 2, 3])) == {1: {7: 200, 8: 100, 9: 2**41}, 2: {7: 300}}
    put_dues(tx, {1: {9: 50}, 2: {}, 3: {}})
    assert rows(tx) == sorted([*others, (1, AUDIENCE, 0, 50)])


def test_each_of_a_row_is_a_timer_in_its_turn(tx: Connection) -> None:
    put_dues(tx, {1: {7: 10, 8: 30, 9: 50}, 2: {7: 20}})
    put_timers(tx, [Timer(JOURNEY, 5, 1, 25), Timer(JOURNEY, 6, 2, 30)])
    assert due_timers(tx, 40, 10) == [
        Timer(AUDIENCE, 7, 1, 10), Timer(AUDIENCE, 7, 2, 20), Timer(JOURNEY, 5, 1, 25),
        Timer(AUDIENCE, 8, 1, 30), Timer(JOURNEY, 6, 2, 30),
    ]  # fmt: skip


def test_what_is_due_after_the_rows_that_are_left_is_left_too(tx: Connection) -> None:
    put_dues(tx, {1: {7: 10, 8: 20, 9: 30}})
    put_timers(tx, [Timer(JOURNEY, 5, 1, 20), Timer(JOURNEY, 6, 1, 25)])
    assert due_timers(tx, 40, 1) == [Timer(AUDIENCE, 7, 1, 10)]
    assert due_timers(tx, 40, 2) == [Timer(AUDIENCE, 7, 1, 10), Timer(AUDIENCE, 8, 1, 20)]
    assert [timer.due for timer in due_timers(tx, 40, 4)] == [10, 20, 20, 25]
    put_dues(tx, {2: {7: 15}})
    assert [timer.due for timer in due_timers(tx, 40, 3)] == [10, 15, 20]


def test_timers_from_before_are_brought_together(
    tx: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "PIECE", 3)
    before = [(profile, id_, 100 * profile - id_) for profile in range(1, 6) for id_ in range(4, 9)]
    tx.execute(text("DROP TABLE timers"))
    tx.execute(text(BEFORE))
    tx.execute(text("CREATE INDEX timers_due ON timers (due)"))
    for profile, id_, due in before:
        tx.execute(text(f"INSERT INTO timers VALUES ({AUDIENCE}, {id_}, {profile}, {due})"))
    tx.execute(text(f"INSERT INTO timers VALUES ({JOURNEY}, 4, 2, 7), (6, 1, 0, 8), (2, 0, 9, 9)"))
    with Operations.context(MigrationContext.configure(tx)):
        migration.upgrade()
    together = {p: {i: due for q, i, due in before if p == q} for p in range(1, 6)}
    assert dict(dues_of(tx, list(range(10)))) == together
    others = [(0, 6, 1, 8), (2, JOURNEY, 4, 7), (9, RECHECK, 0, 9)]
    assert rows(tx) == sorted([*others, *((p, AUDIENCE, 0, 100 * p - 8) for p in range(1, 6))])
