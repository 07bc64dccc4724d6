"""Virtual events and computed traits, replaced by what they stand for."""

import pytest

from cdp.conditions import ConditionContextError, Context, format_text, parse
from cdp.conditions.expand import Made, Virtual, expand


def condition(text: str, context: Context = Context.PERSON) -> object:
    return parse(text, context).root


MADE = Made(
    events={
        "Big Order": Virtual(
            "Order Completed", condition("properties.total > 100", Context.MESSAGE)
        ),
        "Big Polish Order": Virtual(
            "Big Order", condition('properties.country = "PL"', Context.MESSAGE)
        ),
        "Any Order": Virtual("Order Completed", None),
        "Loop": Virtual("Loop 2", None),
        "Loop 2": Virtual("Loop", None),
    },
    traits={
        "orders_90d": condition('count("Big Order" within 90d)'),
        "often": condition("traits.orders_90d > 3"),
        "mine": condition("traits.other = 1"),
        "other": condition("traits.mine"),
    },
)
EXPANDED = {
    'performed("Big Order")': 'performed("Order Completed" where properties.total > 100)',
    'performed("Any Order" within 2d)': 'performed("Order Completed" within 2d)',
    'count("Big Polish Order" where properties.x = 1) > 2': (
        'count("Order Completed" where properties.total > 100 and properties.country = "PL" and '
        "properties.x = 1) > 2"
    ),
    'sequence("A" then "Big Order")': (
        'sequence("A" then "Order Completed" where properties.total > 100)'
    ),
    "traits.often = true or person.traits.orders_90d = 0": (
        '(count("Order Completed" where properties.total > 100 within 90d) > 3) = true or '
        'count("Order Completed" where properties.total > 100 within 90d) = 0'
    ),
    'count("A" where traits.orders_90d = 1) > 1': 'count("A" where traits.orders_90d = 1) > 1',
    "traits.plan = 1": "traits.plan = 1",
}


@pytest.mark.parametrize(("text", "wanted"), EXPANDED.items())
def test_names_give_way_to_what_they_stand_for(text: str, wanted: str) -> None:
    found = expand(condition(text), MADE)
    assert format_text(found) == wanted


WRONG = {
    'performed("Loop")': "the virtual event Loop is made of itself",
    "traits.mine = 1": "the computed trait mine is made of itself",
    "traits.often.x = 1": "the computed trait often has nothing inside of it",
    'count("A" where person.traits.often) > 1': "often is a computed trait",
    "changed(traits.often)": "the computed trait often has no history",
}


@pytest.mark.parametrize(("text", "wrong"), WRONG.items())
def test_what_cannot_be_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(ConditionContextError, match=wrong):
        expand(condition(text), MADE)
