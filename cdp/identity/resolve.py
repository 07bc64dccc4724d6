"""From nodes to profiles: the fold that does not depend on the order of arrival.

A *node* is a distinct set of identifiers with the stamp at which it was first seen.
Repeats of a set change nothing: profiles only grow, so what broke a limit once
breaks it again and the same identifiers are dropped in the same order, and those
that were kept are together already. (A limit with a window is met anew when time has
passed, so a set with such a type is a fact once a day.) So the graph is the fold over
nodes in the order of their first stamps, and any subset of a component that arrives in
that order can simply be added (`Graph.add`); what arrives late makes `fold` start from
the first.

A node is added as Segment does it (Unify, 9.2): all profiles that share an unblocked
identifier become one, unless that would break a limit or a cut; then the
lowest-priority identifier is dropped and the rest tried again. A single identifier
always fits, for it touches at most one profile, which it is part of already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cdp.events import Stamp
from cdp.identity.cuts import NO_CUTS, Cuts
from cdp.identity.identifiers import Identifier
from cdp.identity.rules import DAY_MS, Limit, Rules


class Node(NamedTuple):
    """A set of identifiers and its stamp; `fold` sees to their order, `Graph.add` is given it."""

    handle: int
    ids: tuple[Identifier, ...]
    first: Stamp


#: Why an identifier is nobody's; all other reasons keep it apart from somebody.
BLOCKED = "blocked"


class Dropped(NamedTuple):
    """An identifier that was kept out of the profile of its node.

    ``reason`` is ``limit:<type>``, ``identifiers`` or ``merges`` (too many of all),
    ``cut:<number>`` or ``blocked``.
    """

    type: str
    value: str
    reason: str

    @property
    def identifier(self) -> Identifier:
        """The identifier alone."""
        return (self.type, self.value)


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
    dropped: tuple[Dropped, ...]
    attached: tuple[Identifier, ...]


class Graph:
    """Groups by identifier, to which nodes are added in the order of their stamps."""

    def __init__(self, rules: Rules, cuts: Cuts = NO_CUTS) -> None:
        self._rules, self._cuts = rules, cuts
        self._fresh = 0
        self.owner: dict[Identifier, Group] = {}

    def load(self, group: Group) -> None:
        """Take in a group that exists already, with all its identifiers."""
        for identifier in group.ids:
            self.owner[identifier] = group

    def add(self, node: Node, settled: bool = False) -> Placement:
        """Place ``node``, later than all before.

        None of its identifiers is blocked; the highest priority comes first. What is
        ``settled`` is placed without question: it was found before that it fits.
        """
        ids = list(node.ids)
        dropped: list[Dropped] = []
        while True:
            groups = self._groups_of(ids)
            if settled or len(ids) == 1:
                break
            if (reason := self._against(groups, ids, node.first.t)) is None:
                break
            dropped.append(Dropped(*ids.pop(), reason))
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

    def _against(self, groups: list[Group], ids: list[Identifier], t: int) -> str | None:
        """What speaks against one profile of ``groups`` and ``ids`` at ``t``; None if nothing."""
        new = [identifier for identifier in ids if identifier not in self.owner]
        if len(groups) == 1 and not new:
            return None
        rules = self._rules
        if self._cuts:
            everything = [*new, *(item for group in groups for item in group.ids)]
            if (number := self._cuts.broken(everything)) is not None:
                return f"cut:{number}"
        if len(groups) > 1:
            merges = sum(group.merges for group in groups) + len(groups) - 1
            if merges > rules.max_merges:
                return "merges"
        total = len(new) + sum(len(group.ids) for group in groups)
        if total > rules.max_ids:
            return "identifiers"
        # Only types that grow can break their limit; they are told in order of priority.
        counts: dict[str, int] = {}
        for type_, _ in new:
            counts[type_] = counts.get(type_, 0) + 1
        if rules.any_window:
            return self._against_windows(groups, counts, t)
        for group in groups:
            for type_, _ in group.ids:
                counts[type_] = counts.get(type_, 0) + 1
        over = [type_ for type_, count in counts.items() if count > rules.limit(type_).count]
        return f"limit:{min(over, key=rules.rank)}" if over else None

    def _against_windows(self, groups: list[Group], new: dict[str, int], t: int) -> str | None:
        rules, counts = self._rules, dict(new)
        limits: dict[str, Limit] = {}
        for group in groups:
            for (type_, _), since in group.ids.items():
                limit = limits.setdefault(type_, rules.limit(type_))
                if limit.days is None or since.t > t - limit.days * DAY_MS:
                    counts[type_] = counts.get(type_, 0) + 1
        over = [type_ for type_, count in counts.items() if count > rules.limit(type_).count]
        return f"limit:{min(over, key=rules.rank)}" if over else None

    def _absorb(self, group: Group, loser: Group) -> None:
        for identifier, stamp in loser.ids.items():
            group.ids[identifier] = stamp
            self.owner[identifier] = group
        group.merges += loser.merges + 1


def fits(types: Sequence[str], rules: Rules) -> bool:
    """Whether a profile may have identifiers of ``types``, by rules without windows.

    What is cut apart is another question.
    """
    enough = len(types) <= rules.max_ids
    return enough and all([types.count(type_) <= rules.limit(type_).count for type_ in set(types)])


def fits_alone(types: Sequence[str], rules: Rules) -> bool:
    """Whether a profile may begin with identifiers of ``types``, each of them new."""
    return len(types) == 1 or fits(types, rules)


_NONE: Mapping[int, tuple[Identifier, ...]] = {}


class Resolution(NamedTuple):
    """The result of a `fold`.

    ``group_of`` has the group of each node (none where all its identifiers are
    blocked), ``dropped`` what was kept apart, ``owner`` the group of each identifier,
    ``placements`` each step in order.
    """

    group_of: dict[int, Group]
    dropped: dict[int, tuple[Dropped, ...]]
    owner: dict[Identifier, Group]
    placements: list[tuple[Node, Placement]]


def fold(
    nodes: Iterable[Node],
    rules: Rules,
    cuts: Cuts = NO_CUTS,
    settled: Mapping[int, tuple[Identifier, ...]] = _NONE,
) -> Resolution:
    """Place all ``nodes`` of a component from the first to the last.

    The same handle may come several times (a set that is met again under a limit with
    a window); the last of them says what is kept apart. ``settled`` has, by the handles
    of nodes that need no judging (`cdp.identity.part`), what is kept of them, the highest
    priority first.
    """
    graph = Graph(rules, cuts)
    leads: dict[int, Identifier] = {}
    dropped: dict[int, tuple[Dropped, ...]] = {}
    placements: list[tuple[Node, Placement]] = []
    for node in sorted(nodes, key=lambda n: (n.first, n.ids)):
        if (kept := settled.get(node.handle)) is not None:
            placements.append((node, graph.add(node._replace(ids=kept), settled=True)))
            leads[node.handle] = kept[0]
            continue
        open_ids = rules.ordered([item for item in node.ids if not rules.blocks(*item)])
        shut = tuple(Dropped(*item, BLOCKED) for item in node.ids if item not in open_ids)
        if not open_ids:
            dropped[node.handle] = shut
            continue
        placement = graph.add(node._replace(ids=open_ids))
        placements.append((node, placement))
        apart = shut + placement.dropped
        if apart:
            dropped[node.handle] = apart
        else:
            dropped.pop(node.handle, None)
        gone = {item.identifier for item in placement.dropped}
        leads[node.handle] = next(item for item in open_ids if item not in gone)
    group_of = {handle: graph.owner[lead] for handle, lead in leads.items()}
    return Resolution(group_of, dropped, graph.owner, placements)
