"""People of whom nothing is known and whom nothing connects: most of all that is new.

Each begins a profile with the identifiers of one message. `Graph.add` comes to the same
by a longer way (`fits_alone`); here their rows are written straight away.
"""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.identity import Cuts, Identifier, Rules, fits_alone
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
