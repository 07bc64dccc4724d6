"""From what is wanted to what is to be done, with all that is wrong with it at once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cdp.definitions import Fault, Id, difference
from cdp.folder.broadcasts import Broadcasts
from cdp.folder.definitions import Definitions, MessageRules, Templates, defined, drafts
from cdp.folder.destinations import Destinations
from cdp.folder.effects import SECONDS, effects
from cdp.folder.journeys import Journeys
from cdp.folder.model import Effect, Handler, Plan, StalePlan, Step, Thing, Wanted, World
from cdp.folder.rules import IdentityRules, TraitsRules
from cdp.folder.sources import Sources
from cdp.store import meta
from cdp.store.defined import defining

#: In the order in which they are applied: what others refer to comes first.
HANDLERS: tuple[Handler, ...] = (
    Sources(), Destinations(), IdentityRules(), TraitsRules(), Definitions(), Templates(),
    MessageRules(), Broadcasts(), Journeys(),
)  # fmt: skip
HANDLER_OF: dict[str, Handler] = {kind: handler for handler in HANDLERS for kind in handler.folders}

#: Who makes what files say; the author of such a change ends like this.
BY_FILES = "(apply)"
_BY_US = (BY_FILES, "setup")


class Seen(NamedTuple):
    """What a folder has seen of an object in the store."""

    hash: str
    version: int | None = None


def things(tx: Connection, world: World) -> dict[Id, Thing]:
    """Everything that has a file form, by kind and key in the order of application."""
    found = [thing for handler in HANDLERS for thing in handler.things(tx, world)]
    return {(thing.kind, thing.key): thing for thing in found}


def plan(
    tx: Connection,
    wanted: Sequence[Wanted],
    seen: Mapping[Id, Seen],
    world: World,
    *,
    prune: bool = False,
    overwrite: bool = False,
    now: int | None = None,
) -> Plan:
    """What an apply would do to make the store say what is wanted.

    With ``now`` (ms) also whom it would let into audiences and out of them then.
    """
    there = things(tx, world)
    steps: list[Step] = []
    changes: dict[Id, Wanted | None] = {}
    for item in wanted:
        id_ = item.id
        made = HANDLER_OF[item.kind].settle(tx, item, there.get(id_), world)
        thing = there.get(id_)
        differs = difference(thing.body if thing else None, made.wanted.body)
        shown = [*differs, *made.hidden]
        if thing is not None and not shown:
            continue
        changes[id_] = made.wanted
        conflict = None if overwrite else _conflict(id_, thing, seen.get(id_))
        action = "change" if thing else "create"
        steps.append(Step(action, id_, item.file, shown, [], conflict))
    if prune:
        keep = {*world.broken, *(item.id for item in wanted)}
        for id_, thing in there.items():
            if id_ not in keep and _may_go(id_, seen):
                changes[id_] = None
                conflict = None if overwrite else _conflict(id_, thing, seen.get(id_))
                gone = difference(thing.body, None)
                steps.append(Step("remove", id_, "", gone, [], conflict))
    faults = _check(tx, changes, steps, world)
    affected: dict[Id, Effect] = {}
    if now is not None and not faults:
        affected = _effects(tx, now, changes)
        steps = [step._replace(effect=affected.pop(step.id, None)) for step in steps]
    if not faults:
        moment = now if now is not None else int(time.time() * 1000)
        steps = [_with_sends(tx, step, changes[step.id], moment) for step in steps]
    order = list(HANDLER_OF)
    steps.sort(key=lambda step: (step.action == "remove", order.index(step.id[0]), step.id[1]))
    base = {id_: thing.hash for id_, thing in there.items()}
    return Plan(steps, faults, changes, base, affected)


def _with_sends(tx: Connection, step: Step, wanted: Wanted | None, now: int) -> Step:
    if wanted is None:
        return step
    return step._replace(sends=HANDLER_OF[wanted.kind].sends(tx, wanted, now))


def _effects(tx: Connection, now: int, changes: Mapping[Id, Wanted | None]) -> dict[Id, Effect]:
    before = defining.bodies(defining.load(tx))
    mine = {id_: item for id_, item in changes.items() if id_[0] in Definitions.folders}
    after = {id_: body for id_, body in before.items() if id_ not in mine}
    after |= {id_: item.private.body for id_, item in mine.items() if item is not None}
    return effects(tx, now, before, after, SECONDS)


def _may_go(id_: Id, seen: Mapping[Id, Seen]) -> bool:
    prunes = HANDLER_OF[id_[0]].prunes
    return prunes == "all" or (prunes == "seen" and id_ in seen)


def _conflict(id_: Id, now: Thing | None, seen: Seen | None) -> str | None:
    """Why a change would go over somebody's edit; None if it would not."""
    if seen is None:
        if now is None or now.author is None or now.author.endswith(_BY_US):
            return None
        return f"{now.author} made it, and this folder has not seen it yet"
    if now is None:
        return "somebody has removed it since"
    if now.hash == seen.hash:
        return None
    versions = f" (version {seen.version} → {now.version})" if seen.version else ""
    return f"{now.author or 'somebody'} has changed it since{versions}"


def _check(
    tx: Connection, changes: Mapping[Id, Wanted | None], steps: list[Step], world: World
) -> dict[Id, list[Fault]]:
    faults: dict[Id, list[Fault]] = {}
    by_id = {step.id: step for step in steps}
    for handler in HANDLERS:
        mine = {id_: item for id_, item in changes.items() if HANDLER_OF[id_[0]] is handler}
        if not mine:
            continue
        for id_, finding in handler.check(tx, mine, changes, world).items():
            by_id[id_].warnings.extend(finding.warnings)
            if finding.errors:
                faults[id_] = finding.errors
    return faults


def apply(tx: Connection, now: int, made: Plan, author: str, world: World) -> None:
    """Do what a plan says, all of it in the caller's transaction.

    The plan must be without faults and conflicts. `StalePlan` if the store is no longer
    what it was made for; nothing may be kept then.
    """
    assert not made.faults and not made.conflicts
    meta.bump(tx)  # whoever changes something now waits for us, or we have waited for them
    base = {id_: thing.hash for id_, thing in things(tx, world).items()}
    for id_ in made.changes:
        if base.get(id_) != made.base.get(id_):
            raise StalePlan(f"the {id_[0].replace('_', ' ')} {id_[1]} has changed meanwhile")
    author = f"{author} {BY_FILES}"
    together = defined(made.changes)
    for handler in HANDLERS:
        mine = {id_: item for id_, item in made.changes.items() if HANDLER_OF[id_[0]] is handler}
        if isinstance(handler, Definitions):
            if together:
                # All at once: one may go with what refers to it.
                defining.change(tx, now, drafts(together), author)
                together = {}
            handler.after(tx, now, mine, author)
        elif mine:
            handler.apply(tx, now, mine, author)
