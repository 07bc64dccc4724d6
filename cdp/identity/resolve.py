"""From nodes to profiles: the fold that does not depend on the order of arrival.

A *node* is a distinct set of identifiers with the stamp at which it was first seen.
Repeats of a set change nothing: profiles only grow, so what broke a limit once
breaks it again and the same identifiers are dropped in the same order, and those
that were kept are together already. So the graph is the fold over nodes in the order
of their first stamps, and any subset of a component that arrives in that order can
simply be added (`Graph.add`); what arrives late makes `fold` start from the first.

A node is added as Segment does it (Unify, 9.2): all profiles that share an unblocked
identifier become one, unless that would break a limit; then the lowest-priority
identifier is dropped and the rest tried again. A single identifier always fits,
for it touches at most one profile, which it is part of already.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cdp.events import Stamp
from cdp.identity.identifiers import Identifier
from cdp.identity.rules import Rules


class Node(NamedTuple):
    """A set of identifiers (highest priority first) and its earliest stamp."""

    handle: int
    ids: tuple[Identifier, ...]
    first: Stamp


class Group:
    """The identifiers of one profile.

    ``key`` is the caller's number of the profile, negative for a new one.
    ``anchor`` names the profile: the highest-priority identifier kept of the node
    that founded it, at ``created``. ``ids`` says when each identifier came.
    """

    __slots__ = ("anchor", "created", "ids", "key", "merges")

    def __init__(
        self,
        key: int,
        anchor: Identifier,
        created: Stamp,
        ids: dict[Identifier, Stamp],
        merges: int = 0,
    ) -> None:
        self.key = key
        self.anchor = anchor
        self.created = created
        self.ids = ids
        self.merges = merges

    def __repr__(self) -> str:
        return f"Group({self.key}, {self.anchor}, {sorted(self.ids)})"


class Placement(NamedTuple):
    """Where a node came to: the survivor, the groups it took in, what was kept apart."""

    group: Group
    merged: tuple[Group, ...]
    dropped: tuple[Identifier, ...]
    attached: tuple[Identifier, ...]


class Graph:
    """Groups by identifier, to which nodes are added in the order of their stamps."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._fresh = 0
        self.owner: dict[Identifier, Group] = {}

    def load(self, group: Group) -> None:
        """Take in a group that exists already, with all its identifiers."""
        for identifier in group.ids:
            self.owner[identifier] = group

    def add(self, node: Node) -> Placement:
        """Place ``node``; its stamp must be later than all that was added before."""
        ids = list(node.ids)
        dropped: list[Identifier] = []
        while True:
            groups = self._groups_of(ids)
            if len(ids) == 1 or self._fits(groups, ids):
                break
            dropped.append(self._lowest(ids))
            ids.remove(dropped[-1])
        if groups:
            group, *losers = sorted(groups, key=lambda g: (g.created, g.anchor))
            for loser in losers:
                self._absorb(group, loser)
        else:
            self._fresh -= 1
            group, losers = Group(self._fresh, ids[0], node.first, {}), []
        attached = tuple(identifier for identifier in ids if identifier not in group.ids)
        for identifier in attached:
            group.ids[identifier] = node.first
            self.owner[identifier] = group
        return Placement(group, tuple(losers), tuple(dropped), attached)

    def _groups_of(self, ids: list[Identifier]) -> list[Group]:
        groups: list[Group] = []
        for identifier in ids:
            group = self.owner.get(identifier)
            if group is not None and group not in groups:
                groups.append(group)
        return groups

    def _fits(self, groups: list[Group], ids: list[Identifier]) -> bool:
        new = [identifier for identifier in ids if identifier not in self.owner]
        if len(groups) == 1 and not new:
            return True
        rules = self._rules
        if len(groups) > 1:
            merges = sum(group.merges for group in groups) + len(groups) - 1
            if merges > rules.max_merges:
                return False
        total = len(new)
        counts: dict[str, int] = {}
        for type_, _ in new:
            counts[type_] = counts.get(type_, 0) + 1
        for group in groups:
            total += len(group.ids)
            for type_, _ in group.ids:
                counts[type_] = counts.get(type_, 0) + 1
        if total > rules.max_ids:
            return False
        return all(count <= rules.limit(type_) for type_, count in counts.items())

    def _lowest(self, ids: list[Identifier]) -> Identifier:
        return max(ids, key=lambda item: (self._rules.rank(item[0]), item[1]))

    def _absorb(self, group: Group, loser: Group) -> None:
        for identifier, stamp in loser.ids.items():
            group.ids[identifier] = stamp
            self.owner[identifier] = group
        group.merges += loser.merges + 1


class Resolution(NamedTuple):
    """The result of a `fold`: the group of each node, what was kept apart, the owners."""

    group_of: dict[int, Group]
    dropped: dict[int, tuple[Identifier, ...]]
    owner: dict[Identifier, Group]


def fold(nodes: Iterable[Node], rules: Rules) -> Resolution:
    """Place all ``nodes`` of a component from the first to the last."""
    graph = Graph(rules)
    leads: list[tuple[int, Identifier]] = []
    dropped: dict[int, tuple[Identifier, ...]] = {}
    for node in sorted(nodes, key=lambda n: (n.first, n.ids)):
        placement = graph.add(node)
        if placement.dropped:
            dropped[node.handle] = placement.dropped
        kept = next(item for item in node.ids if item not in placement.dropped)
        leads.append((node.handle, kept))
    group_of = {handle: graph.owner[lead] for handle, lead in leads}
    return Resolution(group_of, dropped, graph.owner)
