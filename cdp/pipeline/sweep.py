"""Folding the whole graph anew after a change of the rules, a piece at a time.

How far it is stands in the store and moves in the transaction of each piece, so that
any process may go on with it, and a killed one loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.identity import NO_CUTS, Identifier, Rules, fold
from cdp.identity.rules_file import check, parse
from cdp.pipeline.batch import tell_refolded
from cdp.pipeline.identify import fold_components
from cdp.pipeline.traits import update_traits
from cdp.store import Store, config_rows, definitions, meta
from cdp.store.definitions import Version
from cdp.store.events import progress
from cdp.store.profiles import graph, identity
from cdp.store.profiles.identity import Sweep

#: Components in one transaction: a fraction of a second's work.
PIECE = 200


def change_rules(store: Store, body: dict[str, Any], author: str, now: int) -> Version:
    """Make ``body`` the identity rules and begin a sweep. Raises `RulesError`."""
    check(body)
    with store.write() as tx:
        return put_rules(tx, body, author, now)


def put_rules(tx: Connection, body: dict[str, Any], author: str, now: int) -> Version:
    """`change_rules` within a transaction, with a body that was checked."""
    progress.take_turn(tx)
    before = definitions.current(tx, identity.KIND, identity.KEY)
    made = definitions.put(tx, now, identity.KIND, identity.KEY, body, author)
    if before is None or made.version != before.version:
        identity.put_sweep(tx, Sweep(0, meta.next_number(tx, "component")))
    return made


def step(store: Store, now: int, piece: int = PIECE) -> Sweep | None:
    """Fold the next ``piece`` components; None when there is nothing (more) to do."""
    with store.read() as tx:
        if identity.sweep(tx) is None:
            return None
    with store.write() as tx:
        progress.take_turn(tx)
        sweep = identity.sweep(tx)
        if sweep is None:
            return None
        ids = graph.components_from(tx, sweep.at, piece)
        rules, cuts = identity.load_rules(tx), identity.load_cuts(tx)
        outcome = fold_components(tx, ids, rules, cuts, now)
        changed = update_traits(tx, [], outcome, now)
        tell_refolded(tx, outcome, changed, now)
        at = ids[-1] + 1 if len(ids) == piece else sweep.end
        sweep = Sweep(at, max(sweep.end, at))
        identity.put_sweep(tx, sweep)
    return sweep


class Effect(NamedTuple):
    """What other rules would do, by profiles: looked at, before, after, and examples.

    An example is the identifiers of one profile now, and the profiles they would be.
    """

    looked_at: int
    of: int
    before: int
    after: int
    examples: list[tuple[list[Identifier], list[list[Identifier]]]]


def preview(
    store: Store, body: dict[str, Any], most: int = 50_000, examples: int = 10
) -> Iterator[Effect]:
    """What ``body`` as rules would change, growing; the last one is the whole answer.

    It looks at ``most`` components at the most, the newest first.
    """
    with store.read() as tx:
        numbers = {source.key: source.id for source in config_rows.all_sources(tx)}
        rules = parse(body, numbers)
        cuts = identity.load_cuts(tx)
        total = graph.count_components(tx)
        effect = Effect(0, total, 0, 0, [])
        below: int | None = None
        while effect.looked_at < most:
            ids = graph.components_below(tx, below, 2000)
            if not ids:
                break
            below = ids[-1]
            effect = _look(tx, ids, rules, cuts, effect, examples)
            yield effect
    yield effect


def _look(
    tx: Connection, ids: list[int], rules: Rules, cuts: dict[int, Any], effect: Effect, most: int
) -> Effect:
    by_component: dict[int, list[graph.NodeRow]] = {}
    for row in graph.nodes_of_components(tx, ids):
        by_component.setdefault(row.component, []).append(row)
    before, after, examples = effect.before, effect.after, list(effect.examples)
    for rows in by_component.values():
        facts = identity.facts_of(tx, rows, rules)
        result = fold(facts, rules, cuts.get(rows[0].collection, NO_CUTS))
        old: dict[int, set[int]] = {}
        for row in rows:
            if row.profile:
                group = result.group_of.get(row.id)
                old.setdefault(row.profile, set()).add(id(group) if group else 0)
        groups = {id(group): sorted(group.ids) for group in result.group_of.values()}
        before += len(old)
        after += len(groups)
        if len(examples) < most and len(old) != len(groups):
            for profile, parts in old.items():
                if len(parts) > 1 or len(old) > len(groups):
                    now = sorted(
                        {
                            item
                            for r in rows
                            if r.profile == profile
                            for item in identity.node_of(r).ids
                        }
                    )
                    examples.append((now, [groups[part] for part in parts if part]))
                    break
    return Effect(effect.looked_at + len(ids), effect.of, before, after, examples)
