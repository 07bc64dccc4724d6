"""What a condition asks for that was never seen, or was always of another type, is told."""

from __future__ import annotations

import pytest

from cdp.conditions import Context, Names, parse

TEXT, NUMBER = frozenset({"text"}), frozenset({"number"})
NAMES = Names(
    events={
        "Order Completed": {
            "total": TEXT,
            "quantity": NUMBER,
            "coupon": frozenset({"text", "number"}),
            "placed": frozenset({"text", "time"}),
            "gift": frozenset({"yes or no"}),
            "products": frozenset({"list"}),
            "products[]": frozenset({"object"}),
            "products[].sku": TEXT,
            "note": frozenset(),
        },
        "Signed Up": {"plan": TEXT},
        "Seen Later": {},
        "Sampled": {"a": NUMBER},
    },
    traits={"plan": TEXT, "email": TEXT, "address": frozenset({"object"}), "address.city": TEXT},
    near=["Order Cancelled"],
    partly={"Sampled"},
    audiences=["vip"],
    topics=["news"],
)


def warnings(text: str, context: Context, names: Names = NAMES) -> list[str]:
    return [found.text for found in parse(text, context, names).warnings]


OF_PEOPLE = {
    'count("Order Completed" where properties.totl > 5) > 1':
        "totl has never been seen on Order Completed. Did you mean total?",
    'sum(properties.quantty of "Order Completed") > 1':
        "quantty has never been seen on Order Completed. Did you mean quantity?",
    'performed("Order Complete")': "Order Complete has never been seen. Did you mean Order "
                                   "Completed?",
    'performed("Order Canceled")': "Order Canceled has never been seen. Did you mean Order "
                                   "Cancelled?",
    'performed("Completely else")': "Completely else has never been seen.",
    "traits.pln = 'pro'": "the trait pln has never been seen. Did you mean plan?",
    'performed("Order Completed" where person.traits.pln = "pro")':
        "the trait pln has never been seen. Did you mean plan?",
    "traits.address.cty = 'Paris'": "the trait address.cty has never been seen. Did you mean "
                                    "address.city?",
    "traits.plan > 5": "the trait plan has only ever been a text, so > is never true",
    "traits.plan != 5": "the trait plan has only ever been a text, so != is always true",
    'performed("Order Completed" where properties.total > 5)':
        "total has only ever been a text on Order Completed, so > is never true",
    'performed("Order Completed" where properties.coupon = true)':
        "coupon has only ever been a number or a text on Order Completed, so = is never true",
    'performed("Order Completed" where properties.gift < 2026-01-01)':
        "gift has only ever been true or false on Order Completed, so < is never true",
    'performed("Order Completed" where contains(properties.quantity, "5"))':
        "quantity has only ever been a number on Order Completed, so contains() of it is never "
        "true",
    'performed("Order Completed" where properties.quantity in ["1", "2"])':
        "quantity has only ever been a number on Order Completed, so in is never true",
    'performed("Order Completed" where "a" in properties.total)':
        "total has only ever been a text on Order Completed, so nothing is in it",
    'avg(properties.total of "Order Completed") > 5':
        "total has only ever been a text on Order Completed, so there is no average",
    'performed("Order Completed" where properties.products.0.sku > 1)':
        "products[].sku has only ever been a text on Order Completed, so > is never true",
    'performed(" ")': "“ ” has never been seen.",
    'performed("Signed Up" where traits.plan = "pro")':
        "events bring no traits. Those of the person are person.traits.plan",
    'performed("Signed Up" within 0d)': "within 0s is no time at all: nothing is ever in it",
    'person.identifiers.email = "a@x.org"': "list and text are never equal",
    'subscribed("newz")': "there is no topic newz. Did you mean news?",
    "ratio(1, 0) > 1": "a ratio to 0 is nothing",
    'audience("")': "there is no audience “”.",
    'audience("vop")': "there is no audience vop. Did you mean vip?",
}  # fmt: skip


@pytest.mark.parametrize(("text", "warning"), OF_PEOPLE.items())
def test_of_a_person(text: str, warning: str) -> None:
    assert warnings(text, Context.PERSON) == [warning]


FITTING = [
    'first(properties.plan of "Signed Up") = traits.plan',
    'performed("Order Completed" where properties.placed > 3d ago)',
    'performed("Order Completed" where properties.placed = "2026-01-01")',
    'performed("Order Completed" where properties.quantity > 3 and properties.total = "5")',
    'performed("Order Completed" where properties.coupon in ["a", 5])',
    'performed("Order Completed" where properties.products[1].sku = "x")',
    'performed("Order Completed" where properties.note > 5 and properties.gift)',
    'performed("Order Completed" where string(properties.quantity) = "5")',
    'performed("Seen Later" where properties.anything = 1)',
    'performed("Sampled" where properties.b = 1)',
    'traits.plan = null and audience("vip")',
    "person.identifiers.email = null",
    '"a@x.org" in person.identifiers.email and subscribed("news")',
]  # fmt: skip


@pytest.mark.parametrize("text", FITTING)
def test_nothing_is_told_of_what_fits_or_is_not_known(text: str) -> None:
    assert warnings(text, Context.PERSON) == []


OF_MESSAGES = {
    'event = "Order Completed" and properties.totl = "5"':
        ["totl has never been seen on Order Completed. Did you mean total?"],
    'type = "track" and event = "Order Completed" and (properties.total >= 50 or !properties.gift)':
        ["total has only ever been a text on Order Completed, so >= is never true"],
    'event in ["Order Completed", "Signed Up"] and properties.plan = 5':
        ["plan has only ever been a text on Order Completed or Signed Up, so = is never true"],
    'event in ["Order Completed", "Signed Up"] and properties.nothing = 5':
        ["nothing has never been seen on Order Completed or Signed Up."],
    '"Order Complete" = event':
        ["Order Complete has never been seen. Did you mean Order Completed?"],
    'event in ["Signed Upp"]': ["Signed Upp has never been seen. Did you mean Signed Up?"],
    "properties.totl = 5 and traits.pln = 5": [],
    'event = "Order Completed" or properties.totl = 5': [],
    'event != "Order Completed" and properties.totl = 5': [],
}  # fmt: skip


@pytest.mark.parametrize(("text", "told"), OF_MESSAGES.items())
def test_of_a_message(text: str, told: list[str]) -> None:
    assert warnings(text, Context.MESSAGE) == told


def test_where_not_all_is_known_nothing_is_missed() -> None:
    names = Names(all_events=False)
    assert warnings('performed("Anything") and audience("any")', Context.PERSON, names) == []
    assert warnings("traits.anything = 1", Context.PERSON, names) == []


def test_a_warning_has_its_place() -> None:
    found = parse('traits.plan = 5\nand performed("Ordr Completed")', Context.PERSON, NAMES)
    assert [(w.line, w.column) for w in found.warnings] == [(1, 1), (2, 15)]
