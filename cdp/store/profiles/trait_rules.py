"""The rules of traits (``kind: traits``), a definition in versions."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from cdp.profiles.trait_rules import DEFAULT_TRAITS, TraitRules
from cdp.profiles.traits import TraitMap
from cdp.store import definitions
from cdp.store.bulk import blob
from cdp.store.tables import profiles

KIND, KEY = "traits", "default"


def load_trait_rules(tx: Connection) -> TraitRules:
    """The rules that hold now."""
    found = definitions.current(tx, KIND, KEY)
    return TraitRules.from_dict(found.body) if found and found.body else DEFAULT_TRAITS


def put_trait_rules(tx: Connection, now: int, data: dict[str, Any], author: str) -> TraitRules:
    """Set the rules for the messages to come; `ValueError` says what is wrong with ``data``."""
    rules = TraitRules.from_dict(data)
    definitions.put(tx, now, KIND, KEY, rules.to_dict(), author)
    return rules


class Effect(NamedTuple):
    """What other rules would change: (rule, before, after), and whom their limit would hold up.

    ``over`` of the ``looked_at`` profiles have more traits than they would let in.
    """

    changes: list[tuple[str, Any, Any]]
    looked_at: int
    over: int


def rules_effect(tx: Connection, rules: TraitRules, most: int = 5000) -> Effect:
    """What ``rules`` would change, by the ``most`` profiles of which something was learnt last."""
    before, after = load_trait_rules(tx).to_dict(), rules.to_dict()
    changes = [(name, before[name], after[name]) for name in after if before[name] != after[name]]
    newest = select(profiles.c.traits).order_by(profiles.c.updated_at.desc()).limit(most)
    sizes = [len(TraitMap.decode(blob(data)).values()) for data in tx.execute(newest).scalars()]
    return Effect(changes, len(sizes), sum(n > rules.max_profile_traits for n in sizes))
