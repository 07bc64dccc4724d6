"""Why a profile is what it is: the fold told step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from cdp.events import Stamp
from cdp.identity.identifiers import Identifier
from cdp.identity.resolve import BLOCKED, Dropped, Group, Node, Placement, Resolution


class Joined(NamedTuple):
    """A profile that was taken in, and by which of its identifiers the message knew it."""

    branch: Branch
    by: tuple[Identifier, ...]


class Step(NamedTuple):
    """What one message did to a profile, told only where it did something.

    ``by`` are the identifiers by which it was known to be about this profile, ``added``
    those that were new to it.
    """

    node: int
    at: Stamp
    ids: tuple[Identifier, ...]
    by: tuple[Identifier, ...]
    added: tuple[Identifier, ...]
    joined: tuple[Joined, ...]
    dropped: tuple[Dropped, ...]


@dataclass
class Branch:
    """A profile as it grew; those it took in hang on the steps that did it."""

    anchor: Identifier
    created: Stamp
    steps: list[Step] = field(default_factory=list)


def branches(resolution: Resolution) -> dict[Identifier, Branch]:
    """The branch of each profile of a component, by every identifier in it."""
    grown: dict[int, Branch] = {}
    for node, placement in resolution.placements:
        told = resolution.dropped.get(node.handle, ())
        shut = tuple(item for item in told if item.reason == BLOCKED)
        _grow(grown, node, placement, shut)
    return {
        identifier: grown[id(group)]
        for identifier, group in resolution.owner.items()
        if id(group) in grown
    }


def _grow(
    grown: dict[int, Branch], node: Node, placement: Placement, shut: tuple[Dropped, ...]
) -> None:
    group = placement.group
    branch = grown.get(id(group))
    founded = branch is None
    if branch is None:
        branch = grown[id(group)] = Branch(group.anchor, group.created)
    gone = {item.identifier for item in placement.dropped}
    kept = [item for item in node.ids if item not in gone and item in group.ids]
    joined = tuple(Joined(grown.pop(id(loser)), _named(loser, kept)) for loser in placement.merged)
    apart = shut + placement.dropped
    if not (founded or joined or placement.attached or apart):
        return
    others = {item for join in joined for item in join.by}
    by = tuple(item for item in kept if item not in others and item not in placement.attached)
    branch.steps.append(
        Step(node.handle, node.first, node.ids, by, placement.attached, joined, apart)
    )


def _named(group: Group, kept: Iterable[Identifier]) -> tuple[Identifier, ...]:
    return tuple(item for item in kept if item in group.ids)
