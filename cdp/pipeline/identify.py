"""Place the nodes of a micro-batch in the profile graph.

Most nodes are known: one look-up. A new node whose stamp is the newest of all that
it touches is added to the groups it touches; a late one makes its whole component
be folded anew (law 3). `cdp.identity` decides, this module loads and writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from cdp.events import Stamp
from cdp.identity import Cuts, Identifier, Rules
from cdp.pipeline.cluster import Cluster, Known, clusters_of
from cdp.pipeline.drafts import Draft
from cdp.pipeline.met import MetNodes
from cdp.pipeline.newcomers import add_newcomers, add_regulars, find_newcomers, find_regulars
from cdp.pipeline.placing import Outcome, Placing
from cdp.pipeline.writing import Writing
from cdp.store.meta import take_numbers
from cdp.store.profiles import apart, graph
from cdp.store.profiles.identity import add_sightings, sightings_of
from cdp.store.profiles.identity import sweep as sweep_under_way


def identify(
    tx: Connection,
    drafts: Iterable[Draft],
    rules: Rules,
    cuts: dict[int, Cuts],
    now: int,
    met: MetNodes | None = None,
) -> Outcome:
    """Give each draft its node and profile; writes nodes, identifiers and profiles.

    ``met`` are nodes that need not be looked up; it learns of all drafts and of what
    becomes of profiles.
    """
    outcome = Outcome()
    everyone = list(drafts)
    unknown = [draft for draft in everyone if met is None or not met.fill_in(draft)]
    pending, earlier = _look_up(tx, unknown)
    if rules.any_window:
        earlier += _met_again(tx, everyone, rules)
    if pending or earlier:
        _join(tx, everyone, pending, earlier, rules, cuts, outcome, now)
    if met is not None:
        met.move(outcome)
        met.learn(unknown)
    return outcome


def _join(
    tx: Connection,
    everyone: list[Draft],
    pending: list[Draft],
    earlier: list[tuple[Draft, graph.NodeRow]],
    rules: Rules,
    cuts: dict[int, Cuts],
    outcome: Outcome,
    now: int,
) -> None:
    """Let new nodes, and known ones that must be judged anew, become part of the graph."""
    first = take_numbers(tx, "node", len(pending)) if pending else 0
    for index, draft in enumerate(pending):
        draft.id = first + index
    found = _known_identifiers(tx, pending)
    known = {row.hash for row in found.values()}
    newcomers, others = find_newcomers(pending, known, rules, cuts)
    add_newcomers(tx, newcomers, outcome, now)
    clusters = clusters_of(others, earlier, found)
    _load_stamps(tx, clusters)
    regulars, clusters = find_regulars(tx, clusters, rules, cuts)
    add_regulars(tx, regulars)
    _place(tx, clusters, rules, cuts, found, outcome, now)
    if rules.any_window:
        _note_days(tx, pending)
    moved = dict(outcome.merged)
    for draft in everyone:
        # Known nodes may have changed hands through the new ones.
        survivor = outcome.relocated.get(draft.id, moved.get(draft.profile))
        if survivor is not None:
            draft.profile = survivor


def fold_components(
    tx: Connection,
    ids: list[int],
    rules: Rules,
    cuts: dict[int, Cuts],
    now: int,
    around: Collection[Identifier] = (),
) -> Outcome:
    """Fold components anew, under rules or cuts that have changed.

    Where nothing has changed but a cut ``around`` some identifiers, only what that reaches.
    """
    outcome = Outcome()
    clusters: list[Cluster] = []
    for row in graph.collections_of_components(tx, ids):
        cluster = Cluster(row.collection)
        cluster.components = [row.component]
        cluster.around = around
        clusters.append(cluster)
    _load_stamps(tx, clusters)
    for cluster in clusters:
        cluster.refold = True
    _place(tx, clusters, rules, cuts, {}, outcome, now)
    return outcome


def _place(
    tx: Connection,
    clusters: list[Cluster],
    rules: Rules,
    cuts: dict[int, Cuts],
    known: Known,
    outcome: Outcome,
    now: int,
) -> None:
    decided = Placing(tx, rules, cuts, known).decide(clusters)
    Writing(tx, decided, known, outcome, now).write(clusters)


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
        text, key, _ = draft.spelled
        rows = by_key.get(key)
        if not rows:
            pending.append(draft)
            continue
        for row in rows:
            if row.ids == text and row.collection == draft.collection:
                draft.id, draft.profile = row.id, row.profile
                if draft.first < (row.first_t, row.first_source, row.first_message_id):
                    earlier.append((draft, row))
                break
        else:
            pending.append(draft)
    return pending, earlier


def _met_again(
    tx: Connection, drafts: list[Draft], rules: Rules
) -> list[tuple[Draft, graph.NodeRow]]:
    """Note on which days known nodes were met; returns those that must be judged anew."""
    known = [draft for draft in drafts if draft.id and draft.days]
    rows = {row.id: row for row in graph.nodes_by_key(tx, [draft.key for draft in known])}
    days: dict[int, dict[int, Stamp]] = {}
    for node, day, stamp in sightings_of(tx, [draft.id for draft in known]):
        days.setdefault(node, {})[day] = stamp
    again = [
        (draft, rows[draft.id])
        for draft in known
        if _says_more(draft, days.get(draft.id, {}), rows[draft.id], rules)
    ]
    _note_days(tx, known)
    return again


def _says_more(draft: Draft, days: dict[int, Stamp], row: graph.NodeRow, rules: Rules) -> bool:
    """Whether meeting a known node now can change something.

    It can while a window keeps something apart, and before the last time that it was
    judged: it may have been kept apart until then.
    """
    new = [stamp for day, stamp in draft.days.items() if day not in days or stamp < days[day]]
    if not new:
        return False
    if days and min(new) < max(days.values()):
        return True
    limits = (item.reason.partition(":") for item in apart.read(row.dropped))
    return any(kind == "limit" and rules.windowed(type_) for kind, _, type_ in limits)


def _note_days(tx: Connection, drafts: list[Draft]) -> None:
    add_sightings(
        tx, [(draft.id, day, stamp) for draft in drafts for day, stamp in draft.days.items()]
    )


def _known_identifiers(tx: Connection, drafts: list[Draft]) -> Known:
    hashes = [hash_ for draft in drafts for hash_ in draft.spelled.hashes]
    rows = graph.identifiers_by_hash(tx, hashes)
    return {(row.collection, (row.type, row.value)): row for row in rows}


def _load_stamps(tx: Connection, clusters: list[Cluster]) -> None:
    """Fill in each cluster's ``last``, and whether it must be folded anew."""
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
    joining = [cluster for cluster in clusters if len(cluster.components) > 1]
    sweep = sweep_under_way(tx) if joining else None
    for cluster in joining:
        # What is swept already must take in nothing that isn't: it would be passed over.
        cluster.refold |= sweep is not None and cluster.components[-1] >= sweep.at
