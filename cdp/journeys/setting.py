"""What holds for everybody whose life is played: journeys, and the audiences they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cdp.audiences import AUDIENCE, Book, Entry
from cdp.conditions.lists import NO_LISTS, Lists
from cdp.journeys.gates import Gates
from cdp.journeys.listening import Journeys
from cdp.journeys.moment import World
from cdp.journeys.program import Program
from cdp.journeys.run import Call

#: What is answered to a call: ``{"ok", "status", "body"}``, or None: nothing comes back.
Answering = Callable[[Call], Mapping[str, Any] | None]


def all_well(call: Call) -> Mapping[str, Any] | None:
    """Every call is answered, by an empty body."""
    return {"ok": True, "status": 200, "body": {}}


def all_there(kind: str, key: str) -> bool:
    """Whatever a step names is there."""
    return True


class Setting:
    """Journeys as they run, and the audiences that they ask for.

    ``audiences`` are conditions over people by key, with everything made expanded. Where none
    is given, it must be said who enters what (`Life.moved`). ``knows`` says what there is of
    templates, lists and journeys. Without ``reasons`` nothing tells why conditions held.
    """

    def __init__(
        self,
        programs: Iterable[Program],
        audiences: Mapping[str, Any] | None = None,
        lists: Lists = NO_LISTS,
        winners: Mapping[str, str] | None = None,
        knows: Callable[[str, str], bool] = all_there,
        answering: Answering = all_well,
        gates: Gates | None = None,
        reasons: bool = True,
    ) -> None:
        some = list(programs)
        self.journeys = Journeys(some, {program.key: program.version for program in some})
        self.world = World(gates or Gates(), winners or {}, knows, reasons)
        self.answering = answering
        entries = [
            Entry(at, AUDIENCE, key, 0, True, root)
            for at, (key, root) in enumerate(sorted((audiences or {}).items()))
        ]
        asked = [root for program in some for root in program.asked]
        self.book = Book(entries, 0, lists, asked=asked)
        #: The journeys that begin by the clock: by dates of people, then by schedules.
        self.by_clock = tuple(
            program
            for kind in ("date", "every")
            for program in self.journeys.open.values()
            if program.trigger.kind == kind
        )
