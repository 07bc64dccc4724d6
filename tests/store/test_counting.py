"""Previews: exact where they can be, honest estimates where they can't."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert

from cdp.conditions import Context, parse
from cdp.log.record import Record
from cdp.store.audiences import counting, lists, matching, preview, whose
from cdp.store.audiences.quickest import Quickest
from cdp.store.events import kept
from cdp.store.profiles import trait_values
from cdp.store.tables import USERS, audiences, members
from tests.laws.test_audiences import Town
from tests.laws.world import BASE, World

PEOPLE = 400
DAY = 86_400_000


def said(user: int, t: int, **body: Any) -> dict[str, Any]:
    return {
        "userId": f"u{user:03}",
        "timestamp": t,
        "messageId": f"{user}-{t}-{body['type']}",
        **body,
    }


#: What SQL can't tell, as it compares two figures: who has ordered twice at least.
OPEN = 'sum(properties.total of "Order Completed") > max(properties.total of "Order Completed")'


def story() -> list[dict[str, Any]]:
    """Every second person is pro; every fourth has ordered, n times over n days."""
    made = []
    for user in range(1, PEOPLE + 1):
        traits = {"plan": "pro" if user % 2 == 0 else "free", "name": f"Person {user}"}
        made.append(said(user, BASE - 100 * DAY, type="identify", traits=traits))
        if user % 4 == 0:
            for index in range(user % 3 + 1):
                properties = {"total": 9.99, "n": index}
                made.append(
                    said(user, BASE - index * DAY, type="track", event="Order Completed",
                         properties=properties)
                )  # fmt: skip
    return made


def keep(world: World) -> None:
    with world.store.write() as tx:
        wanted: list[tuple[str, tuple[str, ...]]] = [
            ("Order Completed", ()),
            ("Order Completed", ("properties", "total")),
        ]
        kept.keep(tx, wanted, BASE)
        trait_values.keep(tx, [(USERS, ("plan",))], BASE)
        while kept.backfill_step(tx, 100, json.loads):
            pass
        while trait_values.backfill_step(tx, 100):
            pass


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    for start in range(0, len(story()), 500):
        body = json.dumps({"batch": story()[start : start + 500]}).encode()
        made.log.append(Record(BASE, 1, "batch", body))
    made.pipeline.drain()
    yield made
    made.close()


@pytest.fixture(scope="module")
def read(world: World) -> World:
    keep(world)
    return world


def count(world: World, text: str, **how: Any) -> counting.Preview:
    with world.store.read() as tx:
        return counting.count_people(tx, parse(text, Context.PERSON).root, BASE, **how)


def test_what_is_not_kept_yet_is_counted_by_looking_at_everybody(world: World) -> None:
    found = count(world, 'performed("Order Completed" where properties.total = 9.99)')
    assert (found.people, found.exact, found.looked_at, found.of) == (100, True, 400, 400)
    assert found.missing == {("Order Completed", ("properties", "total"))}


def test_of_too_many_some_are_looked_at_and_the_answer_says_how_far_it_may_be_off(
    world: World,
) -> None:
    found = count(world, 'performed("Order Completed")', most=150)
    assert (found.exact, found.looked_at, found.of) == (False, 150, 400)
    assert found.low <= 100 <= found.high and found.low <= found.people <= found.high
    assert 10 < found.high - found.low < 60
    again = count(world, 'performed("Order Completed")', most=150)
    assert again == found  # a preview does not flicker


def test_a_first_answer_is_of_a_few_and_says_how_far_it_may_be_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "AT_FIRST", 150)
    monkeypatch.setattr(counting, "AT_FIRST_SECONDS", 60)
    condition = parse('performed("Order Completed")', Context.PERSON).root
    with world.store.read() as tx:
        found = counting.estimate(tx, condition, BASE, show=5)
        assert found == counting.estimate(tx, condition, BASE, show=5)
        exact = counting.count_people(tx, condition, BASE)
        assert (found.exact, found.looked_at, found.of, len(found.some)) == (False, 150, 400, 5)
        assert found.low <= exact.people <= found.high and found.low <= found.people <= found.high
    monkeypatch.setattr(counting, "AT_FIRST", 1_000)
    monkeypatch.setattr(counting, "AT_FIRST_SECONDS", 60)
    with world.store.read() as tx:
        found = counting.estimate(tx, condition, BASE)
    assert (found.people, found.low, found.high, found.exact) == (100, 100, 100, True)


def test_what_is_kept_is_counted_without_looking_at_anybody(read: World) -> None:
    for text, people in {
        'performed("Order Completed")': 100,
        'not performed("Order Completed") and traits.plan = "pro"': 100,
        'count("Order Completed" within 1d) >= 1': 100,
        'count("Order Completed") = 3': 33,
        'sum(properties.total of "Order Completed") = 29.97': 33,
        'sum(properties.total of "Order Completed") >= 19.98': 67,
        'avg(properties.total of "Order Completed") = 9.99': 100,
        'traits.plan = "free" or performed("Order Completed")': 300,
        "starts_with(traits.plan, 'p')": 200,
        "traits.plan != 'pro'": 200,
        "true": 400,
    }.items():
        found = count(read, text)
        assert (found.people, found.exact, found.looked_at) == (people, True, 0), text
        assert not found.missing


def test_a_part_that_sql_leaves_open_is_decided_for_those_who_could_meet_it(read: World) -> None:
    found = count(read, f'traits.plan = "pro" and {OPEN}')
    assert (found.people, found.exact, found.looked_at) == (67, True, 100)


def test_uploaded_lists_are_looked_into_by_sql(read: World) -> None:
    lists.put(read.store, BASE, "paying", ["pro", "team"], "test")
    for text, people in {
        'traits.plan in list("paying")': 200,
        'not traits.plan in list("paying")': 200,
        'performed("Order Completed" where properties.total in list("paying"))': 0,
        'string(traits.plan) in list("paying") and performed("Order Completed")': 100,
        '"pro" in list("paying")': 400,
        'traits.plan in list("nothing")': 0,
    }.items():
        found = count(read, text)
        assert (found.people, found.exact, found.looked_at) == (people, True, 0), text


def test_people_are_shown_who_meet_it(read: World) -> None:
    condition = parse('traits.plan = "pro"', Context.PERSON).root
    with read.store.read() as tx:
        found = counting.count_people(tx, condition, BASE, show=5)
        faces = preview.shown(tx, found)
    assert len(faces) == 5
    assert all(int(face.label.removeprefix("Person ")) % 2 == 0 for face in faces)
    # Of everybody but some, too.
    text = 'not performed("Order Completed")'
    some = count(read, text, show=5).some
    with read.store.read() as tx:
        made = matching.match(tx, parse(text, Context.PERSON).root, BASE)
        whole = matching.list_ids(made, made.found.sure)
    assert len({*some} & {*whole}) == 5


def test_growth_looks_back_with_the_same_condition(read: World) -> None:
    condition = parse('count("Order Completed") >= 1', Context.PERSON).root
    with read.store.read() as tx:
        points = preview.growth(Quickest(tx, condition, BASE), 3 * DAY, points=4, seconds=30)
    assert [(point.at, point.people) for point in points] == [
        (BASE - 3 * DAY, 0), (BASE - 2 * DAY, 33), (BASE - DAY, 67), (BASE, 100)
    ]  # fmt: skip
    assert all(point.exact for point in points)
    with read.store.read() as tx:
        who = Quickest(tx, condition, BASE)
        few = preview.growth(who, 3 * DAY, 100, points=4, seconds=0)
    assert [(point.at, point.people) for point in few] == [(BASE - 3 * DAY, 0), (BASE, 100)]


def test_growth_ends_with_what_the_preview_says(
    read: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "_DECIDED", 500)
    monkeypatch.setattr(counting, "_AT_ONCE", 30)
    condition = parse(OPEN, Context.PERSON).root
    with read.store.read() as tx:
        whole = preview.growth(Quickest(tx, condition, BASE), 3 * DAY, points=4, seconds=30)
        monkeypatch.setattr(preview, "_DECIDED", 30)
        some = preview.growth(Quickest(tx, condition, BASE), 3 * DAY, points=4, seconds=30)
    assert (some[-1], some[-1].exact) == (whole[-1], True)
    assert [point.exact for point in some[1:-1]] == [False, False]
    for point, exact in zip(some, whole, strict=True):
        assert abs(point.people - exact.people) <= 25


def test_growth_knows_who_has_left_an_audience_since() -> None:
    asked = [
        'audience("buyers")',
        'not audience("buyers") and performed("Order Completed")',
        'audience("buyers") and most_frequent(properties.n of "Order Completed") = null',
    ]
    town = Town()
    for number, text in enumerate(['performed("Order Completed" within 30h)', *asked]):
        town.define("buyers" if not number else f"asks{number}", {"who": text})
    first, sizes = town.now, []
    for day in range(5):
        town.settle()
        for user in range(day, 2 * day + 1):
            body = {"type": "track", "event": "Order Completed", "properties": {"n": day}}
            town.say([{"t": town.now, "who": {"userId": f"u{user % 4}"}, "body": body}])
        if day == 3:
            both = {"userId": "u1", "previousId": "u0"}
            town.say([{"t": town.now, "who": both, "body": {"type": "alias"}}])
        town.settle()
        sizes.append([len(town.members(f"asks{number}")) for number in (1, 2, 3)])
        town.now += DAY
    town.define("buyers", {"who": "true", "archived": True})
    town.settle()
    assert len({*map(tuple, sizes)}) > 3
    for number, text in enumerate(asked):
        condition = parse(text, Context.PERSON).root
        with town.store.read() as tx:
            who = Quickest(tx, condition, town.now)
            points = preview.growth(who, town.now - first, points=6, seconds=30)
        assert [point.people for point in points[:-1]] == [size[number] for size in sizes], text
    town.close()


def test_overlaps_are_counted_by_the_members_of_live_audiences(
    read: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with read.store.write() as tx:
        for id_, state in ((1, "live"), (2, "gone")):
            row = {"id": id_, "kind": "audience", "key": "firsts", "version": id_}
            tx.execute(
                insert(audiences).values(
                    **row, collection=USERS, state=state, reached=0, until=0, size=10, made_at=BASE
                )
            )
            rows = [{"audience": id_, "profile": n, "since": BASE} for n in range(1, 11)]
            tx.execute(insert(members), rows)
    for text, people in {
        'traits.plan = "pro"': 5,
        'not performed("Order Completed")': 8,
        'audience("firsts")': 10,
        "true": 10,
        'not audience("firsts")': None,
        'audience("others")': None,
    }.items():
        wanted = [] if people is None else [preview.Overlap("firsts", people, 10)]
        root = parse(text, Context.PERSON).root
        # By looking each of them up, and by going through the members.
        for few in (1_000, 0):
            monkeypatch.setattr(whose, "FEW", few)
            with read.store.read() as tx:
                assert preview.overlaps(Quickest(tx, root, BASE)) == wanted, text


def test_all_of_a_set_are_listed(read: World) -> None:
    with read.store.read() as tx:

        def listed(text: str) -> list[int]:
            made = matching.match(tx, parse(text, Context.PERSON).root, BASE)
            return matching.list_ids(made, made.found.could)

        pro = listed('traits.plan = "pro"')
        assert len({*pro}) == len(pro) == 200
        assert sorted(listed('regex(traits.plan, "^p") and traits.plan = "pro"')) == sorted(pro)
        assert listed('audience("nobody")') == []
        assert len({*listed('traits.plan != "pro"')} | {*pro}) == matching.count_all(tx)


def test_the_interval_of_a_share_is_never_empty() -> None:
    share, low, high = counting.interval(0, 100)
    assert (share, low) == (0, 0) and 0.03 < high < 0.04
    share, low, high = counting.interval(50, 100)
    assert 0.39 < low < 0.42 and 0.58 < high < 0.61
