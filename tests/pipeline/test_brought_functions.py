"""Audiences that call functions of plugins: while those are there, and when they change or go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cdp.conditions.functions.brought import bring, take_away
from cdp.definitions.words import parsed
from cdp.pipeline.audiences.explain import NotComputed, why
from cdp.plugin import ConditionFunction
from cdp.plugin.conditions import watched
from cdp.store.audiences import membership
from cdp.store.audiences.membership import State
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.laws.test_audiences import Town


def twice(
    apply: Callable[[Any], Any] = lambda n: n * 2,
    version: str = "1",
    told: list[BaseException] | None = None,
) -> None:
    """Let there be a function ``twice``, as a plugin's."""
    safe = watched(apply, (told if told is not None else []).append)
    function = ConditionFunction(
        "twice", ("number",), safe, "Two times a number.", "twice {0}",
        "twice(properties.n) = 4", {"properties": {"n": 2}}, "number", version,
    )  # fmt: skip
    bring("maths", function)


def without() -> None:
    take_away("maths")
    parsed.cache_clear()


@pytest.fixture
def town() -> Iterator[Town]:
    twice()
    made = Town()
    made.define("rich", {"who": 'twice(sum(properties.total of "Bought")) > 10'})
    made.define("both", {"who": 'audience("rich") and traits.plan = "pro"'})
    made.define("plain", {"who": 'count("Bought") > 0'})
    made.define("double", {"value": "twice(traits.n)"}, "computed_trait")
    made.settle()
    yield made
    made.close()
    without()


def say(town: Town, who: str, total: int) -> None:
    bought = {"type": "track", "event": "Bought", "properties": {"total": total}}
    known = {"type": "identify", "traits": {"plan": "pro", "n": total}}
    town.say([{"t": town.now, "who": {"userId": who}, "body": body} for body in (bought, known)])
    town.settle()


def started_anew(town: Town) -> None:
    town.pipeline._memory = None
    town.settle()


def state(town: Town, key: str, kind: str = "audience") -> State:
    with town.store.read() as tx:
        return membership.states(tx, kind, key)[key]


def test_they_are_asked_of_every_message(town: Town) -> None:
    say(town, "u1", 6)
    say(town, "u2", 5)
    [one] = town.members("rich")
    assert town.members("both") == {one}
    assert sorted(town.values("double").values()) == [10, 12]


def test_what_calls_one_that_is_gone_says_so_and_its_members_stay(town: Town) -> None:
    say(town, "u1", 6)
    inside = town.members("rich")
    without()
    town.now += 1
    started_anew(town)
    say(town, "u2", 100)
    assert town.members("rich") == inside == town.members("both")
    assert len(town.members("plain")) == 2, "the others go on"
    after = state(town, "rich").next
    assert after is not None
    assert (after.state, after.error) == ("failed", "there is no function twice")
    assert state(town, "both").next is None
    with town.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
        assert profile is not None
        with pytest.raises(
            NotComputed, match="rich can't be worked out: there is no function twice"
        ):
            why(tx, "rich", profile, town.now)

    # Defined while it is gone: what asks for one that never was worked out can't be either.
    town.define("new", {"who": "twice(traits.n) > 1"})
    town.define("newer", {"who": 'audience("new")'})
    town.define("by_trait", {"who": "traits.double > 1"})
    town.settle()
    assert state(town, "newer").error == (
        "the audience new can't be worked out: there is no function twice"
    )
    assert state(town, "by_trait").error == (
        "the computed trait double can't be worked out: there is no function twice"
    )

    # It comes back: what was missed is made up for.
    twice()
    parsed.cache_clear()
    started_anew(town)
    for key in ("rich", "both", "new", "newer", "by_trait"):
        assert len(town.members(key)) == 2, key
        assert (state(town, key).state, state(town, key).next) == ("live", None)
    assert sorted(town.values("double").values()) == [12, 200]


def test_another_version_of_a_function_makes_its_audiences_be_worked_out_anew(town: Town) -> None:
    say(town, "u1", 6)
    assert len(town.members("rich")) == 1
    twice(lambda n: n * 2 if n < 5 else 0)
    started_anew(town)
    assert len(town.members("rich")) == 1, "nobody said that it is another one"
    twice(lambda n: n * 2 if n < 5 else 0, "2")
    started_anew(town)
    assert town.members("rich") == set() == town.members("both")


def test_one_that_raises_is_null_and_stops_nothing(town: Town) -> None:
    say(town, "u1", 6)
    told: list[BaseException] = []
    twice(lambda n: 4 if n == 2 else n / 0, "2", told)
    started_anew(town)
    assert town.members("rich") == set()
    assert len(town.members("plain")) == 1
    assert {type(error) for error in told} >= {ZeroDivisionError}


def test_nobody_is_in_an_archived_audience_that_another_asks_for(town: Town) -> None:
    town.define("old", {"who": "true", "archived": True})
    town.define("not_old", {"who": 'not audience("old") and count("Bought") > 0'})
    town.settle()
    say(town, "u1", 6)
    assert len(town.members("not_old")) == 1
