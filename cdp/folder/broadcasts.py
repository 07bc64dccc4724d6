"""Broadcasts as files: drafts, and those that go at a time that is still to come."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from cdp.definitions import Body, DefinitionError, Fault, Finding, Id
from cdp.delivery.broadcasts import acts, who
from cdp.folder.model import Handler, Sends, Settled, StalePlan, Thing, Wanted, World
from cdp.messaging.broadcasts import states
from cdp.messaging.broadcasts.plan import BadPlan, Plan, plan_of, read, unready
from cdp.messaging.broadcasts.schema import KEY
from cdp.messaging.broadcasts.states import NotNow
from cdp.messaging.broadcasts.when import begins_at
from cdp.store import definitions
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast

_KIND = "broadcast"
_STATES = (states.DRAFT, states.SCHEDULED)


class Broadcasts(Handler):
    """``kind: broadcast``. What has begun has a file as well, and can't be changed by it."""

    folders: ClassVar[Mapping[str, str]] = {_KIND: "broadcasts"}
    scope = "messages"

    def things(self, tx: Connection, world: World) -> list[Thing]:
        return [
            Thing(_KIND, row.key, _body(row.body, row.state), None, row.author)
            for row in broadcasts.own(tx)
            if row.key is not None
        ]

    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        faults = []
        if not KEY.fullmatch(id_[1]):
            faults.append(Fault("key", "small letters, digits, - and _, 60 at most"))
        state = given.get("state", states.DRAFT)
        if state not in _STATES:
            faults.append(Fault("state", f"it must be {' or '.join(_STATES)}"))
        body: dict[str, Any] = {}
        try:
            body = read({name: value for name, value in given.items() if name != "state"})
        except BadPlan as error:
            faults += [Fault(name, text) for name, texts in error.fields.items() for text in texts]
        if faults:
            raise DefinitionError(faults)
        return Wanted(*id_, _body(body, state), given)

    def settle(self, tx: Connection, wanted: Wanted, there: Thing | None, world: World) -> Settled:
        """What can't be scheduled any more stays a draft: files send nothing at once."""
        row = broadcasts.by_key(tx, wanted.key)
        plan = plan_of(wanted.body)
        as_it_is = row is not None and _body(row.body, row.state) == wanted.body
        if not _is_scheduled(wanted) or plan.triggered or not _waits(row) or as_it_is:
            return Settled(wanted, [])
        why = None
        if plan.at is None and plan.local is None:
            why = "it has no when, and files send nothing at once: it is a draft"
        elif begins_at(plan, 0) <= time.time() * 1000:
            why = "its time has passed: it is a draft"
        if why is None:
            return Settled(wanted, [])
        return Settled(wanted._replace(body=_body(wanted.body, states.DRAFT), private=why), [])

    def check(
        self,
        tx: Connection,
        changes: Mapping[Id, Wanted | None],
        every: Mapping[Id, Wanted | None],
        world: World,
    ) -> dict[Id, Finding]:
        coming = {*world.broken, *(id_ for id_, wanted in every.items() if wanted)}
        found = {id_: Finding([], []) for id_ in changes}
        for id_, wanted in changes.items():
            if wanted is None:
                continue
            row = broadcasts.by_key(tx, id_[1])
            if row is not None and not _waits(row):
                text = f"it is {states.WORDS[row.state]}: what has begun can't be changed by a file"
                found[id_].errors.append(Fault("", text))
                continue
            if wanted.private is not None:
                found[id_].warnings.append(Fault("state", wanted.private))
            if _is_scheduled(wanted):
                found[id_].errors.extend(_lacks(tx, plan_of(wanted.body), coming))
        return found

    def sends(self, tx: Connection, wanted: Wanted, now: int) -> Sends:
        plan, goes = plan_of(wanted.body), _is_scheduled(wanted)
        if plan.triggered:
            return Sends("ready" if goes else states.DRAFT, None, True, None)
        people, exact = None, True
        try:
            counted = who.count(tx, plan.who, now)
            people, exact = counted.people, counted.exact
        except who.NoPeople:  # of an audience that this apply makes, or not said yet
            pass
        at = begins_at(plan, now) if goes else None
        return Sends(states.SCHEDULED if goes else states.DRAFT, people, exact, at)

    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        for (_, key), wanted in changes.items():
            assert wanted is not None  # they are not pruned
            body = {name: value for name, value in wanted.body.items() if name != "state"}
            plan = plan_of(body)
            goes = _is_scheduled(wanted)
            if goes and not plan.triggered and begins_at(plan, 0) <= now:
                raise StalePlan(f"the time of the broadcast {key} has passed meanwhile")
            try:
                _make(tx, key, body, goes, author, now)
            except (NotNow, BadPlan) as error:
                raise StalePlan(f"the broadcast {key}: {error}") from None


def _make(
    tx: Connection, key: str, body: dict[str, Any], goes: bool, author: str, now: int
) -> None:
    row = broadcasts.by_key(tx, key)
    if row is None:
        row = acts.create(tx, body, author, now, key)
    else:
        if row.state == states.SCHEDULED:
            acts.unschedule(tx, row.id, now)
        acts.edit(tx, row.id, body, now)
        broadcasts.change(tx, row.id, author=author)
    if goes:
        acts.schedule(tx, row.id, now)


def _waits(row: Broadcast | None) -> bool:
    """Whether a file may still change it."""
    return row is None or row.state in _STATES


def _body(body: Mapping[str, Any], state: str) -> dict[str, Any]:
    """A definition as its file has it; ``scheduled`` is also what has been let go since."""
    said = {} if state == states.DRAFT else {"state": states.SCHEDULED}
    return {**said, **{name: value for name, value in body.items() if name != "state"}}


def _is_scheduled(wanted: Wanted) -> bool:
    return wanted.body.get("state") == states.SCHEDULED


def _lacks(tx: Connection, plan: Plan, coming: set[Id] | frozenset[Id]) -> list[Fault]:
    """What it needs before it can go."""
    found = [Fault(name, text) for name, texts in unready(plan).items() for text in texts]
    for key in plan.templates:
        version = definitions.current(tx, "template", key)
        if ("template", key) not in coming and (version is None or version.body is None):
            found.append(Fault("template", f"there is no template {key}"))
    if plan.who and not plan.triggered and ("audience", plan.who.get("audience")) not in coming:
        try:
            who.known(tx, plan.who)
        except who.NoPeople as error:
            found.append(Fault("who", str(error)))
    return found
