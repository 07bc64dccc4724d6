"""Writing what was decided on the nodes of a micro-batch, each table once."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.events import Stamp
from cdp.identity import Group, Identifier, identifier_hash, public_id
from cdp.pipeline.cluster import Cluster, Known
from cdp.pipeline.placing import Decided, Outcome
from cdp.store.meta import take_numbers
from cdp.store.profiles import apart, graph


class Writing:
    """Writes a `Decided` and tells in an `Outcome` what became of profiles."""

    def __init__(
        self, tx: Connection, decided: Decided, known: Known, outcome: Outcome, now: int
    ) -> None:
        self._tx, self._decided, self._now = tx, decided, now
        self._known, self._outcome = known, outcome

    def write(self, clusters: list[Cluster]) -> None:
        tx, outcome = self._tx, self._outcome
        collections = {
            id(self._decided.final(p.group)): p.draft.collection
            for p in self._decided.placed
            if p.group
        }
        for cluster, _row, _first, group, _dropped in self._decided.moved_nodes:
            if group is not None:
                collections[id(group)] = cluster.collection
        if self._decided.fresh:
            first = take_numbers(tx, "profile", len(self._decided.fresh))
            for index, group in enumerate(self._decided.fresh):
                group.key = first + index
                outcome.created.add(group.key)
        self._write_profiles(collections)
        targets = self._write_components(clusters)
        self._write_nodes(targets)
        self._write_identifiers(targets)

    def _write_profiles(self, collections: dict[int, int]) -> None:
        tx, outcome, decided = self._tx, self._outcome, self._decided

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

        graph.insert_profiles(tx, [row_of(group) for group in decided.fresh])
        changed = {group.key: row_of(group) for group in decided.changed}
        graph.update_profiles(
            tx,
            [row for key, row in changed.items() if row[:-1] != decided.profiles[key][:-1]],
        )
        pairs = [
            (loser.key, decided.final(loser).key)
            for loser, _ in decided.into.values()
            if loser.key > 0
        ]
        if pairs:
            maps = graph.profile_traits(tx, [loser for loser, _ in pairs])
            for loser, survivor in pairs:
                outcome.absorbed.setdefault(survivor, []).append(maps.get(loser))
            graph.merge_profiles(tx, pairs)
            outcome.merged.extend(pairs)
        if decided.gone:
            graph.drop_profiles(tx, sorted(decided.gone))
            outcome.gone |= decided.gone
        self._tell_moves()

    def _tell_moves(self) -> None:
        outcome = self._outcome
        moves = {
            (row.profile, group.key if group is not None else 0)
            for _cluster, row, _first, group, _dropped in self._decided.moved_nodes
        }
        heirs: dict[int, list[int]] = {}
        for old, new in sorted(move for move in moves if move[0] != move[1]):
            outcome.refolded |= {profile for profile in (old, new) if profile} - self._decided.gone
            if old and new:
                heirs.setdefault(old, []).append(new)
        for old, all_new in heirs.items():
            if old in self._decided.gone:  # one goes on in its name, the others were parted from it
                heir = self._heir(old, all_new)
                all_new.remove(heir)
                outcome.merged.append((old, heir))
            outcome.split |= {(old, new) for new in all_new}
        for old in {*dict(outcome.merged), *dict(outcome.split)}:
            row = self._decided.profiles.get(old)
            if row is not None:
                outcome.names[old] = public_id(row.collection, row.anchor)

    def _heir(self, gone: int, heirs: list[int]) -> int:
        """To whom of ``heirs`` the public id of a profile that is gone leads now."""
        if len(heirs) > 1:
            was = self._decided.profiles[gone]
            for cluster, identifier, group, _seen in self._decided.owners:
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
            newest = max([draft.stamps[-1] for draft in met], default=None)
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
        for placed in self._decided.placed:
            draft = placed.draft
            draft.profile = self._decided.final(placed.group).key if placed.group is not None else 0
            rows.append(
                graph.NodeRow(
                    draft.id,
                    draft.key,
                    draft.collection,
                    draft.text,
                    *draft.first,
                    targets[id(draft)],
                    draft.profile,
                    apart.text_of(placed.dropped),
                )
            )
        graph.insert_nodes(self._tx, rows)
        changed: list[graph.NodeRow] = []
        for cluster, row, first, group, dropped in self._decided.moved_nodes:
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
        for cluster, identifier, owner, seen in self._decided.owners:
            group = self._decided.final(owner) if owner is not None else None
            profile = group.key if group is not None else None
            first = group.ids[identifier] if group is not None else seen
            row = self._known.get((cluster.collection, identifier))
            if row is None:
                added.append((cluster, identifier, profile, first))
                continue
            target = targets[id(cluster)]
            had = moved.get(row.profile, row.profile) if row.profile is not None else None
            if had != profile:
                self._outcome.renamed |= {id_ for id_ in (had, profile) if id_ is not None}
            new = row._replace(component=target, profile=profile)
            if cluster.refold or (row.profile is None and profile is not None):
                new = new._replace(
                    first_t=first.t,
                    first_source=first.source,
                    first_message_id=first.message_id,
                )
            here = row._replace(component=target)
            if not cluster.refold:
                here = here._replace(profile=had)
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
