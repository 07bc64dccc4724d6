"""Placing new and late nodes: load what they touch, let identity decide, write."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
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
    public_id,
)
from cdp.pipeline.cluster import Cluster, Known
from cdp.pipeline.drafts import Draft
from cdp.store import graph
from cdp.store.identity import facts_of
from cdp.store.meta import take_numbers

_encode = msgspec.json.Encoder().encode
_decode_dropped = msgspec.json.Decoder(list[tuple[str, str, str]]).decode


def dropped_text(dropped: tuple[Dropped, ...]) -> str | None:
    """What was kept apart, as the store keeps it: JSON ``[[type, value, reason], …]``."""
    return _encode(dropped).decode() if dropped else None


def dropped_of(row: graph.NodeRow) -> list[Dropped]:
    """What was kept apart of a stored node."""
    return [Dropped(*item) for item in _decode_dropped(row.dropped)] if row.dropped else []


class Outcome:
    """What placing did to profiles.

    ``merged`` has (loser, survivor), ``split`` (whose nodes, now of whom); ``absorbed``
    maps a survivor to the trait maps of those it took in; ``refolded`` are profiles
    whose traits must be joined anew from their nodes; ``relocated`` says where the
    nodes of refolded components are, 0 for nobody. ``names`` has the public ids that
    those in ``merged`` and ``split`` had before.
    """

    def __init__(self) -> None:
        self.created: set[int] = set()
        self.merged: list[tuple[int, int]] = []
        self.split: set[tuple[int, int]] = set()
        self.absorbed: dict[int, list[bytes | None]] = {}
        self.refolded: set[int] = set()
        self.relocated: dict[int, int] = {}
        self.names: dict[int, str] = {}


class _Placed:
    """A new node and the group it came to; None where all its identifiers are blocked."""

    __slots__ = ("component", "draft", "dropped", "group")

    def __init__(self, draft: Draft, group: Group | None, dropped: tuple[Dropped, ...]) -> None:
        self.draft, self.group, self.dropped = draft, group, dropped
        self.component = 0


def _lower(row: graph.NodeRow, first: Stamp | None) -> graph.NodeRow:
    if first is None or first >= (row.first_t, row.first_source, row.first_message_id):
        return row
    return row._replace(
        first_t=first.t, first_source=first.source, first_message_id=first.message_id
    )


class Placing:
    """The work on all clusters of a micro-batch; each table is written once."""

    def __init__(
        self,
        tx: Connection,
        rules: Rules,
        cuts: dict[int, Cuts],
        now: int,
        known: Known,
        outcome: Outcome,
    ) -> None:
        self._tx, self._rules, self._cuts, self._now = tx, rules, cuts, now
        self._known, self._outcome = known, outcome
        self._profiles: dict[int, graph.ProfileRow] = {}
        self._ids_of: dict[int, list[graph.IdentifierRow]] = {}
        self._nodes_of: dict[int, list[graph.NodeRow]] = {}
        self._placed: list[_Placed] = []
        self._fresh: list[Group] = []
        self._changed: list[Group] = []
        self._into: dict[int, tuple[Group, Group]] = {}
        self._gone: set[int] = set()
        self._owners: list[tuple[Cluster, Identifier, Group | None, Stamp]] = []
        self._moved_nodes: list[tuple[Cluster, graph.NodeRow, Stamp, Group | None, str | None]] = []

    def place(self, clusters: list[Cluster]) -> None:
        """Decide on all clusters and write the result; fills in ``draft.profile``."""
        self._load(clusters)
        for cluster in clusters:
            if cluster.refold:
                self._fold_anew(cluster)
            else:
                self._add_in_order(cluster)
        self._write(clusters)

    # The graph around the new nodes, in as few queries as there are tables.

    def _load(self, clusters: list[Cluster]) -> None:
        tx = self._tx
        touched = {
            row.profile
            for cluster in clusters
            if not cluster.refold
            for row in self._rows_of(cluster)
            if row.profile is not None
        }
        for row in graph.identifiers_of_profiles(tx, list(touched)):
            self._ids_of.setdefault(row.profile or 0, []).append(row)
        again = [id_ for cluster in clusters if cluster.refold for id_ in cluster.components]
        for node in graph.nodes_of_components(tx, again):
            self._nodes_of.setdefault(node.component, []).append(node)
            if node.profile:
                touched.add(node.profile)
        for row in graph.identifiers_of_components(tx, again):
            self._known[(row.collection, (row.type, row.value))] = row
        self._profiles = {row.id: row for row in graph.profiles_by_id(tx, list(touched))}

    def _rows_of(self, cluster: Cluster) -> Iterable[graph.IdentifierRow]:
        for draft in cluster.drafts:
            for identifier in draft.ids:
                row = self._known.get((cluster.collection, identifier))
                if row is not None:
                    yield row

    def _group(self, profile: int) -> Group:
        row = self._profiles[profile]
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
        for profile in sorted({row.profile for row in self._rows_of(cluster) if row.profile}):
            work.load(self._group(profile))
        first_seen: dict[Identifier, Stamp] = {}
        placed: dict[int, _Placed] = {}
        facts = [(stamp, draft) for draft in cluster.drafts for stamp in draft.stamps]
        for stamp, draft in sorted(facts, key=lambda fact: (fact[0], fact[1].ids)):
            placement = work.add(Node(draft.id, draft.ids, stamp))
            for loser in placement.merged:
                self._into[id(loser)] = (loser, placement.group)
            placed[draft.id] = _Placed(draft, placement.group, placement.dropped)
            for identifier in draft.ids:
                first_seen.setdefault(identifier, stamp)
        self._placed.extend(placed.values())
        for identifier, seen in first_seen.items():
            owner = work.owner.get(identifier)
            self._owners.append((cluster, identifier, owner, seen))
        groups = {id(group): group for group in work.owner.values()}.values()
        self._fresh.extend(group for group in groups if group.key <= 0)
        self._changed.extend(
            group
            for group in groups
            if group.key > 0 and group.merges != self._profiles[group.key].merges
        )

    def _final(self, group: Group) -> Group:
        while (into := self._into.get(id(group))) is not None:
            group = into[1]
        return group

    def _fold_anew(self, cluster: Cluster) -> None:
        rows = [row for id_ in cluster.components for row in self._nodes_of.get(id_, ())]
        lowered = {draft.id: draft.first for draft, _ in cluster.earlier}
        by_handle: dict[int, graph.NodeRow] = {row.id: row for row in rows}
        facts = facts_of(self._tx, [_lower(row, lowered.get(row.id)) for row in rows], self._rules)
        for draft in cluster.drafts:
            facts += [Node(draft.id, draft.ids, stamp) for stamp in draft.stamps]
        result = fold(facts, self._rules, self._cuts.get(cluster.collection, NO_CUTS))
        groups = {id(group): group for group in result.group_of.values()}.values()
        ordered = sorted(groups, key=lambda g: (g.created, g.anchor))
        self._keep_profile_ids(cluster.collection, ordered, result.group_of, by_handle)
        first_seen: dict[Identifier, Stamp] = {}
        first_of: dict[int, Stamp] = {}
        for fact in sorted(facts, key=lambda fact: fact.first):
            first_of.setdefault(fact.handle, fact.first)
            for identifier in fact.ids:
                first_seen.setdefault(identifier, fact.first)
        for row in rows:
            group = result.group_of.get(row.id)
            text = dropped_text(result.dropped.get(row.id, ()))
            self._moved_nodes.append((cluster, row, first_of[row.id], group, text))
        for draft in cluster.drafts:
            dropped = result.dropped.get(draft.id, ())
            self._placed.append(_Placed(draft, result.group_of.get(draft.id), dropped))
        for identifier, seen in first_seen.items():
            self._owners.append((cluster, identifier, result.owner.get(identifier), seen))

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
                    if not exact or self._profiles[profile].anchor == name:
                        group.key = profile
                        free.discard(profile)
                        break
        for group in groups:
            (self._changed if group.key > 0 else self._fresh).append(group)
        self._gone |= free

    # Writing.

    def _write(self, clusters: list[Cluster]) -> None:
        tx, outcome = self._tx, self._outcome
        collections = {
            id(self._final(p.group)): p.draft.collection for p in self._placed if p.group
        }
        for cluster, _row, _first, group, _dropped in self._moved_nodes:
            if group is not None:
                collections[id(group)] = cluster.collection
        if self._fresh:
            first = take_numbers(tx, "profile", len(self._fresh))
            for index, group in enumerate(self._fresh):
                group.key = first + index
                outcome.created.add(group.key)
        self._write_profiles(collections)
        targets = self._write_components(clusters)
        self._write_nodes(targets)
        self._write_identifiers(targets)

    def _write_profiles(self, collections: dict[int, int]) -> None:
        tx, outcome = self._tx, self._outcome

        def row_of(group: Group) -> graph.ProfileRow:
            collection = collections[id(group)]
            return graph.ProfileRow(
                group.key,
                collection,
                identifier_hash(collection, group.anchor),
                *group.created,
                group.merges,
                self._now,
            )

        graph.insert_profiles(tx, [row_of(group) for group in self._fresh])
        changed = {group.key: row_of(group) for group in self._changed}
        graph.update_profiles(
            tx, [row for key, row in changed.items() if row[:-1] != self._profiles[key][:-1]]
        )
        pairs = [
            (loser.key, self._final(loser).key) for loser, _ in self._into.values() if loser.key > 0
        ]
        if pairs:
            maps = graph.profile_traits(tx, [loser for loser, _ in pairs])
            for loser, survivor in pairs:
                outcome.absorbed.setdefault(survivor, []).append(maps.get(loser))
            graph.merge_profiles(tx, pairs)
            outcome.merged.extend(pairs)
        if self._gone:
            graph.drop_profiles(tx, sorted(self._gone))
        self._tell_moves()

    def _tell_moves(self) -> None:
        outcome = self._outcome
        moves = {
            (row.profile, group.key if group is not None else 0)
            for _cluster, row, _first, group, _dropped in self._moved_nodes
        }
        heirs: dict[int, list[int]] = {}
        for old, new in sorted(move for move in moves if move[0] != move[1]):
            outcome.refolded |= {profile for profile in (old, new) if profile} - self._gone
            if old and new:
                heirs.setdefault(old, []).append(new)
        for old, all_new in heirs.items():
            if old in self._gone:  # one goes on in its name, the others were parted from it
                heir = self._heir(old, all_new)
                all_new.remove(heir)
                outcome.merged.append((old, heir))
            outcome.split |= {(old, new) for new in all_new}
        for old in {*dict(outcome.merged), *dict(outcome.split)}:
            row = self._profiles.get(old)
            if row is not None:
                outcome.names[old] = public_id(row.collection, row.anchor)

    def _heir(self, gone: int, heirs: list[int]) -> int:
        """To whom of ``heirs`` the public id of a profile that is gone leads now."""
        if len(heirs) > 1:
            was = self._profiles[gone]
            for cluster, identifier, group, _seen in self._owners:
                if group is None or cluster.collection != was.collection:
                    continue
                if identifier_hash(cluster.collection, identifier) == was.anchor:
                    return group.key if group.key in heirs else heirs[0]
        return heirs[0]

    def _write_components(self, clusters: list[Cluster]) -> dict[int, int]:
        """The component of each cluster, by the cluster's id()."""
        tx = self._tx
        without = [cluster for cluster in clusters if not cluster.components]
        number = take_numbers(tx, "component", len(without)) if without else 0
        joining = [id_ for c in clusters if len(c.components) > 1 for id_ in c.components]
        sizes = graph.sizes_of_components(tx, joining) if joining else {}
        targets: dict[int, int] = {}
        added: list[graph.ComponentRow] = []
        moved: list[graph.ComponentRow] = []
        joined: list[tuple[int, int]] = []
        for cluster in clusters:
            met = [*cluster.drafts, *(draft for draft, _ in cluster.earlier)]
            newest = max((draft.stamps[-1] for draft in met), default=None)
            if cluster.components:
                target = max(cluster.components, key=lambda id_: (sizes.get(id_, 0), -id_))
                joined.extend((other, target) for other in cluster.components if other != target)
                stamps = [stamp for stamp in (cluster.last, newest) if stamp is not None]
                moved.append(graph.ComponentRow(target, *max(stamps)))
            else:
                target, number = number, number + 1
                assert newest is not None
                added.append(graph.ComponentRow(target, *newest))
            targets[id(cluster)] = target
            for draft in cluster.drafts:
                targets[id(draft)] = target
        graph.join_components(tx, joined)
        graph.update_components(tx, moved)
        graph.insert_components(tx, added)
        return targets

    def _write_nodes(self, targets: dict[int, int]) -> None:
        rows: list[graph.NodeRow] = []
        for placed in self._placed:
            draft = placed.draft
            draft.profile = self._final(placed.group).key if placed.group is not None else 0
            rows.append(
                graph.NodeRow(
                    draft.id,
                    draft.key,
                    draft.collection,
                    draft.text,
                    *draft.first,
                    targets[id(draft)],
                    draft.profile,
                    dropped_text(placed.dropped),
                )
            )
        graph.insert_nodes(self._tx, rows)
        changed: list[graph.NodeRow] = []
        for cluster, row, first, group, dropped in self._moved_nodes:
            new = row._replace(
                first_t=first.t,
                first_source=first.source,
                first_message_id=first.message_id,
                component=targets[id(cluster)],
                profile=group.key if group is not None else 0,
                dropped=dropped,
            )
            if new != row:
                changed.append(new)
            self._outcome.relocated[row.id] = new.profile
        graph.update_nodes(self._tx, changed)

    def _write_identifiers(self, targets: dict[int, int]) -> None:
        added: list[tuple[Cluster, Identifier, int | None, Stamp]] = []
        changed: list[graph.IdentifierRow] = []
        moved = dict(self._outcome.merged)
        for cluster, identifier, owner, seen in self._owners:
            group = self._final(owner) if owner is not None else None
            profile = group.key if group is not None else None
            first = group.ids[identifier] if group is not None else seen
            row = self._known.get((cluster.collection, identifier))
            if row is None:
                added.append((cluster, identifier, profile, first))
                continue
            target = targets[id(cluster)]
            new = row._replace(component=target, profile=profile)
            if cluster.refold or (row.profile is None and profile is not None):
                new = new._replace(
                    first_t=first.t,
                    first_source=first.source,
                    first_message_id=first.message_id,
                )
            here = row._replace(component=target)
            if not cluster.refold and row.profile is not None:
                here = here._replace(profile=moved.get(row.profile, row.profile))
            if new != here or (cluster.refold and new != row):
                changed.append(new)
        graph.update_identifiers(self._tx, changed)
        first_id = take_numbers(self._tx, "identifier", len(added)) if added else 0
        graph.insert_identifiers(
            self._tx,
            [
                graph.IdentifierRow(
                    first_id + index,
                    identifier_hash(cluster.collection, (type_, value)),
                    cluster.collection,
                    type_,
                    value,
                    targets[id(cluster)],
                    profile,
                    *first,
                )
                for index, (cluster, (type_, value), profile, first) in enumerate(added)
            ],
        )
