"""Fold the traits of a micro-batch into nodes and profiles."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from cdp.pipeline.drafts import Draft
from cdp.pipeline.placing import Outcome
from cdp.profiles.traits import TraitMap, display_name
from cdp.store import graph


def update_traits(tx: Connection, drafts: Iterable[Draft], outcome: Outcome, now: int) -> set[int]:
    """Write the trait maps that changed; returns the profiles whose traits did.

    A node keeps the fold of what its own messages said; a profile the join over its
    nodes, so that a merge is a join and a re-fold joins anew (law 3).
    """
    setting = [draft for draft in drafts if draft.traits]
    if not setting and not outcome.absorbed and not outcome.refolded and not outcome.created:
        return set()
    stored = graph.node_traits(tx, [draft.id for draft in setting])
    node_rows: list[tuple[int, bytes]] = []
    for draft in setting:
        traits = TraitMap.decode(stored.get(draft.id))
        for values, stamp in draft.traits:
            traits.assign(values, stamp)
        node_rows.append((draft.id, traits.encode()))
    graph.put_node_traits(tx, node_rows)

    touched = {draft.profile for draft in setting} | set(outcome.absorbed)
    plain = touched - outcome.refolded
    maps = {
        profile: TraitMap.decode(data)
        for profile, data in graph.profile_traits(tx, list(plain)).items()
    }
    for profile, absorbed in outcome.absorbed.items():
        for data in absorbed:
            if profile in maps and data:
                maps[profile].join(TraitMap.decode(data))
    for draft in setting:
        if draft.profile in maps:
            for values, stamp in draft.traits:
                maps[draft.profile].assign(values, stamp)
    for profile, data in graph.traits_of_profiles_nodes(tx, list(outcome.refolded)):
        joined = maps.setdefault(profile, TraitMap.decode(None))
        if data:
            joined.join(TraitMap.decode(bytes(data)))
    graph.put_profile_traits(
        tx,
        now,
        [
            (profile, traits.encode(), display_name(traits.values()))
            for profile, traits in maps.items()
        ],
    )
    return set(maps)
