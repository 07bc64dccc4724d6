"""Recipes: each is whole as it is, and finds what a shop calls its events."""

from __future__ import annotations

import re

import pytest

from cdp.definitions import KINDS
from cdp.definitions.scene import Scene
from cdp.journeys import Program, read
from cdp.journeys.recipes import SPOKEN, Ask, Made, Recipe, guess, made, recipes
from cdp.testing.stage import Stage

UNREAD = ("name", "description")

WANTED = {
    "welcome", "abandoned_cart", "trial_ending", "win_back", "onboarding", "renewal", "nps",
    "dunning", "birthday", "price_drop",
}  # fmt: skip


def first(recipe: Recipe, channel: str = "email", **more: str) -> Made:
    answers = {ask.name: ask.likely[0] for ask in recipe.asks if ask.likely}
    return made(recipe, "spring", "Spring", {**answers, **more}, channel)


def program(found: Made) -> Program:
    body = {name: value for name, value in found.body.items() if name not in UNREAD}
    return read("spring", body)


def test_there_are_the_ten() -> None:
    assert set(recipes()) == WANTED


@pytest.mark.parametrize("key", sorted(WANTED))
@pytest.mark.parametrize("channel", SPOKEN)
def test_a_recipe_with_its_first_answers_can_be_launched_as_it_is(key: str, channel: str) -> None:
    recipe = recipes()[key]
    for found in (first(recipe, channel), first(recipe, channel, link="https://shop.example/a")):
        KINDS["journey"].read("spring", found.body)
        for template, body in found.templates.items():
            KINDS["template"].read(template, body)
            assert body["channel"] == channel
        steps = program(found).steps.values()
        sent = {step.spec["template"] for step in steps if step.kind.name == "send"}
        assert sent == set(found.templates)
        assert not re.search(r"\$[a-z]", repr(found))
    linked = [body for body in found.templates.values() if "shop.example" in repr(body)]
    assert linked, "no message leads to the address that was given"
    assert "shop.example" not in repr(first(recipe, channel).templates)


@pytest.mark.parametrize("key", sorted(WANTED))
def test_a_recipe_ends_where_its_goal_is_reached_and_lets_people_leave(key: str) -> None:
    recipe = recipes()[key]
    found = first(recipe)
    assert program(found).goal is not None
    emails = [body["body"] for body in found.templates.values()]
    assert all(("unsubscribe_url" in body) is not recipe.service for body in emails)
    more = made(recipe, "spring", "Spring", {}, topic="news").templates.values()
    assert all(body.get("topic") == (None if recipe.service else "news") for body in more)


def test_a_name_that_was_seen_is_found_however_it_is_written() -> None:
    ask = Ask("ordered", "event", "?", ("Order Completed", "Purchase"))
    for seen in ("order_completed", "OrderCompleted", "Completed Order", "order completed",
                 "Orders Completed", "Shop Order Completed"):  # fmt: skip
        assert guess(ask, ["Page Viewed", seen, "Cart Viewed"]) == (seen, True)
    assert guess(ask, ["purchase", "Signed Up"]) == ("purchase", True)
    # The likelier of two names wins, whichever was seen first.
    assert guess(ask, ["purchase", "order completed"]) == ("order completed", True)
    assert guess(ask, ["Something Else", "Order Refunded"]) == ("Order Completed", False)
    assert guess(Ask("link", "link", "?"), ["https"]) == ("", True)


@pytest.mark.parametrize(
    ("likely", "seen"),
    [
        ("Invoice Paid", "Invoice Failed"),
        ("Invoice Payment Failed", "Invoice Payment Paid"),
        ("first_name", "lastName"),
        ("Purchase", "Purchase Failed"),
        ("renewal_date", "last_login_date"),
    ],
)
def test_what_is_only_spelt_alike_is_not_meant(likely: str, seen: str) -> None:
    assert guess(Ask("a", "event", "?", (likely,)), [seen]) == (likely, False)


def test_a_name_with_anything_in_it_does_not_end_what_it_stands_in() -> None:
    answers = {"signed_up": "Signed Up", "first": 'Say "hi"', "second": "Back\\slash"}
    found = program(made(recipes()["onboarding"], "spring", "Spring", answers))
    assert len(found.steps) == 5
    assert found.goal is not None and found.goal.event == "Back\\slash"
    answers = {"ordered": "Bought", "answered": "Answered", "score": "NPS score"}
    KINDS["journey"].read("spring", made(recipes()["nps"], "spring", "Spring", answers).body)


def test_a_value_whose_name_has_blanks_is_said_all_the_same() -> None:
    answers = {"dropped": "Dropped", "ordered": "Bought", "product": "Product name",
               "first_name": "First name"}  # fmt: skip
    found = made(recipes()["price_drop"], "spring", "Spring", answers)
    bodies = {("template", key): body for key, body in found.templates.items()}
    stage = Stage(Scene({("journey", "spring"): found.body, **bodies}))
    person = stage.person("u1", **{"First name": "Ada"})
    person.track("Dropped", **{"Product name": "Blue shoe"})
    stage.clock.advance(hours=1)
    assert stage.sent.last.subject == "Blue shoe is cheaper now"
    assert "Hello Ada," in stage.sent.last.text
    other = stage.person("u2")
    other.track("Dropped")
    stage.clock.advance(hours=1)
    assert stage.sent.last.subject == "Something you like is cheaper now"
