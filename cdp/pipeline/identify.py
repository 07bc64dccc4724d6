"""Place the nodes of a micro-batch in the profile graph.

Most nodes are known: one look-up. A new node whose stamp is the newest of all that
it touches is added to the groups it touches; a late one makes its whole component
be folded anew (law 3). `cdp.identity` decides, this module loads and writes.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from cdp.events import Stamp
from cdp.identity import Rules, identifier_hash
from cdp.pipeline.cluster import Cluster, Known, clusters_of
from cdp.pipeline.drafts import Draft
from cdp.pipeline.placing import Outcome, Placing, ids_text
from cdp.store import graph
from cdp.store.meta import take_numbers


def identify(tx: Connection, drafts: Iterable[Draft], rules: Rules, now: int) -> Outcome:
    """Give each draft its node and profile; writes nodes, identifiers and profiles."""
    outcome = Outcome()
    everyone = list(drafts)
    pending, earlier = _look_up(tx, everyone)
    if not pending and not earlier:
        return outcome
    first = take_numbers(tx, "node", len(pending)) if pending else 0
    for index, draft in enumerate(pending):
        draft.id = first + index
    found = _known_identifiers(tx, pending)
    clusters = clusters_of(pending, earlier, found)
    _load_stamps(tx, clusters)
    Placing(tx, rules, now, found, outcome).place(clusters)
    moved = dict(outcome.merged)
    for draft in everyone:
        # Known nodes may have changed hands through the new ones.
        survivor = outcome.relocated.get(draft.id) or moved.get(draft.profile)
        if survivor is not None:
            draft.profile = survivor
    return outcome


def _look_up(
    tx: Connection, drafts: list[Draft]
) -> tuple[list[Draft], list[tuple[Draft, graph.NodeRow]]]:
    """Fill in what is known; returns new drafts, and known ones that were seen earlier now."""
    by_key: dict[int, list[graph.NodeRow]] = {}
    for row in graph.nodes_by_key(tx, [draft.key for draft in drafts]):
        by_key.setdefault(row.key, []).append(row)
    pending: list[Draft] = []
    earlier: list[tuple[Draft, graph.NodeRow]] = []
    for draft in drafts:
        rows = by_key.get(draft.key)
        if not rows:
            pending.append(draft)
            continue
        text = ids_text(draft.ids)
        for row in rows:
            if row.ids == text and row.collection == draft.collection:
                draft.id, draft.profile = row.id, row.profile
                if draft.first < (row.first_t, row.first_source, row.first_message_id):
                    earlier.append((draft, row))
                break
        else:
            pending.append(draft)
    return pending, earlier


def _known_identifiers(tx: Connection, drafts: list[Draft]) -> Known:
    wanted = {
        identifier_hash(draft.collection, identifier): (draft.collection, identifier)
        for draft in drafts
        for identifier in draft.ids
    }
    found: Known = {}
    for row in graph.identifiers_by_hash(tx, list(wanted)):
        found[(row.collection, (row.type, row.value))] = row
    return found


def _load_stamps(tx: Connection, clusters: list[Cluster]) -> None:
    ids = [id_ for cluster in clusters for id_ in cluster.components]
    rows = {row.id: row for row in graph.components_by_id(tx, ids)}
    for cluster in clusters:
        stamps = [
            Stamp(rows[id_].last_t, rows[id_].last_source, rows[id_].last_message_id)
            for id_ in cluster.components
        ]
        cluster.last = max(stamps) if stamps else None
        cluster.refold = bool(cluster.earlier) or (
            cluster.last is not None and any(d.first <= cluster.last for d in cluster.drafts)
        )
