"""Journeys that exclude each other: of those of a group a person is in one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cdp.journeys.run import ACTIVE, Run

GIVE_WAY, STAY = "give_way", "stay"
#: Why a run ended that another journey took its person from.
OUTRANKED = "outranked"


class Group(NamedTuple):
    """``journeys`` by priority, the first goes before all others.

    ``gives_way``: who is in a later one leaves it for an earlier one.
    """

    key: str
    journeys: tuple[str, ...]
    gives_way: bool = True


class Kept(NamedTuple):
    """That somebody didn't enter: by which group, for they are in which journey."""

    group: str
    journey: str


class Groups:
    """The groups in force."""

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self._of: dict[str, list[Group]] = {}
        for group in groups:
            for key in group.journeys:
                self._of.setdefault(key, []).append(group)

    def mates(self, journey: str) -> set[str]:
        """The other journeys of its groups."""
        return {key for group in self._of.get(journey, ()) for key in group.journeys} - {journey}

    def rank(self, journey: str) -> int:
        """What begins first of several that one thing begins: the lowest; 0 goes first."""
        return min((g.journeys.index(journey) for g in self._of.get(journey, ())), default=0)

    def judge(self, journey: str, runs: Iterable[Run]) -> tuple[Kept | None, dict[int, str]]:
        """Whether an entry is kept out by a person's ``runs``; else those that give way to it.

        The latter by number, with the key of the group.
        """
        leave: dict[int, str] = {}
        groups = self._of.get(journey)
        for run in runs if groups else ():
            if run.status != ACTIVE or run.journey == journey:
                continue
            for group in groups or ():
                if run.journey not in group.journeys:
                    continue
                order = group.journeys.index
                if not group.gives_way or order(run.journey) < order(journey):
                    return Kept(group.key, run.journey), {}
                leave[run.id] = group.key
        return None, leave


def read_group(key: str, body: Mapping[str, Any]) -> Group:
    """A `Group` from its definition."""
    return Group(key, tuple(body["journeys"]), body.get("then", GIVE_WAY) == GIVE_WAY)
