"""Placing new and late nodes: load what they touch and let identity decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from cdp.events import Stamp
from cdp.identity import (
    NO_CUTS,
    Cuts,
    Dropped,
    Graph,
    Group,
    Identifier,
    Node,
    Rules,
    fold,
    identifier_hash,
)
from cdp.pipeline.cluster import Cluster, Known
from cdp.pipeline.drafts import Draft
from cdp.pipeline.part import Change, Part, fold_around
from cdp.store.profiles import apart, graph
from cdp.store.profiles.identity import facts_of


class Outcome:
    """What placing did to profiles.

    ``merged`` has (loser, survivor), ``split`` (whose nodes, now of whom); ``absorbed``
    maps a survivor to the trait maps of those it took in; ``refolded`` are profiles
    whose traits must be joined anew from their nodes; ``relocated`` says where the
    nodes of refolded components are, 0 for nobody. ``gone`` have no nodes any more.
    ``names`` has the public ids that those in ``merged`` and ``split`` had before;
    ``renamed`` are profiles between which an identifier went from one to the other.
    """

    def __init__(self) -> None:
        self.created: set[int] = set()
        self.gone: set[int] = set()
        self.merged: list[tuple[int, int]] = []
        self.split: set[tuple[int, int]] = set()
        self.absorbed: dict[int, list[bytes | None]] = {}
        self.refolded: set[int] = set()
        self.relocated: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.renamed: set[int] = set()


class Placed:
    """A new node and the group it came to; None where all its identifiers are blocked."""

    __slots__ = ("draft", "dropped", "group")

    def __init__(self, draft: Draft, group: Group | None, dropped: tuple[Dropped, ...]) -> None:
        self.draft, self.group, self.dropped = draft, group, dropped


class Moved(NamedTuple):
    """A known node of a folded component: its new first stamp, group and what is kept apart."""

    cluster: Cluster
    row: graph.NodeRow
    first: Stamp
    group: Group | None
    dropped: str | None


class Decided:
    """What identity decided on the clusters of a micro-batch, not yet written.

    ``fresh`` and ``changed`` are the profiles to add and to rewrite, ``gone`` those
    without nodes; ``into`` has (loser, survivor) of each merge by the loser's id();
    ``owners`` the group of each identifier met, with its stamp.
    """

    def __init__(self) -> None:
        self.profiles: dict[int, graph.ProfileRow] = {}
        self.placed: list[Placed] = []
        self.fresh: list[Group] = []
        self.changed: list[Group] = []
        self.into: dict[int, tuple[Group, Group]] = {}
        self.gone: set[int] = set()
        self.owners: list[tuple[Cluster, Identifier, Group | None, Stamp]] = []
        self.moved_nodes: list[Moved] = []

    def final(self, group: Group) -> Group:
        """The group that ``group`` became part of in the end."""
        while (into := self.into.get(id(group))) is not None:
            group = into[1]
        return group


def _new(cluster: Cluster) -> list[Node]:
    return [Node(draft.id, draft.ids, stamp) for draft in cluster.drafts for stamp in draft.stamps]


class Placing:
    """Loads what clusters touch, and lets identity decide where each node belongs."""

    def __init__(
        self,
        tx: Connection,
        rules: Rules,
        cuts: dict[int, Cuts],
        known: Known,
    ) -> None:
        self._tx, self._rules, self._cuts, self._known = tx, rules, cuts, known
        self._ids_of: dict[int, list[graph.IdentifierRow]] = {}
        self._nodes_of: dict[int, list[graph.NodeRow]] = {}
        self._parts: dict[int, Part] = {}
        self.decided = Decided()

    def decide(self, clusters: list[Cluster]) -> Decided:
        """Decide on all clusters; nothing is written."""
        self._load(clusters)
        for cluster in clusters:
            if cluster.refold:
                self._fold_anew(cluster)
            else:
                self._add_in_order(cluster)
        return self.decided

    # The graph around the new nodes, in as few queries as there are tables.

    def _load(self, clusters: list[Cluster]) -> None:
        tx = self._tx
        touched = {
            row.profile
            for cluster in clusters
            if not cluster.refold
            for row in cluster.rows
            if row.profile is not None
        }
        for row in graph.identifiers_of_profiles(tx, list(touched)):
            self._ids_of.setdefault(row.profile or 0, []).append(row)
        anew = [id_ for cluster in clusters if cluster.refold for id_ in cluster.components]
        sizes = graph.sizes_of_components(tx, anew)
        for cluster in clusters:
            if cluster.refold and (part := self._part_of(cluster, sizes)) is not None:
                self._parts[id(cluster)] = part
                touched |= {row.profile for row in part.rows if row.profile}
                for identifier, item in part.known.items():
                    self._known[(cluster.collection, identifier)] = item
        again = [
            id_
            for cluster in clusters
            if cluster.refold and id(cluster) not in self._parts
            for id_ in cluster.components
        ]
        for node in graph.nodes_of_components(tx, again):
            self._nodes_of.setdefault(node.component, []).append(node)
            if node.profile:
                touched.add(node.profile)
        for row in graph.identifiers_of_components(tx, again):
            self._known[(row.collection, (row.type, row.value))] = row
        self.decided.profiles = {row.id: row for row in graph.profiles_by_id(tx, list(touched))}

    def _part_of(self, cluster: Cluster, sizes: Mapping[int, int]) -> Part | None:
        """What need be folded of a cluster whose change is known; None: all of it."""
        if not (cluster.drafts or cluster.earlier or cluster.around):
            return None
        change = Change(
            cluster.collection,
            cluster.components,
            [
                Node(draft.id, draft.ids, stamp)
                for draft in cluster.drafts
                for stamp in draft.stamps
            ],
            [(row, draft.first) for draft, row in cluster.earlier],
            cluster.around,
        )
        cuts = self._cuts.get(cluster.collection, NO_CUTS)
        return fold_around(self._tx, change, self._rules, cuts, sizes)

    def _group(self, profile: int) -> Group:
        row = self.decided.profiles[profile]
        ids: dict[Identifier, Stamp] = {}
        anchor: Identifier | None = None
        for item in self._ids_of.get(profile, ()):
            identifier = (item.type, item.value)
            ids[identifier] = Stamp(item.first_t, item.first_source, item.first_message_id)
            if item.hash == row.anchor:
                anchor = identifier
        assert anchor is not None, f"profile {profile} has lost the identifier that names it"
        created = Stamp(row.created_t, row.created_source, row.created_message_id)
        return Group(profile, anchor, created, ids, row.merges)

    # Deciding.

    def _add_in_order(self, cluster: Cluster) -> None:
        work = Graph(self._rules, self._cuts.get(cluster.collection, NO_CUTS))
        for profile in sorted({row.profile for row in cluster.rows if row.profile}):
            work.load(self._group(profile))
        first_seen: dict[Identifier, Stamp] = {}
        placed: dict[int, Placed] = {}
        facts = [(stamp, draft) for draft in cluster.drafts for stamp in draft.stamps]
        for stamp, draft in sorted(facts, key=lambda fact: (fact[0], fact[1].ids)):
            placement = work.add(Node(draft.id, draft.ids, stamp))
            for loser in placement.merged:
                self.decided.into[id(loser)] = (loser, placement.group)
            placed[draft.id] = Placed(draft, placement.group, placement.dropped)
            for identifier in draft.ids:
                first_seen.setdefault(identifier, stamp)
        self.decided.placed.extend(placed.values())
        for identifier, seen in first_seen.items():
            owner = work.owner.get(identifier)
            self.decided.owners.append((cluster, identifier, owner, seen))
        groups = {id(group): group for group in work.owner.values()}.values()
        self.decided.fresh.extend(group for group in groups if group.key <= 0)
        self.decided.changed.extend(
            group
            for group in groups
            if group.key > 0 and group.merges != self.decided.profiles[group.key].merges
        )

    def _fold_anew(self, cluster: Cluster) -> None:
        part = self._parts.get(id(cluster))
        rows = (
            part.rows
            if part is not None
            else [row for id_ in cluster.components for row in self._nodes_of.get(id_, ())]
        )
        facts = self._facts_of(cluster, rows)
        if part is None:
            result = fold(facts, self._rules, self._cuts.get(cluster.collection, NO_CUTS))
            settled: set[int] = set()
        else:
            result, settled = part.result, part.settled
        groups = {id(group): group for group in result.group_of.values()}
        changing = [group for id_, group in groups.items() if id_ not in settled]
        ordered = sorted(changing, key=lambda g: (g.created, g.anchor))
        by_handle: dict[int, graph.NodeRow] = {row.id: row for row in rows}
        self._keep_profile_ids(cluster.collection, ordered, result.group_of, by_handle)
        first_seen: dict[Identifier, Stamp] = {}
        first_of: dict[int, Stamp] = {}
        for fact in sorted(facts, key=lambda fact: fact.first):
            first_of.setdefault(fact.handle, fact.first)
            for identifier in fact.ids:
                first_seen.setdefault(identifier, fact.first)
        for row in rows:
            group = result.group_of.get(row.id)
            text = apart.text_of(result.dropped.get(row.id, ()))
            moved = Moved(cluster, row, first_of[row.id], group, text)
            self.decided.moved_nodes.append(moved)
        for draft in cluster.drafts:
            dropped = result.dropped.get(draft.id, ())
            self.decided.placed.append(Placed(draft, result.group_of.get(draft.id), dropped))
        for identifier, seen in first_seen.items():
            owner = result.owner.get(identifier)
            if part is not None and owner is None and identifier in part.known:
                # Others may have named it before, and did not get it either.
                row_ = part.known[identifier]
                seen = min(seen, Stamp(row_.first_t, row_.first_source, row_.first_message_id))
            if owner is None or id(owner) not in settled:
                self.decided.owners.append((cluster, identifier, owner, seen))

    def _facts_of(self, cluster: Cluster, rows: list[graph.NodeRow]) -> list[Node]:
        """What a cluster is folded from, known nodes that were seen earlier as of then."""
        earlier = {draft.id: draft.first for draft, _ in cluster.earlier}
        lowered = []
        for row in rows:
            first = Stamp(row.first_t, row.first_source, row.first_message_id)
            t, source, message_id = min(first, earlier.get(row.id, first))
            lowered.append(
                row._replace(first_t=t, first_source=source, first_message_id=message_id)
            )
        return facts_of(self._tx, lowered, self._rules) + _new(cluster)

    def _keep_profile_ids(
        self,
        collection: int,
        groups: list[Group],
        group_of: dict[int, Group],
        rows: dict[int, graph.NodeRow],
    ) -> None:
        """Let each group go on with a profile that its nodes had, if one is free."""
        had: dict[int, set[int]] = {}
        for handle, row in rows.items():
            if handle in group_of:
                had.setdefault(id(group_of[handle]), set()).add(row.profile)
        free = {row.profile for row in rows.values() if row.profile}
        for exact in (True, False):
            for group in groups:
                if group.key > 0:
                    continue
                name = identifier_hash(collection, group.anchor)
                for profile in sorted(had.get(id(group), set()) & free):
                    if not exact or self.decided.profiles[profile].anchor == name:
                        group.key = profile
                        free.discard(profile)
                        break
        for group in groups:
            (self.decided.changed if group.key > 0 else self.decided.fresh).append(group)
        self.decided.gone |= free
