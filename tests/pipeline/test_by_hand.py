"""Lists that are kept by hand: who is put on them stays, whatever becomes of their profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cdp.store.defined import by_hand
from tests.laws.test_audiences import Town
from tests.postgres import new_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    town = Town(new_database() if request.param == "postgres" else None)
    town.say([page(town, userId="u1"), page(town, userId="u2"), page(town, anonymousId="a1")])
    town.define("vips", {"static": True})
    town.settle()
    yield town
    town.close()


def page(town: Town, **who: str) -> dict[str, Any]:
    return {"t": town.now, "who": who, "body": {"type": "page", "name": "Home"}}


def put(town: Town, *add: str, remove: tuple[str, ...] = ()) -> by_hand.Done:
    with town.store.write() as tx:
        done = by_hand.change(tx, "vips", add, remove, town.now)
    town.settle()
    return done


def test_people_are_put_on_a_list_and_taken_off(town: Town) -> None:
    done = put(town, "user_id:u1", "user_id:u1", "user_id:nobody", "u2")
    assert done == (1, 0, ["u2", "user_id:nobody"])
    assert len(town.members("vips")) == 1
    assert put(town, "user_id:u2", remove=("user_id:u1", "user_id:u9"))[:2] == (1, 1)
    assert [change.cause for change in town.changes()] == ["list"] * 3
    assert len(town.members("vips")) == 1


def test_people_are_named_as_people_write_it(town: Town) -> None:
    body = {"type": "identify", "traits": {"email": "jo@x.org"}}
    town.say([{"t": town.now, "who": {"userId": "u3"}, "body": body}])
    town.settle()
    assert put(town, "email:Jo@X.org ", "email:AL@x.org") == (1, 0, ["email:AL@x.org"])
    assert put(town, remove=("email: JO@x.org",))[:2] == (0, 1)


def test_audiences_ask_for_a_list(town: Town) -> None:
    town.define("seen", {"who": 'audience("vips") and performed("Page Viewed")'})
    town.settle()
    assert town.members("seen") == set()
    put(town, "user_id:u1")
    assert town.members("seen") == town.members("vips") != set()
    put(town, remove=("user_id:u1",))
    assert town.members("seen") == set()


def test_who_becomes_one_with_somebody_stays_on_it(town: Town) -> None:
    put(town, "anonymous_id:a1")
    before = town.members("vips")
    town.say([page(town, userId="u1", anonymousId="a1")])
    town.settle()
    assert len(town.members("vips")) == 1
    assert town.members("vips") <= set(town.persons())
    assert before


def test_an_archived_list_comes_back_as_it_was(town: Town) -> None:
    put(town, "user_id:u1", "user_id:u2")
    inside = town.members("vips")
    town.define("vips", {"static": True, "archived": True})
    town.settle()
    with pytest.raises(by_hand.NoSuchList):
        put(town, "user_id:u1")
    town.define("vips", {"static": True})
    town.settle()
    assert town.members("vips") == inside


def test_an_audience_becomes_a_list_of_those_who_are_in_it(town: Town) -> None:
    town.define("vips", {"who": 'performed("Page Viewed")'})
    town.settle()
    inside = town.members("vips")
    assert len(inside) == 3
    town.define("vips", {"static": True})
    town.settle()
    town.say([page(town, userId="u3")])
    town.settle()
    assert town.members("vips") == inside
