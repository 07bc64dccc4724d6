"""Recomputing an audience and previewing others, beside DuckDB's own scan of the same data."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pyarrow
from sqlalchemy import Connection, insert, literal, select

from cdp.conditions import Context, parse
from cdp.store import Store
from cdp.store.audiences import counting, matching, preview
from cdp.store.audiences.quickest import Quickest
from cdp.store.events import columnar, history, kept_files
from cdp.store.tables import USERS, audiences, members, profiles
from tests.bench import crowd
from tests.bench.crowd import DAY, NOW, Crowd
from tests.bench.figures import Figure

#: What reads a whole long past.
EVER = 'count("Order Completed") >= 3'
STANDARD = 'traits.plan = "pro" and performed("Order Completed" within 30d)'
#: What people ask: of each kind of figure, over short windows and long ones.
USUAL = (
    STANDARD,
    'traits.plan = "pro"',
    'traits.age > 40 and traits.country = "DE"',
    'performed("Order Completed" where properties.total > 150 within 30d)',
    'count("Order Completed" within 90d) >= 2',
    'count("Order Completed") >= 3',
    'sum(properties.total of "Order Completed" within 90d) > 500',
    'not performed("Order Completed" within 60d) and performed("Order Completed")',
    'last("Order Completed") < 90d ago',
    'not performed("Order Completed")',
    'performed("Product Viewed" where properties.category = "category-3" within 7d)',
    'length(unique(properties.sku of "Order Completed" within 60d)) >= 2',
    'sequence("Cart Viewed" then "Order Completed" within 2h, within 7d)',
    'not performed("Order Completed") within 1d after ("Checkout Started" within 7d)',
    'traits.plan = "free" and regex(traits.country, "^[DP]")',
    'performed("Page Viewed" within 1d)',  # nobody has read it before
)
#: Figures over a whole past, of each kind: for these there are the files.
PAST = (
    'performed("Order Completed" where properties.total > 150)',
    'count("Order Completed") >= 3',
    'sum(properties.total of "Order Completed") > 500',
    'avg(properties.total of "Order Completed") > 100',
    'min(properties.total of "Order Completed") > 100',
    'max(properties.total of "Order Completed") > 100',
    'first(properties.total of "Order Completed") > 150',
    'last(properties.sku of "Order Completed") = "sku-3"',
    'length(unique(properties.sku of "Order Completed")) >= 2',
    'first("Order Completed") > 90d ago',
)


def recompute(folder: Path, quick: bool) -> list[Figure]:
    """The standard question, and the 95th percentile of previews."""
    size, rounds = (Crowd(50_000, 500_000), 3) if quick else (Crowd(1_000_000, 10_000_000), 7)
    bare = duckdb.connect(str(folder / "bare.duckdb"))
    store = crowd.at(folder / "crowd.db")
    try:
        _fill(store, bare, size)
        ours, theirs = _standard(store, bare, rounds)
        _with_audiences(store)
        waits = _previews(store, USUAL, 1 if quick else 3)  # without files, as by default
        files, scan = _in_files(store, bare, rounds)
        with mock.patch.object(columnar, "LARGE", 0):
            past = _previews(store, PAST, 1 if quick else 3)
    finally:
        store.close()
        bare.close()
    p95, past_p95 = (statistics.quantiles(some, n=20)[18] for some in (waits, past))
    return [
        Figure("recompute_s", "s", ours, theirs, "<= 1 and ratio <= 4",
               ours <= 1 and ours / theirs <= 4),
        Figure("recompute_parquet_s", "s", files, scan, "<= 1", files <= 1),
        Figure("preview_p95_ms", "ms", p95, None, f"<= 1000 of {size.people:,}", p95 <= 1000),
        Figure("preview_past_p95_ms", "ms", past_p95, None, f"<= 1000 of {size.people:,}",
               past_p95 <= 1000),
    ]  # fmt: skip


def _fill(store: Store, bare: Any, size: Crowd) -> None:
    """The same to DuckDB, in tables of its own form: a merge must not rewrite events there, too."""
    bare.execute("CREATE TABLE events (name VARCHAR, node BIGINT, t BIGINT)")

    def each(names: list[str], who: list[int], times: list[int]) -> None:
        _insert(bare, "INSERT INTO events SELECT * FROM piece", name=names, node=who, t=times)

    plans, homes = crowd.fill(store, size, each)
    numbers = list(range(1, len(homes) + 1))
    _insert(bare, "CREATE TABLE nodes AS SELECT * FROM piece", id=numbers, profile=homes)
    people = numbers[: len(plans)]
    _insert(bare, "CREATE TABLE profiles AS SELECT * FROM piece", id=people, plan=plans)


def _insert(bare: Any, statement: str, **columns: list[Any]) -> None:
    bare.register("piece", pyarrow.table(columns))
    bare.execute(statement)
    bare.unregister("piece")


def _standard(store: Store, bare: Any, rounds: int) -> tuple[float, float]:
    condition = parse(STANDARD, Context.PERSON).root
    # Of several ways to ask it DuckDB's quickest.
    query = (
        "SELECT DISTINCT n.profile FROM events e JOIN nodes n ON n.id = e.node "
        "JOIN profiles p ON p.id = n.profile WHERE p.plan = 'pro' "
        f"AND e.name = 'Order Completed' AND e.t > {NOW - 30 * DAY} AND e.t <= {NOW}"
    )
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        found, taken = _timed(lambda: _members(store, condition))
        ours.append(taken)
        wanted, taken = _timed(lambda: {row[0] for row in bare.execute(query).fetchall()})
        theirs.append(taken)
        if found != wanted or not found:
            raise RuntimeError(f"{len(found)} people were found, DuckDB finds {len(wanted)}")
    return statistics.median(ours), statistics.median(theirs)


def _in_files(store: Store, bare: Any, rounds: int) -> tuple[float, float]:
    """DuckDB over our Parquet files, with all that has to be brought to it, and over its own."""
    condition = parse(EVER, Context.PERSON).root
    query = (
        "SELECT n.profile FROM events e JOIN nodes n ON n.id = e.node WHERE e.name = "
        f"'Order Completed' AND e.t <= {NOW} GROUP BY n.profile HAVING count(*) >= 3"
    )
    with store.write() as tx:  # so that the last one is closed
        last = history.list_partitions(tx)[-1].id
        history.begin_partition(tx, last + 1, history.next_seq(tx), NOW)
    while kept_files.write_next(store):
        pass
    ours: list[float] = []
    theirs: list[float] = []
    with mock.patch.object(columnar, "LARGE", 0):
        for _ in range(rounds):
            found, taken = _timed(lambda: _of_large(store, condition))
            ours.append(taken)
            wanted, taken = _timed(lambda: {row[0] for row in bare.execute(query).fetchall()})
            theirs.append(taken)
            if found != wanted or not found:
                raise RuntimeError(f"{len(found)} people are in files, DuckDB finds {len(wanted)}")
    return statistics.median(ours), statistics.median(theirs)


def _of_large(store: Store, condition: Any) -> set[int]:
    with store.read() as tx:
        made = matching.match_large(tx, condition, NOW)
        assert made is not None
        return set(made.run(matching.ids_of(made, made.found.could)).scalars())


def _members(store: Store, condition: Any) -> set[int]:
    with store.read() as tx:
        made = matching.match(tx, condition, NOW)
        return set(matching.list_ids(made, made.found.sure))


def _with_audiences(store: Store) -> None:
    """Ten audiences, each of a tenth of all people, to be compared with."""
    with store.write() as tx:
        for number in range(10):
            mine = select(literal(number + 1), profiles.c.id, literal(NOW - number)).where(
                profiles.c.id % 10 == number
            )
            made = tx.execute(insert(members).from_select(["audience", "profile", "since"], mine))
            row = {"id": number + 1, "kind": "audience", "key": f"tenth_{number}", "version": 1}
            tx.execute(
                insert(audiences).values(
                    **row, collection=USERS, state="live", reached=0, until=0,
                    size=made.rowcount, made_at=NOW,
                )
            )  # fmt: skip


def _previews(store: Store, questions: Sequence[str], rounds: int) -> list[float]:
    """How long it takes to say how many, who, and in which other audiences they are (ms)."""
    waits: list[float] = []
    for _ in range(rounds):
        for text in questions:
            condition = parse(text, Context.PERSON).root
            with store.read() as tx:
                _, taken = _timed(lambda tx=tx, of=condition: _preview(tx, of))
            waits.append(taken * 1000)
    return waits


def _preview(tx: Connection, condition: Any) -> None:
    who = Quickest(tx, condition, NOW)
    counted = counting.count_people(tx, condition, NOW, show=preview.SHOWN, who=who)
    preview.shown(tx, counted)
    preview.overlaps(who)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began
