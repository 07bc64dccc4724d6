"""What `cdp.conditions.sql.gathered` wants put together beside the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sqlalchemy import Select

#: What comes first in time, and of one time by position: whole numbers in this order.
SEQ_BITS = 44
Test = Callable[[Sequence[list[int]]], bool]
#: Whether the answer for a value is another one than for none; None where that is open.
Differs = Callable[[Any], bool | None]
#: As `cdp.store.events.kept.value_row` makes it: a number, a text, JSON.
KeptValue = tuple[float | None, str | None, str | None]


class Gather(Protocol):
    """Puts together events that selects of ``node`` give; None where only the database can."""

    def people(self, pieces: Sequence[Any], but: Sequence[Any] = ()) -> Select[Any] | None:
        """The profiles with such events but none of ``but``, as the one column ``profile``."""

    def people_of(self, accounts: Select[Any], now: int | None) -> Select[Any] | None:
        """The profiles whose account is one of ``accounts``, by what was said until ``now``."""

    def values(self, trait: int) -> Sequence[tuple[Any, KeptValue]] | None:
        """The different values of a kept trait, each as it is kept; None if they are many."""

    def chained(self, steps: Sequence[Sequence[Any]], needed: int, test: Test) -> Any:
        """The profiles of which the events of each step, in order, meet a test: of those who
        have some of the first ``needed`` steps. The pieces have ``t`` and ``seq``, too."""

    def counts(self, pieces: Sequence[Any]) -> Any:
        """A table with ``profile`` and how many are its, ``n``."""

    def sums(self, pieces: Sequence[Any]) -> Any:
        """The same with the sum of what `to_add_up` gives of them; zeros may be left out."""

    def means(self, pieces: Sequence[Any]) -> Any:
        """The same with how many numbers these are, ``n``, and with their sum, ``k``."""

    def least(self, pieces: Sequence[Any]) -> Any:
        """The same with the least number, as `to_add_up` has it, and `LIFT` more."""

    def greatest(self, pieces: Sequence[Any]) -> Any:
        """The same with the greatest."""

    def ends(self, pieces: Sequence[Any], last: bool) -> tuple[Select[Any] | None, ...] | None:
        """The profiles by the judgement on their event with the greatest ``k``: 0, 1, 2.

        ``k`` is four times a number, and the judgement more; of equal numbers the ``last``
        holds, or the first.
        """

    def frequent(self, pieces: Sequence[Any], differs: Differs) -> Select[Any] | None:
        """The profiles of which the most frequent text or number ``differs``."""

    def different(self, pieces: Sequence[Any]) -> Any:
        """The same with how many different texts or numbers there are."""
