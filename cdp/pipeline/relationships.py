"""What messages say of people and objects together, put into the store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from cdp.events import Stamp
from cdp.identity.objects import PARTED, RELATED, Deed, relationship_said
from cdp.profiles.trait_rules import TraitRules
from cdp.profiles.traits import Dropped, clean
from cdp.store.profiles import objects
from cdp.store.profiles.objects import NOBODY, Edge, Pair


class Relationships:
    """What some messages say, by pairs of nodes; `add` in any order."""

    def __init__(self) -> None:
        self._edges: dict[Pair, Edge] = {}
        self._said: dict[Pair, list[tuple[dict[str, Any], Stamp]]] = {}

    def add(self, deed: Deed, person: int, thing: int, body: dict[str, Any], stamp: Stamp) -> None:
        """A message of ``person`` (node 0: of nobody) about the node ``thing``."""
        if deed == PARTED and person == NOBODY:
            return
        if deed != RELATED:
            self._note((person if deed == PARTED else NOBODY, thing), None, stamp.t)
            return
        self._note((person, thing), stamp.t, None)
        said = relationship_said(body)
        if said and person != NOBODY:
            self._said.setdefault((person, thing), []).append((said, stamp))

    def _note(self, pair: Pair, t: int | None, ended: int | None) -> None:
        first, last, end = t, t, ended
        old = self._edges.get(pair)
        if old is not None:
            if old.first_t is not None and old.last_t is not None:
                first = old.first_t if t is None else min(t, old.first_t)
                last = old.last_t if t is None else max(t, old.last_t)
            if old.ended_t is not None:
                end = old.ended_t if ended is None else max(ended, old.ended_t)
        self._edges[pair] = Edge(*pair, first, last, end)

    def put(self, tx: Connection, rules: TraitRules, dropped: list[Dropped] | None = None) -> None:
        """Write it; what the rules leave out of attributes is added to ``dropped``."""
        objects.put_edges(tx, sorted(self._edges.values(), key=lambda edge: edge[:2]))
        if not self._said:
            return
        known = objects.edge_traits(tx, self._said)
        lost: list[Dropped] = []
        for pair, said in self._said.items():
            for values, stamp in said:
                kept, refused = clean(values, rules)
                lost += [Dropped(name, why, stamp, values.get(name)) for name, why in refused]
                lost += known[pair].assign(kept, stamp, rules)
        objects.put_edge_traits(tx, known)
        if dropped is not None:
            dropped += lost
