"""The catalogue counts exactly, shows only what was there, and nothing personal."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.pipeline import catalogue as taking
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.catalogue import writing as catalogue
from cdp.store.tables import catalogue_days, catalogue_names, catalogue_properties, catalogue_seen
from tests.laws.world import BASE, World, splits
from tests.postgres import new_database

pytestmark = pytest.mark.slow

DAY_MS = 86_400_000
TODAY = BASE // DAY_MS
EMAILS = st.emails()

NAMES = st.sampled_from(["Order Completed", "Viewed", "Żółta 2", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.sampled_from(["red", "blue"]) | EMAILS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "to"]) | EMAILS, inner, max_size=3)
    ),
    max_leaves=6,
)
PROPERTIES = st.dictionaries(st.sampled_from(["color", "n", "who"]) | EMAILS, VALUES, max_size=4)


@st.composite
def message(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """A message of any type, at any time of some days or long ago."""
    type_ = draw(st.sampled_from(["track", "page", "identify", "group"]))
    made: dict[str, Any] = {
        "type": type_,
        "messageId": f"m{number}",
        "userId": "u1",
        "timestamp": BASE - draw(st.sampled_from([0, 1, 2, 3, 500, 900])) * DAY_MS - number,
        "context": {"page": {"title": draw(st.sampled_from(["Home", "Sale"]) | EMAILS)}},
    }
    key = "traits" if type_ in ("identify", "group") else "properties"
    made[key] = draw(PROPERTIES)
    if type_ == "track":
        made["event"] = draw(NAMES)
    elif type_ == "page":
        made["name"] = draw(NAMES | st.just(""))
    elif type_ == "group":
        made["groupId"] = "g1"
    return made


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Distinct messages, some of them repeated, in any order."""
    size = draw(st.integers(1, 25))
    made = [draw(message(number)) for number in range(size)]
    again = draw(st.lists(st.sampled_from(made), max_size=8))
    return list(draw(st.permutations(made + again)))


def naive(messages: list[dict[str, Any]]) -> tuple[Counter[Any], dict[Any, tuple[int, int]]]:
    """(type, name, day) → how many, and (type, name) → first and last time."""
    counts: Counter[Any] = Counter()
    spans: dict[Any, tuple[int, int]] = {}
    for one in {m["messageId"]: m for m in messages}.values():
        t, day = one["timestamp"], one["timestamp"] // DAY_MS
        what = (one["type"], one.get("event") or one.get("name") or "")
        counts[(*what, day if day >= TODAY - catalogue.DAYS else 0)] += 1
        first, last = spans.get(what, (t, t))
        spans[what] = (min(first, t), max(last, t))
    return counts, spans


def exact(world: World) -> tuple[Counter[Any], dict[Any, tuple[int, int]]]:
    with world.store.read() as tx:
        names = {row.id: (row.type, row.name) for row in tx.execute(catalogue_names.select())}
        counts = Counter(
            {(*names[row.name_id], row.day): row.n for row in tx.execute(catalogue_days.select())}
        )
        seen = {
            names[row.name_id]: row
            for row in tx.execute(catalogue_seen.select())
            if names[row.name_id][0] != "context"
        }
    totals = Counter[Any]()
    for (type_, name, _), n in counts.items():
        totals[(type_, name)] += n
    assert {what: row.n for what, row in seen.items()} == totals
    return counts, {what: (row.first_t, row.last_t) for what, row in seen.items()}


def shown(world: World) -> list[catalogue_reads.Field]:
    """Every field that any read of the catalogue gives."""
    with world.store.read() as tx:
        found = [
            field
            for entry in catalogue_reads.entries(tx, TODAY).entries
            for field in catalogue_reads.fields(tx, entry.id).fields
        ]
        return found + catalogue_reads.fields_of(tx, "context")[1].fields


def check(world: World, history: list[dict[str, Any]], cuts: list[int]) -> None:
    world.take(splits(history, cuts))
    assert exact(world) == naive(history)
    there = json.dumps(history, ensure_ascii=False)
    for field in shown(world):
        assert 0 < field.n <= len(history)
        for sample in field.samples:
            assert "@" not in field.path and "@" not in str(sample.value)
            if sample.personal is None:
                assert json.dumps(sample.value, ensure_ascii=False) in there


CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(histories(), CUTS)
def test_counts_are_exact_and_masks_hold(history: list[dict[str, Any]], cuts: list[int]) -> None:
    world = World()
    try:
        check(world, history, cuts)
    finally:
        world.close()


@pytest.mark.postgres
@settings(max_examples=5, deadline=None)
@given(histories(), CUTS)
def test_counts_are_exact_on_postgres(history: list[dict[str, Any]], cuts: list[int]) -> None:
    world = World(new_database())
    try:
        check(world, history, cuts)
        with world.store.write() as tx:
            catalogue.fold_days(tx, TODAY + 1)
            catalogue.forget_values(tx, {"red", "Viewed"})
        with world.store.read() as tx:
            days = list(tx.execute(catalogue_days.select()))
            assert {row.day for row in days} == {0}
            assert sum(row.n for row in days) == len({m["messageId"] for m in history})
            details = [row.detail for row in tx.execute(catalogue_properties.select())]
        assert not any("red" in detail for detail in details)
    finally:
        world.close()


def test_names_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "MAX_NAMES", 3)
    world = World()
    try:
        sent = [
            {
                "type": "track",
                "event": f"Event {chr(65 + n % 26)}{chr(65 + n // 26)}",
                "userId": "u1",
                "messageId": f"m{n}",
            }
            for n in range(60)
        ]
        world.take([sent[:30], sent[30:]])
        with world.store.read() as tx:
            assert len(catalogue.all_names(tx)) == 3  # two events, and the context
            assert catalogue_reads.other(tx) == 58
            assert sum(e.n for e in catalogue_reads.entries(tx, TODAY).entries) == 2
    finally:
        world.close()


def test_names_that_differ_by_an_id_are_one() -> None:
    world = World()
    try:
        sent = [
            {
                "type": "track",
                "event": f"Viewed {n:08x}-1111-4222-8333-1234567890ab by ana{n}@x.org",
                "userId": "u1",
                "messageId": f"m{n}",
            }
            for n in range(50)
        ]
        world.take([sent])
        with world.store.read() as tx:
            [entry] = catalogue_reads.entries(tx, TODAY).entries
        assert (entry.name, entry.n) == ("Viewed ‹id› by ‹email›", 50)
    finally:
        world.close()
