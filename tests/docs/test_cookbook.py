"""The questions of the cookbook, asked of the sample data in every way that there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdp.conditions.expand import expand
from cdp.conditions.language import Context, parse
from cdp.definitions.space import Space
from cdp.demo.shop import DAY_MS, Shop
from cdp.store.audiences import counting, lists, persons
from cdp.store.audiences import evaluated as audiences
from cdp.store.defined import defining
from cdp.store.tables import USERS
from tests.docs.cookbook import ALL, PEOPLE, Recipe
from tests.laws.test_audiences import Town

#: Thursday 12 March 2026, 15:30 UTC.
NOW = 1_773_329_400_000
#: From this day on everything comes live, a quarter of a day at a time.
LIVE_FROM = NOW - 20 * DAY_MS
MADE = {
    ("virtual_event", "big_order"): {
        "name": "Big Order", "event": "Order Completed", "where": "properties.total > 100",
    },
    ("computed_trait", "spent"): {"value": 'sum(properties.total of "Order Completed")'},
    ("audience", "regulars"): {"who": 'count("Order Completed" within 90d) >= 3'},
}  # fmt: skip
KEYS = {recipe.question: f"question_{number}" for number, recipe in enumerate(ALL)}


@pytest.fixture(scope="module")
def shop() -> Iterator[Town]:
    """The sample data's life, to the end of which all questions are audiences."""
    town = Town()
    said = sorted(
        Shop(NOW // DAY_MS * DAY_MS, 1, PEOPLE).messages(), key=lambda message: message["timestamp"]
    )
    before = [message for message in said if message["timestamp"] <= LIVE_FROM]
    town.now = LIVE_FROM
    town.take(before[at : at + 500] for at in range(0, len(before), 500))
    vips = sorted(f"demo{number}@example.com" for number in range(40))
    lists.put(town.store, town.now, "vip_emails", vips, "docs")
    with town.store.write() as tx:
        for (kind, key), body in MADE.items():
            defining.put(tx, town.now, (kind, key), body, "docs")
        for recipe in ALL:
            body = {"who": recipe.condition, "description": recipe.question}
            put = defining.put(tx, town.now, ("audience", KEYS[recipe.question]), body, "docs")
            assert put.warnings == [], recipe.question
    town.settle()
    left = said[len(before) :]
    while town.now < NOW:
        town.now = min(town.now + DAY_MS // 4, NOW)
        batch = [message for message in left if message["timestamp"] <= town.now]
        left = left[len(batch) :]
        town.take([batch])
        town.settle()
    yield town
    town.close()


def test_the_page_says_how_many_people_each_question_is(shop: Town) -> None:
    found = {recipe.question: len(shop.members(KEYS[recipe.question])) for recipe in ALL}
    wrong = {
        recipe.question: f"{recipe.people} are written down, {found[recipe.question]} found"
        for recipe in ALL
        if recipe.people != found[recipe.question]
    }
    assert wrong == {}
    assert len(ALL) == 40 and all(0 < n < PEOPLE for n in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: KEYS[recipe.question])
def test_members_are_whom_the_plain_evaluator_and_sql_find(shop: Town, recipe: Recipe) -> None:
    with shop.store.read() as tx:
        space = Space(defining.bodies(defining.load(tx)))
        made = space.made(("audience", KEYS[recipe.question]))
        condition = expand(parse(recipe.condition, Context.PERSON).root, made)
        ids = audiences.profiles_between(tx, USERS, 0, 1 << 60, 100_000)
        plain = counting.decide(tx, condition, ids, persons.asked(condition), shop.now)
        counted = counting.count_people(tx, condition, shop.now, seconds=60)
    assert set(plain) == shop.members(KEYS[recipe.question])
    assert (counted.people, counted.exact) == (len(plain), True)
