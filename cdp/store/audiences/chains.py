"""Events one after another, of very many people: their times, person by person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from cdp.conditions.sql.gather import SEQ_BITS, Test
from cdp.store.audiences.related import Related
from cdp.store.events.homes import decode

#: Events that are looked at, and that are put in order: about two seconds.
MOST_SEEN, MOST_HELD = 1_000_000, 400_000


class Chains(Related):
    """Puts events in order, in one transaction of a store in SQLite."""

    def _chained(self, steps: Sequence[Sequence[Any]], needed: int, test: Test) -> list[int] | None:
        """Whose events, step by step, meet a test; None where they are too many."""
        if self._too_many:
            return None
        there = bytearray(self._profiles + 1)  # how many of the needed steps, one after another
        held = seen = 0
        most = MOST_SEEN if needed > 1 else MOST_HELD  # these are all held, then
        for step, pieces in enumerate(steps[:needed]):
            for own in self._own(pieces):
                seen += len(own)
                if seen > most:
                    return None
                for profile in map(self._whose(own).__getitem__, own):
                    if there[profile] == step:
                        there[profile] = step + 1
        there[0] = 0
        found: dict[int, list[list[int]]] = {}
        for step, pieces in enumerate(steps):
            for piece in pieces:
                c = self._of_known(piece)
                arrays = [func.json_group_array(column) for column in (c.node, c.t, c.seq)]
                own, times, seqs = map(decode, self._tx.execute(select(*arrays)).one())
                profiles = map(self._whose(own).__getitem__, own)
                for profile, t, seq in zip(profiles, times, seqs, strict=True):
                    if there[profile] == needed:
                        if profile not in found:
                            found[profile] = [[] for _ in steps]
                        found[profile][step].append(t << SEQ_BITS | seq)
                        held += 1
                if held > MOST_HELD:
                    return None
        return sorted(
            profile for profile, own in found.items() if test([sorted(some) for some in own])
        )
