"""Folding a part of a component: what a change can reach, and no more.

An identifier that was kept apart leaves no trace with whom it belongs to. So all that a
profile ever was can be told from its own nodes, each with what was kept of it. These are
*settled*: placed without question, so that others can be judged by them. Only nodes that
a change may reach are *judged*, that is, folded as `cdp.identity.resolve.fold` does it.
`reach` says whether these were enough: where a judged node does something to a settled
profile, that must be judged too; and where a profile is not what it was, so must be all
nodes that were kept apart from it. When nothing more is reached, the fold of the whole
component would say the same: by induction over the stamps, nobody else has met anything
that is not as it was.

This holds without windows only: under these a node may be kept apart once and not again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cdp.identity.cuts import NO_CUTS, Cuts
from cdp.identity.identifiers import Identifier
from cdp.identity.resolve import Dropped, Node, Resolution, fold
from cdp.identity.rules import Rules


class Known(NamedTuple):
    """A node of the graph as it is: whose, and what was kept apart of it.

    ``restamped``: it was seen earlier than was known.
    """

    node: Node
    profile: int
    dropped: tuple[Dropped, ...]
    restamped: bool = False

    @property
    def kept(self) -> tuple[Identifier, ...]:
        """The identifiers that its profile got."""
        gone = {item.identifier for item in self.dropped}
        return tuple(item for item in self.node.ids if item not in gone)


class Reach(NamedTuple):
    """What a change was found to reach: settled profiles, and those who were kept apart.

    ``identifiers`` are those of which not every node meets what it met before.
    """

    profiles: set[int]
    identifiers: set[Identifier]


def fold_part(
    judged: Iterable[Known],
    settled: Iterable[Known],
    new: Iterable[Node],
    rules: Rules,
    cuts: Cuts = NO_CUTS,
) -> Resolution:
    """Fold ``judged`` and ``new`` among what is ``settled``."""
    kept: dict[int, tuple[Identifier, ...]] = {}
    nodes = [*new, *(known.node for known in judged)]
    for known in settled:
        kept[known.node.handle] = rules.ordered(known.kept)
        nodes.append(known.node)
    return fold(nodes, rules, cuts, kept)


def reach(
    result: Resolution,
    judged: Sequence[Known],
    settled: Iterable[Known],
    new: Iterable[Node],
    stirred: Iterable[int] = (),
) -> Reach:
    """What ``result`` reaches that was not judged; ``stirred`` profiles count as changed."""
    home = {handle: id(group) for handle, group in result.group_of.items()}
    groups = {id(group): group for group in result.group_of.values()}
    fresh = {node.handle for node in new}
    mine = [known.node.handle for known in judged]
    visited = {home[handle] for handle in (*mine, *fresh) if handle in home}
    profiles = {known.profile for known in settled if home[known.node.handle] in visited}
    grown = {
        home[node.handle]
        for node, placement in result.placements
        if node.handle in fresh and (placement.attached or placement.merged)
    }
    members: dict[int | None, set[int]] = {}
    before: dict[int, list[Known]] = {}
    for known in judged:
        members.setdefault(home.get(known.node.handle), set()).add(known.node.handle)
        if known.profile:
            before.setdefault(known.profile, []).append(known)
    changed, identifiers = set(grown), set[Identifier]()
    for profile, nodes in before.items():
        handles = {known.node.handle for known in nodes}
        homes = {home.get(handle) for handle in handles}
        same = (
            profile not in set(stirred)
            and len(homes) == 1
            and members[next(iter(homes))] == handles
            and not homes & grown
            and all(
                not known.restamped and result.dropped.get(known.node.handle, ()) == known.dropped
                for known in nodes
            )
        )
        if not same:
            identifiers.update(item for known in nodes for item in known.kept)
            changed.update(place for place in homes if place is not None)
    for place in changed:
        identifiers.update(groups[place].ids)
    return Reach(profiles, identifiers)
