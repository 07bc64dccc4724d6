"""Journeys as files: what one says, and with ``state`` whether it is launched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from cdp.conditions.errors import did_you_mean
from cdp.definitions import KINDS, Body, DefinitionError, Fault, Finding, Id
from cdp.delivery.journeys import approving, launching, linting, office
from cdp.folder.definitions import Definitions, defined, drafts
from cdp.folder.model import Thing, Wanted, World
from cdp.plugin import Channel
from cdp.store.defined import defining
from cdp.store.definitions import Version
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import requests
from cdp.store.journeys.launched import DRAINING, LIVE, PAUSED, STOPPED, JourneyRow

KIND, DRAFT = "journey", "draft"
#: What a file may want a journey to be. A draft that is launched already stays as it is.
STATES = (DRAFT, LIVE, PAUSED, DRAINING, STOPPED)


class Journeys(Definitions):
    """What people go through."""

    scope = "journeys"
    folders: ClassVar[Mapping[str, str]] = {KIND: KINDS[KIND].plural}

    def things(self, tx: Connection, world: World) -> list[Thing]:
        rows = {row.key: row for row in journeys.all_rows(tx)}
        return [
            Thing(KIND, key, _with(found.body or {}, state_of(found, rows.get(key))),
                  found.version, found.author)
            for (_, key), found in defining.load(tx, KIND).items()
        ]  # fmt: skip

    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        state = given.get("state", DRAFT)
        body = {name: value for name, value in given.items() if name != "state"}
        faults = []
        if state not in STATES:
            hint = did_you_mean(str(state), STATES) or f"There are {', '.join(STATES)}."
            faults.append(Fault("state", f"there is no state {state}. {hint}"))
        try:
            draft = KINDS[KIND].read(id_[1], body)
        except DefinitionError as error:
            raise DefinitionError([*faults, *error.faults]) from None
        if faults:
            raise DefinitionError(faults)
        return Wanted(*id_, _with(draft.body, state), draft.given, private=draft)

    def check(
        self,
        tx: Connection,
        changes: Mapping[Id, Wanted | None],
        every: Mapping[Id, Wanted | None],
        world: World,
    ) -> dict[Id, Finding]:
        found = super().check(tx, changes, every, world)
        defining.keep_running(tx, drafts(changes), found)
        bodies = defining.bodies(defining.load(tx))
        bodies |= {id_: one.body for id_, one in drafts(defined(every)).items() if one is not None}
        for id_, wanted in changes.items():
            if wanted is None:
                continue
            looks = linting.of_steps(id_[1], wanted.private.body, bodies)
            found[id_].warnings.extend(Fault(*one[3:]) for one in looks)
            row = journeys.row(tx, id_[1])
            found[id_].errors.extend(_refused(row, wanted))
            if wanted.body.get("state") in (LIVE, PAUSED, DRAINING):
                found[id_].warnings.extend(_told(tx, id_[1], row, wanted))
                found[id_].warnings.extend(_silent(tx, wanted, every, world))
        return found

    def after(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        for (_, key), wanted in changes.items():
            if wanted is not None:
                bring(tx, key, wanted.body.get("state", DRAFT), author, now)


def bring(tx: Connection, key: str, state: str, author: str, now: int) -> None:
    """Bring a journey to a state that its file wants: launch it, pause, stop it. `Refused`."""
    found, row = defining.find(tx, (KIND, key)), journeys.row(tx, key)
    if state == DRAFT:
        return
    if state == STOPPED:
        if row is not None and row.state != STOPPED:
            office.stop(tx, key, author, now)
        return
    launched = row is not None and row.version == found.version and row.state != STOPPED
    if not launched and approving.rule_of(tx, key, found.body or {}) is not None:
        waits = requests.waiting(tx, key)
        if waits is None or waits.version != found.version:
            approving.ask(tx, key, author, now)
        return
    if not launched:
        row = office.launch(tx, key, author, now)
    assert row is not None
    act = {LIVE: office.resume, PAUSED: office.pause, DRAINING: office.drain}[state]
    drained = DRAINING in (row.state, row.was if row.state == PAUSED else None)
    if drained and state == LIVE:
        office.launch(tx, key, author, now)
    elif row.state != state:
        act(tx, key, author, now)


def state_of(found: Version, row: JourneyRow | None) -> str:
    """The state that a file has: what becomes of exactly what it says."""
    if row is None:
        return DRAFT
    return row.state if row.version == found.version or row.state == STOPPED else DRAFT


def _with(body: Body, state: str) -> dict[str, Any]:
    """A body with a state, which comes after its names; a draft goes without saying."""
    first = ("name", "description", "archived")
    said = {} if state == DRAFT else {"state": state}
    return {
        **{name: body[name] for name in first if name in body},
        **said,
        **{name: value for name, value in body.items() if name not in first},
    }


def _refused(row: JourneyRow | None, wanted: Wanted) -> list[Fault]:
    state = wanted.body.get("state", DRAFT)
    if state not in (DRAFT, STOPPED) and wanted.body.get("archived"):
        return [Fault("state", f"an archived journey can't be {state}")]
    if state == STOPPED and row is None:
        return [Fault("state", "it was never launched, so that it can't be stopped: leave it out")]
    return []


def _silent(
    tx: Connection, wanted: Wanted, every: Mapping[Id, Wanted | None], world: World
) -> list[Fault]:
    """Messages that would go nowhere: no destination for their channel, here or in the files."""
    up = launching.channels_up(tx, world.destinations)
    for item in every.values():
        cls = world.destinations.get(str(item.body.get("plugin"))) if item is not None else None
        up |= {cls.channel} if isinstance(cls, type) and issubclass(cls, Channel) else set()
    bodies = {**defining.bodies(defining.load(tx)), **{
        id_: item.body for id_, item in every.items() if id_[0] == "template" and item is not None
    }}  # fmt: skip
    silent = {c for _, c in launching.channels_of(wanted.private.body, bodies)} - up
    return [
        Fault("steps", f"no destination for {channel} is set up and switched on: messages wait")
        for channel in sorted(silent)
    ]


def _told(tx: Connection, key: str, row: JourneyRow | None, wanted: Wanted) -> list[Fault]:
    """What a launch would mean, in words."""
    body = wanted.private.body
    if row is not None and row.reason is not None and wanted.body.get("state") != PAUSED:
        return [Fault("state", f"lets it go on, though it paused itself: {row.reason}")]
    there = defining.load(tx, KIND).get((KIND, key))
    same = there is not None and there.body == body and row is not None
    if same and row is not None and there is not None and row.version == there.version:
        return []
    rule = approving.rule_of(tx, key, body) if there is not None or row is None else None
    if rule is not None:
        return [Fault("state", f"asks for its launch, which takes the word of {rule.text}")]
    if row is None:
        return [Fault("state", "launches it")]
    found = [Fault("state", f"launches it in place of version {row.version}")]
    for item in launching.of_body(tx, row, -1, body):
        people = f"{item.people:,} {'person is' if item.people == 1 else 'people are'}"
        if item.becomes == "vanished":
            text = f"{people} inside step {item.step}, which would vanish: they go on in version"
            found.append(Fault("steps", f"{text} {item.version}"))
    return found
