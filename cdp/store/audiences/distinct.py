"""Texts and numbers of very many people's events: how many differ, and which come most often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from operator import add
from typing import Any

import msgspec
from sqlalchemy import func, select

from cdp.conditions.sql.aggregates import LARGE
from cdp.conditions.sql.gather import Differs
from cdp.store.audiences.chains import Chains
from cdp.store.events.homes import decode

#: Values of people that are told apart in memory (100 MB).
VALUES = 1_500_000
#: Most frequent values that are asked of one by one.
_JUDGED = 20_000
#: A profile, and above it the number of a value.
_WIDE_BITS = 40
_WIDE = 2**_WIDE_BITS - 1
_decode_texts = msgspec.json.Decoder(list[str]).decode
_decode_numbers = msgspec.json.Decoder(list[float]).decode


class Distinct(Chains):
    """Tells values apart, in one transaction of a store in SQLite; None where they are too many."""

    def _different(self, pieces: Sequence[Any]) -> list[int] | None:
        """By profile how many different texts or numbers its events have."""
        seen: set[int] = set()
        if self._tell_apart(pieces, seen) is None:
            return None
        found = [0] * (self._profiles + 1)
        for one in seen:
            found[one & _WIDE] += 1
        return found

    def _frequent(self, pieces: Sequence[Any], differs: Differs) -> list[int] | None:
        """The profiles of which the most frequent one ``differs``, each value judged once."""
        times: Counter[int] = Counter()
        values = self._tell_apart(pieces, times)
        if values is None:
            return None
        # Of as many the first in order, numbers before texts; so much the higher is its rank.
        ordered = sorted(values, key=lambda value: (type(value) is str, value), reverse=True)
        ranks = {values[value]: rank for rank, value in enumerate(ordered)}
        best = [0] * (self._profiles + 1)
        for one, n in times.items():
            if n > 1:
                profile = one & _WIDE
                best[profile] = max(best[profile], n * len(ordered) + ranks[one >> _WIDE_BITS])
        best[0] = 0
        winners = {k % len(ordered) for k in best if k}
        if len(winners) > _JUDGED:
            return None
        answers = {rank: _answer(differs, ordered[rank]) for rank in winners}
        if None in answers.values():
            return None
        return [p for p, k in enumerate(best) if k and answers[k % len(ordered)]]

    def _tell_apart(
        self, pieces: Sequence[Any], seen: set[int] | Counter[int]
    ) -> dict[float | str, int] | None:
        """The numbers that the different values got. Into ``seen`` comes of each event the
        profile, and above it the number of its value; None where these are too many."""
        if self._too_many:
            return None
        numbers: dict[float | str, int] = {}
        above: dict[float | str, int] = {}
        for own, values in self._values(pieces):
            if values is None:
                return None
            for value in set(values):
                above[value] = numbers.setdefault(value, len(numbers)) << _WIDE_BITS
            profiles = map(self._whose(own).__getitem__, own)
            seen.update(map(add, profiles, map(above.__getitem__, values)))
            if len(seen) > VALUES:
                return None
        return numbers

    def _values(self, pieces: Sequence[Any]) -> Iterator[tuple[list[int], Any]]:
        """The same of those that have anything: all are texts, or all are numbers; else None.

        A number is read by its own text, as no JSON of SQLite has all of its digits.
        """
        for piece in pieces:
            c = self._of_known(piece)
            there: Any = c.text.is_not(None)
            own, texts, numbers, count, others = self._tx.execute(
                select(
                    func.json_group_array(c.node).filter(there),
                    func.json_group_array(c.text).filter(there, c.num.is_(None)),
                    func.group_concat(c.text).filter(c.num.is_not(None)),
                    func.count(c.num),
                    func.count(c.json),
                )
            ).one()
            values: Any = _decode_texts(texts)
            if count:
                values = None if values else _numbers_in(f"[{numbers}]")
            yield decode(own), None if others else values


def _answer(differs: Differs, value: float | str) -> bool | None:
    """For a number only what holds of however it was written."""
    answer = differs(value)
    if type(value) is float and value.is_integer() and differs(int(value)) is not answer:
        return None
    return answer


def _numbers_in(text: str) -> list[float] | None:
    """What is said to be numbers: what is true or false is among them, too."""
    try:
        found = _decode_numbers(text)
    except msgspec.ValidationError:
        return None
    return found if max(found) < LARGE and min(found) > -LARGE else None
