"""Journeys that exclude each other: who is kept out, who leaves, who comes first."""

from __future__ import annotations

from cdp.journeys.groups import Group, Groups, Kept
from cdp.journeys.run import ENDED, Run

LIFE = Groups([Group("life", ("winback", "upsell", "tips"))])


def run(number: int, journey: str, status: str = "active") -> Run:
    return Run(number, journey, 1, "", 0, "s", 0, status)


def test_what_stands_before_keeps_out_what_stands_after() -> None:
    assert LIFE.judge("tips", [run(1, "upsell")]) == (Kept("life", "upsell"), {})
    assert LIFE.judge("tips", [run(1, "upsell", ENDED)]) == (None, {})
    assert LIFE.judge("tips", [run(1, "other"), run(2, "tips")]) == (None, {})


def test_what_stands_after_gives_way_unless_it_stays() -> None:
    assert LIFE.judge("winback", [run(1, "upsell"), run(2, "tips")]) == (
        None,
        {1: "life", 2: "life"},
    )
    stays = Groups([Group("life", ("winback", "tips"), gives_way=False)])
    assert stays.judge("winback", [run(1, "tips")]) == (Kept("life", "tips"), {})


def test_of_several_groups_each_may_keep_out() -> None:
    both = Groups([Group("a", ("x", "y")), Group("b", ("z", "x"))])
    assert both.judge("x", [run(1, "y"), run(2, "z")]) == (Kept("b", "z"), {})
    assert both.mates("x") == {"y", "z"} and both.mates("other") == set()
    assert sorted(["y", "x", "z"], key=both.rank) == ["x", "z", "y"]
