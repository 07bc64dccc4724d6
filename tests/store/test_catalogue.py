"""Reading the catalogue, and forgetting parts of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdp.protocols import Seen, hides_something
from cdp.store import config_rows
from cdp.store.catalogue import reads as catalogue_reads
from cdp.store.catalogue import writing as catalogue
from cdp.store.catalogue.reads import DAY_MS
from tests.factories import Space, ana, iso


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = Space(tmp_path)
    yield made
    made.close()


TODAY = int(time.time() * 1000) // DAY_MS


def track(name: str, source: int = 0, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": "u1", "properties": properties}


def fields(space: Space, name: str, source: int | None = None) -> dict[str, Any]:
    with space.store.read() as tx:
        entry = catalogue_reads.entry(tx, TODAY, None, name)
        assert entry is not None
        found = catalogue_reads.fields(tx, entry.id, source=source).fields
    return {field.path: field for field in found}


def values(space: Space, name: str, path: str) -> set[Any]:
    return {sample.value for sample in fields(space, name)[path].samples}


def test_a_name_tells_volume_types_shares_and_samples(space: Space) -> None:
    space.send(*(track("Bought", total=n, color="red") for n in range(8)))
    space.send(track("Bought", total="9"), track("Bought"))
    found = fields(space, "Bought")
    total = found["total"]
    assert (total.n, total.share, total.conflict) == (9, 0.9, True)
    assert total.types == [("integer", 8), ("string", 1)]
    assert [(s.value, s.n) for s in found["color"].samples] == [("red", 8)]
    with space.store.read() as tx:
        entry = catalogue_reads.entry(tx, TODAY, "track", "Bought")
        assert entry is not None and (entry.n, entry.lately, entry.looked) == (10, 10, 10)
        assert catalogue_reads.by_day(tx, TODAY, [entry.id], 3)[entry.id] == [0, 0, 10]


def test_traits_of_people_and_of_accounts_and_the_context_are_told(space: Space) -> None:
    space.send(*ana())
    with space.store.read() as tx:
        n, people = catalogue_reads.fields_of(tx, "identify")
        m, accounts = catalogue_reads.fields_of(tx, "group")
        k, context = catalogue_reads.fields_of(tx, "context")
    assert (n, m, k) == (2, 1, 5)
    assert {f.path: f.share for f in people.fields} == {"plan": 1.0, "name": 0.5, "email": 0.5}
    by_path = {f.path: f.samples for f in people.fields}
    assert by_path["name"][0].personal == "name" and by_path["name"][0].value is None
    assert {f.path for f in accounts.fields} == {"name", "seats"}
    assert {s.value for f in accounts.fields for s in f.samples} == {"Acme Ltd", 7}
    assert [s.personal for f in context.fields if f.path == "ip" for s in f.samples] == ["ip"]


def test_a_search_finds_names_and_what_carries_a_property(space: Space) -> None:
    space.send(track("Bought", coupon_code="A"), track("Left", why="x"), track("100%_off"))

    def found(q: str) -> list[str]:
        with space.store.read() as tx:
            return [e.name for e in catalogue_reads.entries(tx, TODAY, q).entries]

    assert found("bou") == ["Bought"]
    assert found("COUPON") == ["Bought"]
    assert found("%") == ["100%_off"]
    assert found("nothing") == []


def test_names_sort_by_volume_name_and_time(space: Space) -> None:
    space.send(
        {**track("B"), "timestamp": iso(10)},
        {**track("A"), "timestamp": iso(30)},
        {**track("A"), "timestamp": iso(20)},
    )

    def order(sort: str) -> list[str]:
        with space.store.read() as tx:
            return [e.name for e in catalogue_reads.entries(tx, TODAY, sort=sort).entries]

    assert order("volume") == order("name") == ["A", "B"]
    assert order("last_seen") == order("first_seen") == ["B", "A"]


def test_values_are_forgotten_wherever_they_are(space: Space) -> None:
    space.send(
        track("Bought", note="sent to Zofia Mazur", code="zm-1", n=4711, other="stays"),
        track("Bought", byname={"zm-1": {"x": 1}}),
        track("Mail zm-1"),
        track("Long", text="x" * 92 + "Zofia Mazur" + "y" * 50),
    )
    assert "Mail zm-1" in _names(space)
    with space.store.write() as tx:
        catalogue.forget_values(tx, {"zofia mazur", "zm-1", "4711", ""})
    left = fields(space, "Bought")
    assert {path for path in left if "zm" in path} == set()
    assert all(not left[path].samples for path in ("note", "code", "n"))
    assert values(space, "Bought", "other") == {"stays"}
    assert values(space, "Long", "text") == set()
    assert "Mail zm-1" not in _names(space)
    with space.store.read() as tx:
        [entry] = [e for e in catalogue_reads.entries(tx, TODAY).entries if "removed" in e.name]
    assert entry.n == 1 and hides_something(entry.name)
    space.send(track("Mail zm-1"), track("Mail zm-2"))  # the pipeline goes on counting
    with space.store.read() as tx:
        listed = catalogue_reads.entries(tx, TODAY).entries
    assert {e.name: e.n for e in listed}[entry.name] == 2


def test_short_values_are_only_forgotten_whole(space: Space) -> None:
    space.send(track("Bought", a="u1 and more", b="u2"))
    with space.store.write() as tx:
        catalogue.forget_values(tx, {"u2", "and"})
    assert values(space, "Bought", "a") == {"u1 and more"}
    assert values(space, "Bought", "b") == set()


def test_all_samples_go_and_counts_stay(space: Space) -> None:
    space.send(*(track("Bought", a=n) for n in range(5)))
    with space.store.write() as tx:
        catalogue.clear_samples(tx)
    field = fields(space, "Bought")["a"]
    assert field.samples == [] and field.more and field.types == [("integer", 5)]


def test_what_waits_to_be_written_is_dropped_when_something_was_forgotten(space: Space) -> None:
    space.send(track("Bought", a="first"))
    with space.store.write() as tx:
        from cdp.pipeline.catalogue import Catalogue

        waiting = Catalogue(tx)
        seen = Seen()
        seen.look({"a": "secret"}, "properties", 1)
        waiting._waiting[(1, 1)] = seen
    with space.store.write() as tx:
        catalogue.forget_values(tx, {"secret"})
    with space.store.write() as tx:
        assert waiting.write(tx, int(time.time() * 1000)) is False
    assert values(space, "Bought", "a") == {"first"}


def test_what_one_source_sent_can_be_taken_out(space: Space) -> None:
    with space.store.write() as tx:
        source = config_rows.add_source(tx, 0, "app", "App", "wk_app", "test").id
    space.send(track("Bought", a=1), track("Web only", b=1))
    import msgspec

    body = {"batch": [track("Bought", a=2, c=1), track("App only", d=1)]}
    space.send_raw("batch", msgspec.json.encode(body), source)
    assert set(fields(space, "Bought")) == {"a", "c"}
    assert set(fields(space, "Bought", source)) == {"a", "c"}
    assert fields(space, "Bought")["a"].sources == [1, source]
    with space.store.write() as tx:
        catalogue.forget_source(tx, source)
    assert sorted(_names(space)) == ["Bought", "Web only"]
    assert set(fields(space, "Bought")) == {"a"} and values(space, "Bought", "a") == {1}


def test_old_days_become_one_figure(space: Space) -> None:
    space.send(*({**track("Bought"), "timestamp": iso(60 * 24 * n)} for n in range(5)))
    with space.store.write() as tx:
        catalogue.fold_days(tx, TODAY - 1)
        catalogue.fold_days(tx, TODAY)
    with space.store.read() as tx:
        entry = catalogue_reads.entry(tx, TODAY, None, "Bought")
        assert entry is not None and entry.n == 5 and 1 <= entry.lately <= 2


def _names(space: Space) -> list[str]:
    with space.store.read() as tx:
        return [entry.label for entry in catalogue_reads.entries(tx, TODAY).entries]


@pytest.mark.parametrize("q", ["", "x"])
def test_an_empty_store_has_an_empty_catalogue(space: Space, q: str) -> None:
    with space.store.read() as tx:
        assert catalogue_reads.entries(tx, TODAY, q) == catalogue_reads.Listed([], 0)
        assert catalogue_reads.entry(tx, TODAY, None, "x") is None
        assert catalogue_reads.fields_of(tx, "identify", q)[1].fields == []
        assert catalogue_reads.other(tx) == 0
