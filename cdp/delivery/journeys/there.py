"""Which journeys there are, what was launched of them, and what may be done with them."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.definitions import Body
from cdp.definitions.journey import program_of
from cdp.definitions.space import Space
from cdp.journeys import JourneyError, Program, Step
from cdp.store import definitions
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.journeys.launched import DRAINING, LIVE, PAUSED, JourneyRow

KIND = "journey"
#: The states in which each act may be done.
MAY: dict[str, tuple[str, ...]] = {
    "pause": (LIVE, DRAINING),
    "resume": (PAUSED,),
    "drain": (LIVE, PAUSED),
    "stop": (LIVE, PAUSED, DRAINING),
    "rollout": (LIVE, PAUSED),
    "stage": (LIVE, PAUSED),
    "winner": (LIVE, PAUSED, DRAINING),
    "people": (LIVE, PAUSED, DRAINING),
}


class Refused(ValueError):
    """Something that can't be done with a journey; one line says why."""


class NoSuchJourney(LookupError):
    """There is no journey of this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no journey {key}")


def body_of(tx: Connection, key: str, version: int | None = None) -> tuple[int, Body]:
    """A version of a journey's definition (the newest, if none is said), and its number."""
    known = definitions.versions(tx, KIND, key)
    if not known:
        raise NoSuchJourney(key)
    number = known[0].version if version is None else version
    for item in known:
        if item.version == number:
            if item.body is None:
                raise Refused(f"version {number} of the journey {key} was a removal")
            return number, item.body
    raise Refused(f"the journey {key} has no version {number}; the newest is {known[0].version}")


def program_at(tx: Connection, key: str, version: int) -> Program | None:
    """A version as it runs; None if it can't be read any more."""
    bodies = defining.bodies(defining.load(tx))
    try:
        _, body = body_of(tx, key, version)
        return program_of(key, body, version, Space(bodies).made_of())
    except (Refused, JourneyError):
        return None


def launched(tx: Connection, key: str) -> JourneyRow:
    """What was launched of a journey; `NoSuchJourney`, or `Refused` if nothing was yet."""
    row = journeys.row(tx, key)
    if row is None:
        body_of(tx, key)
        raise Refused(f"the journey {key} was never launched: cdp journeys launch {key}")
    return row


def may(tx: Connection, act: str, key: str) -> JourneyRow:
    row = launched(tx, key)
    if row.state not in MAY[act]:
        raise Refused(f"the journey {key} is {row.state}")
    return row


def step_of(tx: Connection, row: JourneyRow, step: str, version: int | None = None) -> Step:
    number = version or row.version
    program: Program | None = program_at(tx, row.key, number)
    if program is None:
        raise Refused(f"version {number} of the journey {row.key} can't be read any more")
    if step not in program.steps:
        raise Refused(f"version {number} of the journey {row.key} has no step {step}")
    return program.steps[step]
