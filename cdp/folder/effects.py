"""Whom a change of definitions would let in and out, counted before it is made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.conditions import ConditionError
from cdp.conditions.ast import Not, all_of
from cdp.conditions.expand import expand
from cdp.conditions.size import check_size
from cdp.definitions import Body, Id
from cdp.definitions.space import Space
from cdp.definitions.words import inlined, parsed, readable
from cdp.folder.model import Effect
from cdp.store.audiences.counting import count_people
from cdp.store.tables import ACCOUNTS, USERS

#: For all counts of a plan together, and for one (s).
SECONDS, ONE = 20.0, 0.6


def effects(
    tx: Connection, now: int, before: Mapping[Id, Body], after: Mapping[Id, Body], seconds: float
) -> dict[Id, Effect]:
    """How many enter and leave each audience that differs, itself or by what it refers to.

    What can't be counted within ``seconds`` is left out.
    """
    until = time.monotonic() + seconds
    old, new = Space(before), Space(after)
    changed = {id_ for id_ in {*before, *after} if before.get(id_) != after.get(id_)}
    reached = {*new.reached([id_ for id_ in changed if id_ in after])}
    reached |= {*old.reached([id_ for id_ in changed if id_ in before])}
    found = {}
    for id_ in sorted(id_ for id_ in reached if id_[0] == "audience"):
        if time.monotonic() > until:
            break
        effect = _effect(tx, now, old, new, id_, changed)
        if effect is not None:
            found[id_] = effect
    return found


def _effect(
    tx: Connection, now: int, old: Space, new: Space, id_: Id, changed: set[Id]
) -> Effect | None:
    try:
        was = _who(old, id_, changed)
    except ConditionError:  # it calls a function that a plugin brought once
        was = None
    is_ = _who(new, id_, changed)
    of = (new if id_ in new.bodies else old).of(id_)
    if id_ in old.bodies and old.of(id_) != of:
        was = None  # other members altogether
    elif was == is_:
        return None
    try:
        enter, exact = _count(tx, now, is_, was, of)
        leave, also = _count(tx, now, was, is_, of)
    except ConditionError:
        return None
    return Effect(of, enter, leave, exact and also)


def _count(tx: Connection, now: int, yes: Any, no: Any, of: str) -> tuple[int, bool]:
    """How many meet one condition and not the other; None is met by nobody."""
    if yes is None:
        return 0, True
    condition = yes if no is None else all_of([yes, Not(no)])
    check_size(condition)
    collection = ACCOUNTS if of == "accounts" else USERS
    counted = count_people(tx, condition, now, collection, seconds=ONE)
    return counted.people, counted.exact


def _who(space: Space, id_: Id, changed: set[Id]) -> Any:
    """The condition of an audience with all that it stands for; None if nobody is in it.

    Audiences that change as well stand in it with their conditions, not their members, and
    one that is archived then with nobody.
    """
    body = space.bodies.get(id_)
    if body is None or "who" not in body or body.get("archived"):
        return None
    conditions = {
        other[1]: "false" if found.get("archived") else found["who"]
        for other, found in space.bodies.items()
        if other[0] == "audience" and other != id_ and ("who" in found or found.get("archived"))
    }
    keys = {id_[1] for id_ in space.reached([i for i in changed if i in space.bodies])}
    inside = {key: tree for key, tree in readable(conditions).items() if key in keys}
    return expand(inlined(parsed(body["who"]).root, inside), space.made(id_))
