"""The rules of traits (``kind: traits``), a definition in versions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from cdp.profiles.trait_rules import DEFAULT_TRAITS, TraitRules
from cdp.store import definitions

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
