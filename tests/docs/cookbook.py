"""Forty questions as conditions, with how many people of the sample data each of them is.

A test asks all of them of the sample data: as audiences that are kept up to date, of the
plain evaluator and in SQL. It says which numbers to write here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cdp.conditions.formatter import WIDTH, format_text
from cdp.conditions.language import Context, parse

#: People of the sample data who are asked, and of whom the numbers are.
PEOPLE = 600


class Recipe(NamedTuple):
    """A question, its condition, how many people it is, and what to know about it."""

    question: str
    condition: str
    people: int
    note: str = ""


WHO_THEY_ARE = [
    Recipe("Who is on the free plan?", 'traits.plan = "free"', 258),
    Recipe(
        "Who pays, or tries to?",
        'traits.plan != null and traits.plan != "free"',
        115,
        "`!=` is also true of those whose plan is not known; the first half takes them out.",
    ),
    Recipe(
        "Who lives in Poland and takes the newsletter?",
        'traits.country = "PL" and traits.newsletter',
        113,
        "A path by itself holds where there is `true`.",
    ),
    Recipe("Who is called Ada or Grace?", 'traits.firstName in ["Ada", "Grace"]', 46),
    Recipe(
        "Whose e-mail address is with example.com, however it is written?",
        'ends_with(lowercase(traits.email), "@example.com")',
        373,
    ),
    Recipe(
        "Who has come and never said who they are?",
        "length(person.identifiers.user_id) = 0",
        222,
        "Identifiers are lists: somebody may have more than one.",
    ),
    Recipe(
        "Who belongs to a company on the business plan?",
        'account.traits.plan = "business"',
        32,
        "The account is the one that a group call of the person spoke of last.",
    ),
    Recipe(
        "Who is on the list of very important people that we uploaded?",
        'traits.email in list("vip_emails")',
        27,
    ),
]
WHAT_THEY_DID = [
    Recipe("Who has ever bought something?", 'performed("Order Completed")', 195),
    Recipe(
        "Who bought in the last 30 days?",
        'performed("Order Completed" within 30d)',
        86,
        "They leave the audience 30 days after their last order, to the millisecond.",
    ),
    Recipe(
        "Who signed up and never bought?",
        'performed("Signed Up") and not performed("Order Completed")',
        178,
    ),
    Recipe("Who has bought exactly once?", 'count("Order Completed") = 1', 143),
    Recipe(
        "Who are the regulars: three orders or more in 90 days?",
        'count("Order Completed" within 90d) >= 3',
        23,
    ),
    Recipe(
        "Who bought once upon a time, and not in the last 60 days?",
        'performed("Order Completed") and not performed("Order Completed" within 60d)',
        53,
    ),
    Recipe(
        "Who bought a month ago and has not come back to buy since?",
        'performed("Order Completed" between 60d and 30d ago) '
        'and not performed("Order Completed" within 30d)',
        56,
    ),
    Recipe(
        "Who ordered for more than 100, twice?",
        'count("Order Completed" where properties.total > 100) >= 2',
        10,
    ),
    Recipe(
        "Who bought several things at once?",
        'performed("Order Completed" where length(properties.products) >= 2)',
        69,
    ),
    Recipe(
        "Who sent something back in the last 90 days?", 'performed("Order Refunded" within 90d)', 11
    ),
    Recipe(
        "Who looked at something for the kitchen twice and put nothing of it into the cart?",
        'count("Product Viewed" where properties.category = "kitchen" within 30d) >= 2 '
        'and not performed("Product Added" where properties.category = "kitchen" within 30d)',
        10,
    ),
    Recipe(
        "Who came this month, by the calendar of Warsaw?",
        'performed("Page Viewed" since start_of("month", "Europe/Warsaw"))',
        109,
        "They all leave when the next month begins.",
    ),
    Recipe(
        "Who came this week and has not bought in it?",
        'performed("Page Viewed" since start_of("week")) '
        'and not performed("Order Completed" since start_of("week"))',
        24,
        "Weeks begin on Monday.",
    ),
]
FIGURES = [
    Recipe(
        "Who spent more than 200 in 90 days?",
        'sum(properties.total of "Order Completed" within 90d) > 200',
        29,
    ),
    Recipe(
        "Whose orders are worth more than 100 on average?",
        'avg(properties.total of "Order Completed") > 100',
        52,
        "Of nobody's orders there is no average, so this is nobody who never bought.",
    ),
    Recipe(
        "Who has ever placed an order for 200 or more?",
        'max(properties.total of "Order Completed") >= 200',
        18,
    ),
    Recipe(
        "Who likes sport most?",
        'most_frequent(properties.category of "Product Viewed") = "sport"',
        31,
        "Most frequent is what comes twice at least.",
    ),
    Recipe(
        "Who has looked around in four categories or more?",
        'length(unique(properties.category of "Product Viewed")) >= 4',
        115,
    ),
    Recipe(
        "Who looked at the leather satchel last?",
        'last(properties.name of "Product Viewed") = "Leather satchel"',
        52,
    ),
    Recipe(
        "Who came by the newsletter's campaign first?",
        'contains(first(properties.search of "Page Viewed"), "utm_campaign=newsletter")',
        212,
        "`first(… of …)` is the oldest value that there is: visits without one are passed over.",
    ),
    Recipe(
        "Who was on an iPhone when we saw them last?",
        'contains(last(context.userAgent of "Page Viewed"), "iPhone")',
        205,
    ),
    Recipe("Who became a customer in the last 30 days?", 'first("Order Completed") > 30d ago', 64),
    Recipe(
        "Who has been a customer since before the new year?",
        'first("Order Completed") < 2026-01-01',
        59,
    ),
]
IN_WHICH_ORDER = [
    Recipe(
        "Who left a checkout in the last week, and did not buy within a day?",
        'not performed("Order Completed") within 1d after ("Checkout Started" within 7d)',
        15,
        "They come in when the day is over, by the clock: no event tells it.",
    ),
    Recipe(
        "Who bought within two weeks of signing up?",
        'performed("Order Completed") within 14d after "Signed Up"',
        138,
    ),
    Recipe(
        "Who went all the way in one go, from a product to an order?",
        'sequence("Product Viewed" then "Product Added" within 5m '
        'then "Order Completed" within 1h, within 30d)',
        86,
    ),
    Recipe(
        "Who went from the trial to the plus plan in the last 60 days?",
        'changed(traits.plan from "trial" to "plus" within 60d)',
        13,
    ),
    Recipe(
        "Whose trial ends in the next three days?",
        'performed("Trial Started" between 14d and 11d ago) and traits.plan = "trial"',
        4,
    ),
    Recipe(
        "Who talked to us in the chat, and bought within two days?",
        'performed("Order Completed") within 2d after "Live Chat Conversation Started"',
        2,
    ),
]
FROM_OTHERS = [
    Recipe("Who placed two big orders in 90 days?", 'count("Big Order" within 90d) >= 2', 9,
           "*Big Order* is a virtual event: *Order Completed* where `properties.total > 100`."),
    Recipe("Who has spent more than 300 with us?", "traits.spent > 300", 15,
           'Spent is a computed trait: `sum(properties.total of "Order Completed")`.'),
    Recipe("Which regulars have not come for two weeks?",
           'audience("regulars") and not performed("Page Viewed" within 14d)', 10,
           "The audience `regulars` is the question about three orders above."),
]  # fmt: skip

CHAPTERS = {
    "Who they are": WHO_THEY_ARE,
    "What they did": WHAT_THEY_DID,
    "Figures of what they did": FIGURES,
    "In which order": IN_WHICH_ORDER,
    "From what you have defined": FROM_OTHERS,
}
ALL = [recipe for chapter in CHAPTERS.values() for recipe in chapter]


def cookbook() -> str:
    """The questions with their conditions, in words, and how many people they are."""
    parts = []
    for title, chapter in CHAPTERS.items():
        parts.append(f"## {title}")
        for recipe in chapter:
            parsed = parse(recipe.condition, Context.PERSON)
            note = f" {recipe.note}" if recipe.note else ""
            parts.append(
                f"### {recipe.question}\n\n```text\n{format_text(parsed.root, WIDTH)}\n```\n\n"
                f"In words: {parsed.prose}. **{recipe.people}** people.{note}"
            )
    return "\n\n".join(parts)


BLOCKS: dict[str, Callable[[], str]] = {"cookbook": cookbook}
