"""Who is new and alone is placed by a short way, which comes to what the graph comes to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.events import Stamp
from cdp.identity import Graph, Group, Limit, Node, Rules, fits, fits_alone
from cdp.pipeline import identify
from tests.laws.world import BASE, World, messages

TYPES = st.lists(st.sampled_from(["user_id", "email", "anonymous_id", "phone"]), min_size=1)
LIMITS = st.dictionaries(
    st.sampled_from(["user_id", "email", "phone"]),
    st.builds(Limit, st.integers(0, 3), st.sampled_from([None, 1, 7])),
)


@settings(max_examples=100, deadline=None)
@given(TYPES, LIMITS, st.integers(0, 4), st.integers(0, 6))
def test_who_fits_alone_is_whom_the_graph_takes_in_whole(
    types: list[str], limits: dict[str, Limit], default: int, most: int
) -> None:
    rules = Rules(limits=limits, default_limit=Limit(default), max_ids=most)
    ids = rules.ordered([(type_, f"v{n}") for n, type_ in enumerate(types)])
    placement = Graph(rules).add(Node(1, ids, Stamp(BASE, 1, "m")))
    assert fits_alone(tuple(type_ for type_, _ in ids), rules) is not bool(placement.dropped)
    if not placement.dropped:
        assert placement.group.ids == dict.fromkeys(ids, Stamp(BASE, 1, "m"))
        assert placement.group.anchor == ids[0]


@settings(max_examples=100, deadline=None)
@given(TYPES, TYPES, LIMITS, st.integers(0, 4), st.integers(0, 6))
def test_what_fits_is_what_the_graph_takes_in_whole(
    had: list[str], new: list[str], limits: dict[str, Limit], default: int, most: int
) -> None:
    ever = {type_: Limit(limit.count) for type_, limit in limits.items()}
    rules = Rules(limits=ever, default_limit=Limit(default), max_ids=most)
    before = {(type_, f"h{n}"): Stamp(BASE, 1, "m") for n, type_ in enumerate(had)}
    work = Graph(rules)
    work.load(Group(1, next(iter(before)), Stamp(BASE, 1, "m"), dict(before)))
    brought = [(type_, f"n{n}") for n, type_ in enumerate(new)]
    ids = rules.ordered([next(iter(before)), *brought])
    placement = work.add(Node(2, ids, Stamp(BASE + 1, 1, "m")))
    taken = not placement.dropped and placement.group.key == 1
    assert fits([*had, *new], rules) is taken


def graph_of(batches: list[list[dict[str, Any]]], rules: dict[str, Any] | None) -> Any:
    world = World(rules=rules)
    facts = world.take(batches).facts()
    world.close()
    return facts


@pytest.mark.parametrize("rules", [None, {"limits": {"email": {"count": 1, "per": "week"}}}])
@settings(max_examples=10, deadline=None)
@given(history=messages(8), size=st.integers(1, 8))
def test_without_the_short_way_the_graph_is_the_same(
    rules: dict[str, Any] | None, history: list[dict[str, Any]], size: int
) -> None:
    batches = [history[at : at + size] for at in range(0, len(history), size)]
    found = graph_of(batches, rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identify, "find_newcomers", lambda pending, *_: ([], pending))
        patch.setattr(identify, "find_regulars", lambda tx, clusters, *_: ([], clusters))
        assert graph_of(batches, rules) == found


def test_the_short_way_is_taken_by_those_who_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[list[str]] = []
    add = identify.add_newcomers

    def noted(tx: Any, newcomers: list[Any], *rest: Any) -> None:
        taken.append([draft.ids[0][1] for draft in newcomers])
        add(tx, newcomers, *rest)

    monkeypatch.setattr(identify, "add_newcomers", noted)
    world = World()

    def said(number: int, **ids: str) -> dict[str, Any]:
        return {"type": "track", "event": "E", "messageId": f"m{number}", **ids}

    world.take(
        [
            [said(1, userId="ada"), said(2, userId="bob", anonymousId="b")],
            # Bob is known, and two share a device.
            [
                said(3, userId="bob", anonymousId="c"),
                said(4, userId="cy", anonymousId="d"),
                said(5, anonymousId="d"),
                said(6, userId="eve"),
            ],
        ]
    )
    assert taken == [["ada", "bob"], ["eve"]]
    assert len(world.people()) == 4
    world.close()


def test_regulars_are_those_to_whom_one_profile_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[list[tuple[str, ...]]] = []
    add = identify.add_regulars

    def noted(tx: Any, regulars: list[Any]) -> None:
        drafts = [draft for regular in regulars for draft in regular.cluster.drafts]
        taken.append(sorted(tuple(value for _, value in draft.ids) for draft in drafts))
        add(tx, regulars)

    monkeypatch.setattr(identify, "add_regulars", noted)
    world = World(rules={"limits": {"user_id": {"count": 1}, "anonymous_id": {"count": 2}}})

    def said(number: int, **ids: str) -> dict[str, Any]:
        return {"type": "track", "event": "E", "messageId": f"m{number}", **ids}

    batches = [
        [said(1, userId="ada", anonymousId="a"), said(2, userId="bob", anonymousId="b")],
        # Of ada a known identifier alone, of bob a new one, too; cy is somebody else.
        [said(3, userId="ada"), said(4, userId="bob", anonymousId="b2"), said(5, userId="cy")],
        # All of bob's, what belongs to two, and one more than anybody may have.
        [said(6, anonymousId="b"), said(7, anonymousId="b2")],
        [said(8, userId="cy", anonymousId="a"), said(9, userId="bob", anonymousId="b3")],
    ]
    world.take(batches)
    assert [some for some in taken if some] == [[("ada",), ("bob", "b2")], [("b",), ("b2",)]]
    assert len(world.people()) == 3
    world.close()
