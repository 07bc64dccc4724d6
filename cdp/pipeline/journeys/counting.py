"""Counting what experiments are decided by: beside the pipeline, for it may take seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any, NamedTuple, TypeAlias

from cdp.journeys import Step
from cdp.store import Store
from cdp.store.audiences.timers import Timer
from cdp.store.journeys import trials
from cdp.store.journeys.launched import JourneyRow
from cdp.store.journeys.report import Way
from cdp.store.journeys.whose import Whose

#: How long to wait at once: what is counted in that time is decided about without a detour.
WAIT_S = 0.005
#: What is counted of a step: its variants by its goal, or (by a guardrail) what must not be.
Wanted: TypeAlias = tuple[Step, Mapping[str, Any] | None]


class Asked(NamedTuple):
    """A question: of what was launched when, and what is wanted of which steps."""

    version: int
    launched_at: int
    wanted: str


class Counts:
    """Has it counted in a thread of its own, in a transaction that only reads.

    Nothing of it is kept: whoever dies before the decision is committed counts anew.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        #: By the kind of the timer and the journey's number.
        self._asked: dict[tuple[int, int], tuple[Asked, Future[list[list[Way]]]]] = {}

    def of(self, kind: int, row: JourneyRow, wanted: Sequence[Wanted]) -> list[list[Way]] | None:
        """The figures in the order of ``wanted``; None: they are being counted."""
        words = json.dumps([[step.id, rule] for step, rule in wanted], default=dict)
        asked = Asked(row.version, row.launched_at, words)
        known = self._asked.get((kind, row.id))
        if known is not None and known[0] == asked:
            if not known[1].done():
                return None
            return self._asked.pop((kind, row.id))[1].result()
        answer: Future[list[list[Way]]] = Future()
        self._asked[kind, row.id] = asked, answer
        Thread(target=self._count, args=(answer, row, wanted), name="counting", daemon=True).start()
        return None

    def wait_for(self, due: Sequence[Timer]) -> bool:
        """Whether all that is due waits for figures; waits for them for a moment."""
        seconds = WAIT_S
        for timer in due:
            known = self._asked.get((timer.kind, timer.subject))
            if known is None:
                return False
            try:
                known[1].exception(seconds)
            except TimeoutError:
                seconds = 0.0
                continue
            return False
        return bool(due)

    def _count(
        self, answer: Future[list[list[Way]]], row: JourneyRow, wanted: Sequence[Wanted]
    ) -> None:
        whose, found = Whose(row.id, row.key), list[list[Way]]()
        try:
            with self._store.read() as tx:
                for step, rule in wanted:
                    if rule is None:
                        found.append(trials.variants(tx, whose, step.id, step.spec))
                    else:
                        found.append(trials.guarded(tx, whose, step.id, step.spec, rule))
            answer.set_result(found)
        except BaseException as error:
            answer.set_exception(error)
