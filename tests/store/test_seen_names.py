"""What the catalogue knows of the names in a condition."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cdp.conditions import Context, parse
from cdp.store import definitions
from cdp.store.catalogue import writing as catalogue
from cdp.store.catalogue.names import names_for
from tests.factories import Space


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    made = Space(tmp_path)
    yield made
    made.close()


def warnings(space: Space, text: str, context: Context = Context.PERSON) -> list[str]:
    with space.store.read() as tx:
        return [found.text for found in parse(text, context, partial(names_for, tx)).warnings]


def track(name: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": "u1", "properties": properties}


def test_events_properties_and_traits_are_known_as_they_came(space: Space) -> None:
    space.send(
        track("Order Completed", total="5", placed="2026-01-01", items=[{"sku": 1}]),
        track("Order Completed", total="6"),
        {"type": "page", "name": "Home", "userId": "u1", "properties": {"path": "/"}},
        {"type": "identify", "userId": "u1", "traits": {"plan": "pro", "age": 7}},
    )
    assert warnings(space, 'sum(properties.totl of "Order Completed") > 5') == [
        "totl has never been seen on Order Completed. Did you mean total?"
    ]
    assert warnings(space, 'count("Order Completed" where properties.total > 5) > 1') == [
        "total has only ever been a text on Order Completed, so > is never true"
    ]
    assert warnings(space, 'performed("Order Completd") and traits.plam = "pro"') == [
        "Order Completd has never been seen. Did you mean Order Completed?",
        "the trait plam has never been seen. Did you mean plan?",
    ]
    assert warnings(space, 'performed("Page Viewed" where properties.pth = "/")') == [
        "pth has never been seen on Page Viewed. Did you mean path?"
    ]
    assert warnings(space, "traits.age = 'seven'") == [
        "the trait age has only ever been a number, so = is never true"
    ]
    filter_ = 'event = "Order Completed" and properties.items.0.sku = "1"'
    assert warnings(space, filter_, Context.MESSAGE) == [
        "items[].sku has only ever been a number on Order Completed, so = is never true"
    ]
    for right in (
        'performed("Order Completed" where properties.placed < 3d ago) and traits.plan = "pro"',
        'performed("Page Viewed" where properties.path = "/")',
    ):
        assert warnings(space, right) == []


def test_what_was_defined_is_known_too(space: Space) -> None:
    space.send(track("Bought", total=5), {"type": "identify", "userId": "u1", "traits": {"a": 1}})
    big = {"name": "Big Order", "event": "Bought", "where": "properties.total > 100"}
    with space.store.write() as tx:
        definitions.put(tx, 1, "virtual_event", "big_order", big, "ana")
        definitions.put(tx, 1, "computed_trait", "orders", {"value": 'count("Bought")'}, "ana")
        definitions.put(tx, 1, "audience", "vip", {"who": "traits.a = 1"}, "ana")
        definitions.put(tx, 1, "audience", "gone", {"who": "traits.a = 1"}, "ana")
        definitions.put(tx, 2, "audience", "gone", None, "ana")
    right = 'performed("Big Order" where properties.total > 9) and traits.orders > 5'
    assert warnings(space, right + ' and audience("vip")') == []
    assert warnings(space, 'sum(properties.totl of "Big Order") > 1') == [
        "totl has never been seen on Big Order. Did you mean total?"
    ]
    assert warnings(space, 'audience("gone") and performed("Big Ordr")') == [
        "there is no audience gone.",
        "Big Ordr has never been seen. Did you mean Big Order?",
    ]


def test_nothing_is_said_while_nothing_was_looked_into(space: Space) -> None:
    assert warnings(space, "traits.anything = 1") == []
    assert warnings(space, 'performed("Anything")') == ["Anything has never been seen."]


def test_a_name_that_found_no_room_may_have_been_seen(space: Space) -> None:
    row = {"name_id": catalogue.OTHER, "source_id": 1, "n": 1, "first_t": 1, "last_t": 1}
    with space.store.write() as tx:
        catalogue.add_seen(tx, [{**row, "looked": 0, "beyond": 0}])
    assert warnings(space, 'performed("Anything")') == []


def test_ids_in_names_are_left_out_as_in_the_catalogue(space: Space) -> None:
    space.send(track("Viewed 123456789012", total=5))
    assert warnings(space, 'performed("Viewed 999999999999")') == []
