"""New nodes about which there is nothing to decide: most of all that is new.

*Newcomers* are people of whom nothing is known and whom nothing connects: each begins a
profile with the identifiers of one message (`fits_alone`). *Regulars* name only what one
profile has already, in a set that was not met before. `Graph.add` comes to the same by a
longer way; here their rows are written straight away.
"""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.events import Stamp
from cdp.identity import Cuts, Identifier, Rules, fits_alone
from cdp.pipeline.cluster import Cluster
from cdp.pipeline.drafts import Draft
from cdp.pipeline.placing import Outcome
from cdp.store.bulk import Row
from cdp.store.meta import take_numbers
from cdp.store.profiles import graph

#: The hash of each identifier of new drafts, by collection and identifier.
Hashes = dict[tuple[int, Identifier], int]


def find_newcomers(
    pending: list[Draft], hashes: Hashes, known: set[int], rules: Rules, cuts: dict[int, Cuts]
) -> tuple[list[Draft], list[Draft]]:
    """Newcomers among ``pending``, and the others; ``known`` are the store's hashes."""
    named: set[int] = set()
    shared = set(known)
    for draft in pending:
        for identifier in draft.ids:
            hash_ = hashes[(draft.collection, identifier)]
            (shared if hash_ in named else named).add(hash_)
    fitting: dict[tuple[str, ...], bool] = {}
    newcomers: list[Draft] = []
    others: list[Draft] = []
    for draft in pending:
        collection, ids = draft.collection, draft.ids
        types = tuple([type_ for type_, _ in ids])
        fits = fitting.get(types)
        if fits is None:
            fits = fitting[types] = fits_alone(types, rules)
        alone = (
            fits
            and not draft.days
            and not cuts.get(collection)
            and shared.isdisjoint([hashes[(collection, identifier)] for identifier in ids])
        )
        (newcomers if alone else others).append(draft)
    return newcomers, others


def add_newcomers(
    tx: Connection, newcomers: list[Draft], hashes: Hashes, outcome: Outcome, now: int
) -> None:
    """Write their profiles, components, nodes and identifiers."""
    if not newcomers:
        return
    profile = take_numbers(tx, "profile", len(newcomers))
    component = take_numbers(tx, "component", len(newcomers))
    number = take_numbers(tx, "identifier", sum([len(draft.ids) for draft in newcomers]))
    profiles: list[Row] = []
    components: list[Row] = []
    nodes: list[Row] = []
    identifiers: list[Row] = []
    for draft in newcomers:
        collection, ids, first = draft.collection, draft.ids, draft.first
        draft.profile = profile
        outcome.created.add(profile)
        profiles.append((profile, collection, hashes[(collection, ids[0])], *first, 0, now))
        components.append((component, *first))
        nodes.append(
            (draft.id, draft.key, collection, draft.text, *first, component, profile, None)
        )
        for identifier in ids:
            hash_ = hashes[(collection, identifier)]
            identifiers.append((number, hash_, collection, *identifier, component, profile, *first))
            number += 1
        profile += 1
        component += 1
    graph.insert_profiles(tx, profiles)
    graph.insert_components(tx, components)
    graph.insert_nodes(tx, nodes)
    graph.insert_identifiers(tx, identifiers)


def find_regulars(clusters: list[Cluster]) -> tuple[list[Cluster], list[Cluster]]:
    """Clusters of regulars alone, and the others; all with their ``last`` filled in."""
    regulars: list[Cluster] = []
    others: list[Cluster] = []
    for cluster in clusters:
        (regulars if _is_of_regulars(cluster) else others).append(cluster)
    return regulars, others


def _is_of_regulars(cluster: Cluster) -> bool:
    if cluster.refold or cluster.earlier or len(cluster.components) != 1:
        return False
    rows, drafts = cluster.rows, cluster.drafts
    if len(rows) != sum([len(draft.ids) for draft in drafts]):
        return False  # some identifier is new
    # A profile that has all of them is the only one, and nothing is added to it.
    owner = rows[0].profile
    return (
        owner is not None
        and all([row.profile == owner for row in rows])
        and not any([draft.days for draft in drafts])
    )


def add_regulars(tx: Connection, clusters: list[Cluster]) -> None:
    """Write their nodes, and how far their components reach now."""
    nodes: list[Row] = []
    components: list[graph.ComponentRow] = []
    for cluster in clusters:
        component, profile = cluster.components[0], cluster.rows[0].profile
        newest = cluster.last
        for draft in cluster.drafts:
            first = draft.first
            draft.profile = profile or 0
            nodes.append(
                (
                    draft.id,
                    draft.key,
                    draft.collection,
                    draft.text,
                    *first,
                    component,
                    profile,
                    None,
                )
            )
            if newest is None or first > newest:
                newest = first
        assert isinstance(newest, Stamp)
        components.append(graph.ComponentRow(component, *newest))
    graph.insert_nodes(tx, nodes)
    graph.update_components(tx, components)
