"""Recipes: each is whole as it is, and finds what a shop calls its events."""

from __future__ import annotations

import re

import pytest

from cdp.definitions import KINDS
from cdp.journeys import read
from cdp.journeys.recipes import Ask, Made, Recipe, guess, made, recipes

WANTED = {
    "welcome", "abandoned_cart", "trial_ending", "win_back", "onboarding", "renewal", "nps",
    "dunning", "birthday", "price_drop",
}  # fmt: skip


def first(recipe: Recipe) -> Made:
    answers = {ask.name: ask.likely[0] for ask in recipe.asks}
    return made(recipe, "spring", "Spring", answers)


def test_there_are_the_ten() -> None:
    assert set(recipes()) == WANTED


@pytest.mark.parametrize("key", sorted(WANTED))
def test_a_recipe_with_its_first_answers_can_be_launched_as_it_is(key: str) -> None:
    found = first(recipes()[key])
    KINDS["journey"].read("spring", found.body)
    for template, body in found.templates.items():
        KINDS["template"].read(template, body)
    program = read(
        "spring", {n: v for n, v in found.body.items() if n not in ("name", "description")}
    )
    sent = {step.spec["template"] for step in program.steps.values() if step.kind.name == "send"}
    assert sent == set(found.templates)
    assert not re.search(r"\$[a-z]", repr(found))


def test_a_name_that_was_seen_is_found_however_it_is_written() -> None:
    ask = Ask("ordered", "event", "?", ("Order Completed", "Purchase"))
    for seen in ("order_completed", "OrderCompleted", "Completed Order", "order completed"):
        assert guess(ask, ["Page Viewed", seen, "Cart Viewed"]) == (seen, True)
    assert guess(ask, ["purchase", "Signed Up"]) == ("purchase", True)
    # The likelier of two names wins, whichever was seen first.
    assert guess(ask, ["purchase", "order completed"]) == ("order completed", True)
    assert guess(ask, ["Something Else", "Order Refunded"]) == ("Order Completed", False)
    assert guess(Ask("score", "text", "?", ("score",)), []) == ("score", True)


def test_a_name_with_a_quote_does_not_end_a_condition() -> None:
    answers = {"signed_up": "Signed Up", "first": 'Say "hi"', "second": "Back\\slash"}
    found = made(recipes()["onboarding"], "spring", "Spring", answers)
    program = read(
        "spring", {n: v for n, v in found.body.items() if n not in ("name", "description")}
    )
    assert len(program.steps) == 5
    assert program.goal is not None and program.goal.event == "Back\\slash"
    answers = {"ordered": "Bought", "answered": "Answered", "score": "NPS score"}
    found = made(recipes()["nps"], "spring", "Spring", answers)
    KINDS["journey"].read("spring", found.body)
