"""Of whom a new condition has to be asked, and of whom the answer is sure without a look."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdp.conditions import Context, parse
from cdp.store.audiences import choosing
from cdp.store.audiences.choosing import choose_members, choose_valued
from cdp.store.events import columnar
from cdp.store.events.kept_files import KeptFile
from cdp.store.tables import identifiers
from tests.laws.test_audiences import Town

DAY = 86_400_000
#: Conditions, and who is asked and who is settled. f, whose order is ahead, is always asked.
CASES = {
    'traits.plan = "pro"': ("", "ab"),
    'not traits.plan = "pro"': ("", "cde"),
    'performed("Order" within 30d)': ("acd", ""),
    'count("Order" within 30d) >= 2': ("c", ""),
    'performed("Order")': ("f", "acde"),
    'count("Order") > 1': ("f", "c"),
    'not performed("Order")': ("f", "b"),
    'not performed("Order" within 30d)': ("acdf", "be"),
    'traits.plan = "pro" and performed("Order" within 30d)': ("a", ""),
    'traits.plan = "pro" or performed("Order" within 30d)': ("cdf", "ab"),
    'performed("Order" between 60d and 30d ago)': ("acdef", ""),
    'performed("Order") within 3d after "Cart"': ("def", ""),
    'not performed("Order") within 3d after "Cart"': ("def", ""),
    'last("Order") < 30d ago': ("acdef", ""),
    'count("Order" where properties.ends > now()) > 0': ("acdef", ""),
    "traits.ends < now()": ("b", ""),
}
#: Where DuckDB tells of more of them.
BY_DUCKDB = {'performed("Order") within 3d after "Cart"': ("f", "d")}


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Days ago of orders and carts; f has one that is ahead of the clock."""
    town = Town()
    lives: dict[str, tuple[dict[str, Any], list[int], list[int]]] = {
        "a": ({"plan": "pro"}, [10], []),
        "b": ({"plan": "pro", "ends": "2030-01-01"}, [], []),
        "c": ({"plan": "free"}, [5, 9], []),
        "d": ({}, [20], [21]),
        "e": ({}, [40], [80]),
        "f": ({}, [-1], []),
    }
    for user, (traits, orders, carts) in lives.items():
        who = {"userId": user}
        body = {"type": "identify", "traits": traits}
        said = [{"t": town.now - 90 * DAY, "who": who, "body": body}]
        for event, days in (("Order", orders), ("Cart", carts)):
            body = {"type": "track", "event": event, "properties": {"ends": "2030-01-01"}}
            said += [{"t": town.now - day * DAY, "who": who, "body": body} for day in days]
        town.say(said)
    for number, text in enumerate(CASES):
        town.define(f"a{number}", {"who": text})
    town.settle()
    yield town
    town.close()


def names(town: Town, ids: Any) -> str:
    with town.store.read() as tx:
        rows = tx.execute(identifiers.select().where(identifiers.c.profile.in_(list(ids))))
        return "".join(sorted(row.value for row in rows))


@pytest.mark.parametrize("text", CASES)
def test_only_those_are_asked_whose_answer_is_open(town: Town, text: str) -> None:
    with town.store.read() as tx:
        choice = choose_members(tx, parse(text, Context.PERSON).root, town.now)
    assert choice.asked is not None
    asked, settled = CASES[text]
    assert names(town, choice.asked) == "".join(sorted({*asked, "f"}))
    assert names(town, choice.settled) == settled


@pytest.mark.parametrize("text", CASES)
def test_duckdb_says_the_same(town: Town, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columnar, "LARGE", 0)
    monkeypatch.setattr(columnar, "ready", lambda tx: [KeptFile(0, 0, "", 0)])  # brings all
    monkeypatch.setattr(choosing, "Ever", None)  # without which the store itself can't be asked
    with town.store.read() as tx:
        choice = choose_members(tx, parse(text, Context.PERSON).root, town.now)
    assert choice.asked is not None
    asked, settled = BY_DUCKDB.get(text, CASES[text])
    assert names(town, choice.asked) == "".join(sorted({*asked, "f"}))
    assert names(town, choice.settled) == settled


@pytest.mark.parametrize(("anybody", "settled"), [(True, "b"), (False, "")])
def test_of_a_value_those_are_asked_who_have_a_part_in_it(
    town: Town, anybody: bool, settled: str
) -> None:
    root = parse('last(properties.ends of "Order" within 90d)', Context.PERSON).root
    with town.store.read() as tx:
        choice = choose_valued(tx, root, town.now, anybody)
    assert choice.asked is not None
    assert (names(town, choice.asked), names(town, choice.settled)) == ("acdef", settled)


def test_everybody_is_asked_where_sql_knows_nothing(town: Town) -> None:
    with town.store.read() as tx:
        root = parse('performed("Never kept" within 3d)', Context.PERSON).root
        assert choose_members(tx, root, town.now).asked is None
