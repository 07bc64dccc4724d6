"""Of whom the rows that are being computed have to be asked: found out beside the pipeline."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from cdp.conditions.live import NEVER, Subject
from cdp.pipeline.audiences.stage import Stage
from cdp.store import Store
from cdp.store.audiences.choosing import Choice, choose_members, choose_valued
from cdp.store.audiences.evaluated import AudienceRow

logger = structlog.get_logger(__name__)

#: Ids that are held at once, 8 bytes each; further rows wait until these are done.
MOST = 4_000_000
#: How long to wait at once, and how often to try.
_WAIT_S, _TRIES = 0.005, 5
EVERYBODY = Choice(None, array("q"))


class Chooser:
    """Has it found out for a stage at a time, and hands it the answers.

    A stage that is thrown away takes them with it, and they are asked for anew: not for
    ever, since where others write all the time they are old before they are used.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._choosing: Choosing | None = None
        self._tries: dict[int, int] = {}

    def waits(self, stage: Stage | None) -> bool:
        """Whether answers for this stage are still on their way; waits for them for a moment."""
        choosing = self._choosing
        if choosing is not None and choosing.stage is stage and not choosing.done(_WAIT_S):
            return True
        self._choosing = None
        return False

    def hand(self, stage: Stage) -> None:
        """Have rows asked of everybody that were tried too often."""
        whole = {id_: EVERYBODY for id_, tries in self._tries.items() if tries > _TRIES}
        stage.choices = whole | stage.choices

    def begin(self, stage: Stage, rows: Sequence[AudienceRow], clock: int) -> None:
        """Begin to find out for some rows."""
        self._tries[rows[0].id] = self._tries.get(rows[0].id, 0) + 1
        self._choosing = Choosing(self._store, stage, rows, clock)


class Choosing:
    """Asks the store in a thread of its own, since it looks through all that is kept.

    From here on ``stage`` notes who is touched: of these the answers may be old.
    """

    def __init__(self, store: Store, stage: Stage, rows: Sequence[AudienceRow], clock: int) -> None:
        self.stage = stage
        self._store, self._rows, self._clock = store, rows, clock
        self._found: Future[dict[int, Choice]] = Future()
        stage.touched = set()
        Thread(target=self._run, name="choosing", daemon=True).start()

    def done(self, seconds: float) -> bool:
        """Wait for the answers for a moment, and hand them to the stage if they are there."""
        try:
            self.stage.choices = self.stage.choices | self._found.result(seconds)
        except TimeoutError:
            return False
        return True

    def _run(self) -> None:
        try:
            found: dict[int, Choice] = {}
            for row in self._rows:
                found[row.id] = self._choose(row)
                if sum(choice.size for choice in found.values()) > MOST:
                    break
            self._found.set_result(found)
        except BaseException as error:
            self._found.set_exception(error)

    def _choose(self, row: AudienceRow) -> Choice:
        plan, now = self.stage.plan, self._clock
        root: Any = plan.roots[row.id]
        item = next((item for item in plan.book.items if item.id == row.id), None)
        if item is None:
            return EVERYBODY
        try:
            with self._store.read() as tx:
                if item.is_audience:
                    return choose_members(tx, root, now, row.collection)
                nobody = Subject()
                if item.live.next_change(nobody, now) != NEVER:
                    return EVERYBODY
                anybody = item.live.value(nobody, now) is not None
                return choose_valued(tx, root, now, anybody, row.collection)
        except DBAPIError as error:
            # Whatever the database makes of the question: everybody can be asked.
            text = str(error.orig).splitlines()[0]
            logger.warning("asked_of_everyone", kind=row.kind, key=row.key, error=text)
            return EVERYBODY
