"""A profile's events by time: always what sorting all of them would give."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from cdp.store import Store
from cdp.store.events import history, timeline
from cdp.store.events.history import HistoryRow
from cdp.store.migrate import migrate
from cdp.store.tables import partition_tables, partitions
from tests.factories import Space

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "120"))


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    space = Space(tmp_path_factory.mktemp("timeline"), url)
    migrate(space.store)
    yield space.store
    space.close()


events = st.lists(
    # (t, node, name, whether a new partition begins here)
    st.tuples(
        st.integers(-3, 12),
        st.integers(1, 5),
        st.integers(1, 6),
        st.sampled_from([False] * 9 + [True]),
    ),
    max_size=60,
)
queries = st.fixed_dictionaries(
    {"limit": st.integers(1, 8), "ascending": st.booleans()},
    optional={
        "start": st.integers(-4, 13),
        "end": st.integers(-4, 13),
        "name_ids": st.one_of(st.lists(st.integers(1, 7), max_size=4), st.just(list(range(2, 60)))),
        "without": st.lists(st.integers(1, 7), max_size=4),
    },
)


def naive(rows: list[HistoryRow], nodes: list[int], query: dict[str, Any]) -> list[HistoryRow]:
    picked = [
        row
        for row in rows
        if row.node in nodes
        and query.get("start", -99) <= row.t <= query.get("end", 99)
        and row.name in query.get("name_ids", range(99))
        and row.name not in query.get("without", ())
    ]
    return sorted(picked, key=lambda row: (row.t, row.seq), reverse=not query["ascending"])


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(events, st.lists(st.integers(1, 6), max_size=4, unique=True), queries, st.booleans())
def test_pages_are_what_sorting_everything_would_give(
    store: Store, drawn: list[tuple[int, int, int, bool]], nodes: list[int], query: Any, known: bool
) -> None:
    with store.engine.connect() as tx:
        if store.dialect == "sqlite":
            tx.exec_driver_sql("BEGIN")
        rows: list[HistoryRow] = []
        number = 0
        for seq, (t, node, name, fresh) in enumerate(drawn, 1):
            if fresh or not number:
                number += 1
                history.begin_partition(tx, number, seq, 0)
            rows.append(HistoryRow(seq, node, name, t, 1, 0, None))
            history.append(tx, number, rows[-1:], seq)
        if not known and number:
            tx.execute(
                update(partitions).where(partitions.c.id == 1).values(min_t=None, max_t=None)
            )
        before, paged = None, []
        while page := timeline.rows_of_nodes(tx, nodes, before=before, **query):
            paged += page
            before = (page[-1].t, page[-1].seq)
        assert paged == naive(rows, nodes, query)
        tx.rollback()


def test_a_page_reads_only_the_partitions_that_it_needs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    heads = timeline._heads

    def count(tx: Any, number: int, *rest: Any) -> Any:
        looked.append(number)
        return heads(tx, number, *rest)

    monkeypatch.setattr(timeline, "_heads", count)
    with store.engine.connect() as tx:
        if store.dialect == "sqlite":
            tx.exec_driver_sql("BEGIN")
        for number in range(1, 9):
            first = number * 100
            history.begin_partition(tx, number, first, 0)
            rows = [(first + n, 1, n % 3, first + n, 1, 0, None) for n in range(50)]
            history.append(tx, number, rows, first)
        timeline.rows_of_nodes(tx, [1], limit=50)
        assert looked == [8]
        looked.clear()
        timeline.rows_of_nodes(tx, [1], limit=60, ascending=True)
        assert looked == [1, 2]
        looked.clear()
        found = timeline.rows_of_nodes(tx, [1], start=310, end=320)
        assert looked == [3] and len(found) == 11
        tx.rollback()


def test_partitions_know_which_times_they_hold(tmp_path: Path) -> None:
    space = Space(tmp_path, partition_messages=10)
    try:
        for turn in (5, 1, 9):
            space.send(
                *(
                    {
                        "type": "track",
                        "event": "Seen",
                        "userId": "u",
                        "timestamp": 1_700_000_000_000 + turn * 100 + n,
                    }
                    for n in range(7)
                )
            )
        with space.store.read() as tx:
            for info in history.list_partitions(tx):
                table = partition_tables(info.id).history
                times = [t for (t,) in tx.execute(select(table.c.t))]
                row = tx.execute(select(partitions).where(partitions.c.id == info.id)).one()
                assert (row.min_t, row.max_t) == (min(times), max(times))
            assert len(history.list_partitions(tx)) > 1
    finally:
        space.close()
