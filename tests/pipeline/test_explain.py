"""Why somebody is in an audience: now, and as it was known then."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select

from cdp.pipeline.audiences.explain import NotComputed, Why, why
from cdp.store.audiences import membership
from cdp.store.profiles import people
from cdp.store.tables import USERS, member_changes, reason_forms
from tests.laws.test_audiences import Town

WHO = {"userId": "u1"}
TOTAL = 'sum(properties.total of "Order Completed" within 100ms) > 10 and traits.plan = "pro"'


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    made.define("big", {"name": "Big", "who": TOTAL})
    made.define("spent", {"value": 'sum(properties.total of "Order Completed")'}, "computed_trait")
    made.settle()
    yield made
    made.close()


def order(town: Town, total: float) -> dict[str, Any]:
    body = {"type": "track", "event": "Order Completed", "properties": {"total": total}}
    return {"t": town.now, "who": WHO, "body": body}


def plan(town: Town, name: str) -> dict[str, Any]:
    return {"t": town.now, "who": WHO, "body": {"type": "identify", "traits": {"plan": name}}}


def asked(town: Town, at: int | None = None, key: str = "big") -> Why:
    with town.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
        assert profile is not None
        return why(tx, key, profile, town.now, at)


def test_each_clause_says_what_it_is_worth_and_each_change_what_it_was(town: Town) -> None:
    begin = town.now
    town.say([plan(town, "pro"), order(town, 6.1)])
    town.settle()
    town.now += 10
    town.say([order(town, 4.2)])
    town.settle()
    found = asked(town)
    assert (found.inside, found.since, found.next) == (True, town.now, begin + 100)
    first, second = found.clauses
    assert first == {"clause": TOTAL.split(" and ")[0], "holds": True, "value": 10.3}
    assert second == {"clause": 'traits.plan = "pro"', "holds": True, "value": "pro"}

    town.now = begin + 250
    town.settle()
    late = asked(town)
    assert (late.inside, late.since, late.next) == (False, None, None)
    assert [(c.at - begin, c.entered, c.cause) for c in late.changes] == [
        (100, False, "timer"),
        (10, True, "event"),
    ]
    assert late.clauses[0]["value"] == 0
    # As it was known then, whatever came since.
    for at, inside, value in (
        (5, False, 6.1),
        (10, True, 10.3),
        (99, True, 10.3),
        (100, False, 4.2),
    ):
        then = asked(town, begin + at)
        assert (then.inside, then.clauses[0]["value"]) == (inside, value), at


def test_what_came_late_was_not_known_then(town: Town) -> None:
    begin = town.now
    town.say([plan(town, "pro"), order(town, 6)])
    town.settle()
    town.now += 20
    town.say([{**order(town, 9), "t": begin + 1}])  # it took its time to come
    town.settle()
    assert asked(town, begin + 10).clauses[0]["value"] == 6
    assert asked(town).clauses[0]["value"] == 15
    assert asked(town).since == town.now


def test_before_an_audience_was_computed_there_is_nothing_to_tell(town: Town) -> None:
    town.say([plan(town, "pro")])
    with pytest.raises(NotComputed):
        asked(town, town.now - 1000)


def test_what_is_archived_now_held_then(town: Town) -> None:
    town.define("asks", {"who": 'audience("big")'})
    town.say([plan(town, "pro"), order(town, 20.5)])
    town.settle()
    then = town.now
    town.now += 10
    town.define("big", {"name": "Big", "who": TOTAL, "archived": True})
    town.settle()
    assert (asked(town, then).inside, asked(town, then).since) == (True, then)
    [clause] = asked(town, then, "asks").clauses
    assert clause["holds"] is True
    with pytest.raises(NotComputed):
        asked(town, town.now)


def test_computed_traits_and_audiences_lie_over_what_was_said(town: Town) -> None:
    town.say([plan(town, "pro"), order(town, 20.5)])
    town.settle()
    with town.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
        assert profile is not None
        assert membership.ever(tx, profile.id) == {"big": (True, town.now)}
        assert membership.values_of_person(tx, profile.id) == {"spent": (20.5, town.now)}
    assert town.values("spent") == {profile.id: 20.5}
    town.now += 200
    town.settle()
    with town.store.read() as tx:
        assert membership.ever(tx, profile.id) == {"big": (False, town.now - 100)}


def test_reasons_are_kept_in_short_and_read_in_full_whatever_becomes_of_the_audience(
    town: Town,
) -> None:
    town.say([plan(town, "pro"), order(town, 10.5)])
    town.settle()
    clauses = asked(town).clauses
    told = [{"clauses": clauses}]
    with town.store.write() as tx:
        [kept] = tx.execute(select(member_changes.c.detail)).scalars()
        [form] = tx.execute(select(reason_forms)).all()
        assert kept == f'[{form.id},1,10.5,1,"pro"]'
        assert details(town) == told
        # One of an older release, and one of whom no condition was asked.
        copied = dict(tx.execute(select(member_changes)).mappings().one())
        for seq, detail in (-1, json.dumps(told[0])), (-2, "{}"):
            tx.execute(insert(member_changes).values({**copied, "seq": seq, "detail": detail}))
    assert details(town) == [*told, *told, {}]

    other = TOTAL.replace("> 10", "> 1")
    town.define("big", {"name": "Big", "who": other})
    town.settle()
    town.say([plan(town, "free")])
    town.settle()
    left, *rest = details(town)
    assert [clause["clause"] for clause in left["clauses"]] == other.split(" and ")
    assert [clause["holds"] for clause in left["clauses"]] == [True, False]
    assert rest == [*told, *told, {}]
    town.define("big", None)
    town.settle()
    assert details(town) == [left, *told, *told, {}]
    with town.store.read() as tx:
        numbers = tx.execute(select(reason_forms.c.audience)).scalars().all()
    assert len(numbers) == len(set(numbers)) == 2  # once a version


def details(town: Town) -> list[dict[str, Any]]:
    """The reasons of the person, the latest first."""
    with town.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
        assert profile is not None
        changes = membership.changes_of(tx, "audience", "big", profile.id)
    return [json.loads(change.detail) for change in changes]
