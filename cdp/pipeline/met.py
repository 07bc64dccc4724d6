"""Nodes that were met lately, so that the store need not be asked for them again.

Right while our turn is unbroken (`Memory.turn`): nobody else has written the graph.
"""

from __future__ import annotations

from collections.abc import Iterable

from cdp.pipeline.drafts import Draft
from cdp.pipeline.placing import Outcome

#: Nodes in a generation: there are two, and what was met in neither is forgotten.
GENERATION = 10_000


class _Met:
    """A node as the store has it; what is not before ``first`` is not news to it."""

    __slots__ = ("collection", "first", "id", "profile", "text")

    def __init__(self, draft: Draft, text: str) -> None:
        self.collection, self.text, self.first = draft.collection, text, draft.first
        self.id, self.profile = draft.id, draft.profile


class MetNodes:
    """Nodes by the key by which the store finds them; of two with one key, the last."""

    def __init__(self) -> None:
        self._young: dict[int, _Met] = {}
        self._old: dict[int, _Met] = {}
        self._by_id: dict[int, _Met] = {}
        self._moved: dict[int, int] = {}

    def fill_in(self, draft: Draft) -> bool:
        """Give ``draft`` its node and profile; False if the store must be asked.

        It must for what is not known here, and for what was seen earlier than known.
        """
        text, key, _ = draft.spelled
        met = self._young.get(key)
        if met is None:
            met = self._old.get(key)
            if met is None:
                return False
            self._young[key] = met
        if met.text != text or met.collection != draft.collection or draft.first < met.first:
            return False
        self._follow(met)
        draft.id, draft.profile = met.id, met.profile
        return True

    def _follow(self, met: _Met) -> None:
        while (profile := self._moved.get(met.profile)) is not None:
            met.profile = profile

    def move(self, outcome: Outcome) -> None:
        """Follow what became of profiles."""
        for id_, profile in outcome.relocated.items():
            met = self._by_id.get(id_)
            if met is not None:
                met.profile = profile
        # No number of a profile is given twice, so who was merged once never comes back.
        self._moved.update(outcome.merged)

    def learn(self, drafts: Iterable[Draft]) -> None:
        """Remember ``drafts``, which the store was asked for, as they are now."""
        if len(self._young) >= GENERATION:
            self._age()
        for draft in drafts:
            text, key, _ = draft.spelled
            self._young[key] = self._by_id[draft.id] = _Met(draft, text)

    def _age(self) -> None:
        self._old, self._young = self._young, {}
        for met in self._old.values():
            self._follow(met)
        self._by_id = {met.id: met for met in self._old.values()}
        self._moved.clear()
