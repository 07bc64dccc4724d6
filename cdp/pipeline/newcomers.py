"""New nodes about which there is nothing to decide: most of all that is new.

*Newcomers* are people of whom nothing is known and whom nothing connects: each begins a
profile with the identifiers of one message (`fits_alone`). *Regulars* name one profile
that is there, in a set that was not met before, and bring no more than fits into it
(`fits`). `Graph.add` comes to the same by a longer way; here their rows are written
straight away.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection

from cdp.identity import Cuts, Identifier, Rules, fits, fits_alone
from cdp.pipeline.cluster import Cluster
from cdp.pipeline.drafts import Draft
from cdp.pipeline.placing import Outcome
from cdp.store.bulk import Row
from cdp.store.meta import take_numbers
from cdp.store.profiles import graph


def find_newcomers(
    pending: list[Draft], known: set[int], rules: Rules, cuts: dict[int, Cuts]
) -> tuple[list[Draft], list[Draft]]:
    """Newcomers among ``pending``, and the others; ``known`` are the store's hashes."""
    named: set[int] = set()
    shared = set(known)
    for draft in pending:
        for hash_ in draft.spelled.hashes:
            (shared if hash_ in named else named).add(hash_)
    fitting: dict[tuple[str, ...], bool] = {}
    newcomers: list[Draft] = []
    others: list[Draft] = []
    for draft in pending:
        types = tuple([type_ for type_, _ in draft.ids])
        if types not in fitting:
            fitting[types] = fits_alone(types, rules)
        alone = (
            fitting[types]
            and not draft.days
            and not cuts.get(draft.collection)
            and shared.isdisjoint(draft.spelled.hashes)
        )
        (newcomers if alone else others).append(draft)
    return newcomers, others


def add_newcomers(tx: Connection, newcomers: list[Draft], outcome: Outcome, now: int) -> None:
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
        collection, first = draft.collection, draft.first
        text, key, hashes = draft.spelled
        draft.profile = profile
        outcome.created.add(profile)
        profiles.append((profile, collection, hashes[0], *first, 0, now))
        components.append((component, *first))
        nodes.append((draft.id, key, collection, text, *first, component, profile, None))
        for identifier, hash_ in zip(draft.ids, hashes, strict=True):
            identifiers.append((number, hash_, collection, *identifier, component, profile, *first))
            number += 1
        profile += 1
        component += 1
    graph.insert_profiles(tx, profiles)
    graph.insert_components(tx, components)
    graph.insert_nodes(tx, nodes)
    graph.insert_identifiers(tx, identifiers)


class Regular(NamedTuple):
    """A cluster of one profile's: the component, whose it is, what is new of identifiers, each
    with its hash."""

    cluster: Cluster
    profile: int
    new: list[tuple[Identifier, int]]


def find_regulars(
    tx: Connection, clusters: list[Cluster], rules: Rules, cuts: dict[int, Cuts]
) -> tuple[list[Regular], list[Cluster]]:
    """Regulars, and the other clusters; all have their ``last`` filled in."""
    found: list[Regular] = []
    others: list[Cluster] = []
    growing: list[Regular] = []
    for cluster in clusters:
        regular = _regular(cluster)
        if regular is None or (regular.new and cuts.get(cluster.collection)):
            others.append(cluster)
        else:
            (growing if regular.new else found).append(regular)
    had: dict[int, list[str]] = {regular.profile: [] for regular in growing}
    for row in graph.identifiers_of_profiles(tx, list(had)):
        had[row.profile or 0].append(row.type)
    for regular in growing:
        if fits([*had[regular.profile], *(one[0] for one, _ in regular.new)], rules):
            found.append(regular)
        else:
            others.append(regular.cluster)
    return found, others


def _regular(cluster: Cluster) -> Regular | None:
    """What a cluster says of one profile, which has something of each of its nodes; or None."""
    rows, drafts = cluster.rows, cluster.drafts
    if cluster.refold or cluster.earlier or not rows or any([draft.days for draft in drafts]):
        return None
    owner = rows[0].profile
    if owner is None or not all([row.profile == owner for row in rows]):
        return None
    if len(rows) == sum([len(draft.ids) for draft in drafts]):
        return Regular(cluster, owner, [])
    if len(drafts) > 1:
        return None  # one may bring what another one finds
    known = {(row.type, row.value) for row in rows}
    both = zip(drafts[0].ids, drafts[0].spelled.hashes, strict=True)
    return Regular(cluster, owner, [one for one in both if one[0] not in known])


def add_regulars(tx: Connection, regulars: list[Regular]) -> None:
    """Write their nodes, the identifiers that are new, and how far their components reach now."""
    if not regulars:
        return
    nodes: list[Row] = []
    components: list[graph.ComponentRow] = []
    identifiers: list[Row] = []
    total = sum([len(regular.new) for regular in regulars])
    number = take_numbers(tx, "identifier", total) if total else 0
    for cluster, profile, new in regulars:
        component, collection, newest = cluster.components[0], cluster.collection, cluster.last
        for draft in cluster.drafts:
            first = draft.first
            text, key, _ = draft.spelled
            draft.profile = profile
            nodes.append((draft.id, key, collection, text, *first, component, profile, None))
            if newest is None or first > newest:
                newest = first
        assert newest is not None
        for identifier, hash_ in new:
            identifiers.append((number, hash_, collection, *identifier, component, profile, *first))
            number += 1
        components.append(graph.ComponentRow(component, *newest))
    graph.insert_nodes(tx, nodes)
    graph.update_components(tx, components)
    graph.insert_identifiers(tx, identifiers)
