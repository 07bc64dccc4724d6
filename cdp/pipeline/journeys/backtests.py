"""Back-tests in the background: in a thread of whoever asked, told of and given up in the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog

from cdp.conditions import ConditionError
from cdp.journeys import JourneyError
from cdp.pipeline.journeys.backtest import Progress, backtest
from cdp.pipeline.journeys.trying import program_for
from cdp.store import Store
from cdp.store.audiences.lists import ListsAt
from cdp.store.journeys import backtests
from cdp.store.journeys.backtests import CANCELLED, DONE, FAILED, Backtest

DAY_MS: Final = 86_400_000
#: How often it tells how far it is, and looks whether it is still wanted.
BEAT_S = 1.0

logger = structlog.get_logger(__name__)


class _GivenUp(Exception):
    """Nobody wants it any more."""


class Backtesting:
    """Works on back-tests in threads of this process."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(
        self,
        journey: str,
        sides: Sequence[tuple[str, Mapping[str, Any]]],
        days: int,
        people: int | None,
        author: str,
        now: int,
    ) -> Backtest:
        """Begin one of bodies by name over the last days; of so many ``people``, None: of all."""
        asked = {
            "sides": [{"name": name, "body": dict(body)} for name, body in sides],
            "from": now - days * DAY_MS,
            "to": now,
            "people": people,
        }
        with self._store.write() as tx:
            made = backtests.begin(tx, journey, asked, author, now)
        self.start(made)
        return made

    def start(self, item: Backtest) -> None:
        """Work on it beside what else goes on."""
        name = f"backtest-{item.id}"
        threading.Thread(target=self.work, args=(item,), name=name, daemon=True).start()

    def work(self, item: Backtest) -> None:
        """Bring it to its end; what goes wrong is its error."""
        try:
            with self._beating(item) as told:
                result = self._run(item, told)
            self._end(item, DONE, result)
        except _GivenUp:
            self._end(item, CANCELLED)
        except JourneyError as error:
            wrong = f"Not everything is filled in yet. {error.wrong[0].text}"
            self._end(item, FAILED, error=wrong)
        except (LookupError, ConditionError) as error:
            self._end(item, FAILED, error=str(error))
        except Exception as error:
            logger.exception("backtest_failed", number=item.id)
            self._end(item, FAILED, error=f"{type(error).__name__}")

    def _run(self, item: Backtest, told: _Told) -> dict[str, Any]:
        asked = item.asked
        with self._store.read() as tx:
            programs = [
                (side["name"], program_for(tx, item.journey, 0, side["body"])[1])
                for side in asked["sides"]
            ]
            found = backtest(
                tx, programs, asked["from"], asked["to"], ListsAt(tx), asked["people"], told.tell
            )
        made = found.told()
        # What is kept names nobody: who it was, and what errors may quote, stays out.
        made["endless"] = len(found.endless)
        for side in made["versions"]:
            side["errors"] = sum(side["errors"].values())
        return made

    def _end(
        self,
        item: Backtest,
        state: str,
        result: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        with self._store.write() as tx:
            backtests.end(tx, item.id, state, self._now(item), result, error)

    def _now(self, item: Backtest) -> int:
        return max(item.at, int(time.time() * 1000))

    @contextmanager
    def _beating(self, item: Backtest) -> Iterator[_Told]:
        """Say from time to time that it goes on, until it does not."""
        told, over = _Told(), threading.Event()

        def beat() -> None:
            while not over.wait(BEAT_S):
                try:
                    with self._store.write() as tx:
                        at = told.at
                        if not backtests.goes_on(tx, item.id, at.done, at.of, self._now(item)):
                            told.wanted = False
                except Exception as error:  # the next beat tries again
                    logger.warning("backtest_silent", error=str(error).splitlines()[:1])

        thread = threading.Thread(target=beat, name=f"backtest-{item.id}-beat", daemon=True)
        thread.start()
        try:
            yield told
        finally:
            over.set()
            thread.join()


class _Told:
    """How far one is, and whether it is still wanted."""

    def __init__(self) -> None:
        self.at, self.wanted = Progress(0, 0), True

    def tell(self, at: Progress) -> None:
        """Take note; `_GivenUp` if it is not wanted."""
        self.at = at
        if not self.wanted:
            raise _GivenUp
