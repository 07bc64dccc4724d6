"""Fold the traits of a micro-batch into nodes and profiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import Connection

from cdp.pipeline.drafts import Assignment, Draft
from cdp.pipeline.placing import Outcome
from cdp.profiles.trait_rules import TraitRules
from cdp.profiles.traits import Dropped, TraitMap, clean, display_name
from cdp.store.profiles import graph, trait_values
from cdp.store.profiles.trait_rules import load_trait_rules


def update_traits(
    tx: Connection,
    drafts: Iterable[Draft],
    outcome: Outcome,
    now: int,
    rules: TraitRules | None = None,
    dropped: list[Dropped] | None = None,
) -> dict[int, TraitMap]:
    """Write the trait maps that changed; returns them by their profiles.

    Without ``rules`` those of the store hold; what they leave out is added to
    ``dropped``. A node keeps the fold of what its own messages said; a profile the
    join over its nodes, so that a merge is a join and a re-fold joins anew (law 3).
    """
    setting = [draft for draft in drafts if draft.traits]
    if not setting and not outcome.absorbed and not outcome.refolded and not outcome.created:
        return {}
    if rules is None:
        rules = load_trait_rules(tx)
    lost: list[Dropped] = []
    said = [(draft, _cleaned(draft, rules, lost)) for draft in setting]
    stored = graph.node_traits(tx, [draft.id for draft in setting])
    alone = _said_by_one(setting, outcome)
    # Of some who begin now nothing was ever said.
    begun = {d.profile for d in setting if d.profile in alone and stored.get(d.id) is None}
    begun &= outcome.created
    touched = {draft.profile for draft in setting} | set(outcome.absorbed)
    plain = touched - outcome.refolded - begun
    had = graph.profile_traits(tx, list(plain))
    node_rows: list[tuple[int, bytes]] = []
    maps: dict[int, TraitMap] = {}
    encoded: dict[int, bytes] = {}
    for draft, assignments in said:
        profile, data = draft.profile, stored.get(draft.id)
        traits = TraitMap.decode(data)
        gone: list[Dropped] = []
        for values, stamp in assignments:
            gone += traits.assign(values, stamp, rules)
        text = traits.encode()
        node_rows.append((draft.id, text))
        if profile in begun or (data is not None and profile in alone and had.get(profile) == data):
            maps[profile], encoded[profile] = traits, text  # of this node alone, as it was
            lost += gone
    graph.put_node_traits(tx, node_rows)

    plain -= encoded.keys()
    for profile in plain & had.keys():
        maps[profile] = TraitMap.decode(had[profile])
    for profile, absorbed in outcome.absorbed.items():
        for data in absorbed:
            if profile in maps and data:
                lost += maps[profile].join(TraitMap.decode(data), rules)
    for draft, assignments in said:
        if draft.profile in plain and draft.profile in maps:
            for values, stamp in assignments:
                lost += maps[draft.profile].assign(values, stamp, rules)
    for profile, data in graph.traits_of_profiles_nodes(tx, list(outcome.refolded)):
        joined = maps.setdefault(profile, TraitMap.decode(None))
        if data:
            # Only what came now is told: each re-fold leaves out the same again.
            for item in joined.join(TraitMap.decode(bytes(data)), rules):
                if any(item.stamp == stamp for _, assigned in said for _, stamp in assigned):
                    lost.append(item)
    graph.put_profile_traits(
        tx,
        now,
        [
            (profile, encoded.get(profile) or traits.encode(), display_name(traits.values()))
            for profile, traits in maps.items()
        ],
    )
    collections = {draft.profile: draft.collection for draft in setting}
    trait_values.put(tx, maps, _only(said, outcome, lost), collections)
    if dropped is not None:
        dropped += lost
    return maps


def _said_by_one(setting: list[Draft], outcome: Outcome) -> set[int]:
    """Profiles of which one node alone says anything now, and that are not put together anew."""
    of = Counter([draft.profile for draft in setting])
    once = {profile for profile, nodes in of.items() if nodes == 1}
    return once - outcome.refolded - outcome.absorbed.keys()


def _only(
    said: list[tuple[Draft, list[Assignment]]], outcome: Outcome, lost: list[Dropped]
) -> dict[int, set[str]]:
    """The names of the traits that changed, of profiles of which messages alone say it."""
    pushed_out = {item.name for item in lost}
    changed: dict[int, set[str]] = {}
    for draft, assignments in said:
        if draft.profile not in outcome.absorbed and draft.profile not in outcome.refolded:
            names = changed.setdefault(draft.profile, set(pushed_out))
            names.update(name for values, _ in assignments for name in values)
    return changed


def _cleaned(draft: Draft, rules: TraitRules, lost: list[Dropped]) -> list[Assignment]:
    """What a draft's messages set, without what no profile keeps."""
    found: list[Assignment] = []
    for values, stamp in draft.traits:
        kept, refused = clean(values, rules)
        lost += [Dropped(name, reason, stamp, values.get(name)) for name, reason in refused]
        found.append((kept, stamp))
    return found
