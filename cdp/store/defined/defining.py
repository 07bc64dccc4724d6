"""Changing what people define: checked against all the rest, and against edits by others.

Each change is one transaction of its caller's. It first bumps the configuration's
version, so that of two changes at once the second waits and sees what the first made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.definitions import (
    KINDS,
    Body,
    DefinitionError,
    Draft,
    Fault,
    Finding,
    Id,
    check,
    difference,
)
from cdp.definitions.difference import Change
from cdp.definitions.space import Look, Space, User, named
from cdp.messaging.pressure import REASONS
from cdp.store import definitions, meta
from cdp.store.catalogue.names import anything_seen, names_for
from cdp.store.config_rows import NameTaken
from cdp.store.defined.elsewhere import known_elsewhere
from cdp.store.definitions import Version
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs
from cdp.store.messages import claims


class NoSuchDefinition(LookupError):
    """There is no definition of this kind and key."""

    def __init__(self, id_: Id) -> None:
        super().__init__(f"there is no {KINDS[id_[0]].title} {id_[1]}")


class StaleVersion(Exception):
    """Somebody has changed it since; ``difference`` leads from what they made to what was meant."""

    def __init__(self, id_: Id, seen: int, now: Version | None, wanted: Body | None) -> None:
        self.id, self.seen, self.now = id_, seen, now
        self.difference: list[Change] = difference(now.body if now else None, wanted)
        if now is None:
            text = f"the {named(id_)} was removed, or never was at version {seen}"
        else:
            text = f"the {named(id_)} is at version {now.version}: {now.author} has changed it"
        super().__init__(text)


class StillUsed(Exception):
    """Others say a name that would be gone; ``users`` names them."""

    def __init__(self, id_: Id, faults: Sequence[Fault]) -> None:
        self.id = id_
        self.users = [fault.text for fault in faults]
        super().__init__(f"the {named(id_)} can't go: {'; '.join(self.users)}")


class Put(NamedTuple):
    """A version that was made (or was there already), and what looks wrong about it."""

    version: Version
    warnings: list[Fault]


class Links(NamedTuple):
    """What a definition refers to, and who refers to it."""

    uses: list[Id]
    used_by: list[User]


def load(tx: Connection, *kinds: str) -> dict[Id, Version]:
    """Every definition that holds, of some kinds or all, by key in each."""
    return {
        (kind, version.key): version
        for kind in kinds or KINDS
        for version in definitions.all_current(tx, kind)
    }


def bodies(found: Mapping[Id, Version]) -> dict[Id, Body]:
    """The bodies alone."""
    return {id_: version.body for id_, version in found.items() if version.body is not None}


def look(tx: Connection) -> Look:
    """What the catalogue has seen, as `check` asks for it; while it is empty, nothing is unseen."""
    if not anything_seen(tx):
        return lambda root, defined: None
    return partial(names_for, tx)


def find(tx: Connection, id_: Id) -> Version:
    """A definition as it holds; `NoSuchDefinition`."""
    found = definitions.current(tx, *id_)
    if found is None:
        raise NoSuchDefinition(id_)
    return found


def links(found: Mapping[Id, Version]) -> dict[Id, Links]:
    """Who refers to whom, of all definitions."""
    space = Space(bodies(found))
    known = {id_: Links([], []) for id_ in space.bodies}
    for id_ in space.bodies:
        for use in space.uses(id_):
            for meant in space.meant(id_, use):
                if meant not in known[id_].uses:
                    known[id_].uses.append(meant)
                    known[meant].used_by.append(User(id_, use))
    return known


def change(
    tx: Connection,
    now: int,
    changes: Mapping[Id, Draft | None],
    author: str,
    seen: Mapping[Id, int | None] | None = None,
) -> dict[Id, Put]:
    """Make a change of one or more definitions, or none of it.

    ``seen`` has the version that each was made from, 0 for one that must be new, None for
    whatever there is. Raises `NameTaken`, `NoSuchDefinition`, `StaleVersion`, `StillUsed`,
    or `DefinitionError` with the faults of all; a definition that says the same already is
    left alone.
    """
    meta.bump(tx)
    before = load(tx)
    for id_, number in (seen or {}).items():
        _not_stale(tx, id_, number, before.get(id_), changes[id_])
    for id_, draft in changes.items():
        if draft is None and id_ not in before:
            raise NoSuchDefinition(id_)
    findings = check(bodies(before), changes, look(tx))
    known_elsewhere(tx, changes, findings)
    keep_running(tx, changes, findings)
    refuse(changes, findings)
    made = {
        id_: Put(
            definitions.put(tx, now, *id_, draft.body if draft else None, author),
            findings[id_].warnings,
        )
        for id_, draft in changes.items()
    }
    for kind, key in changes:
        if kind in REASONS:
            claims.judge_again(tx, kind, key, now)
    return made


def keep_running(
    tx: Connection, changes: Mapping[Id, Draft | None], findings: Mapping[Id, Finding]
) -> None:
    """Find what journeys need that run by a version that is not the newest, and themselves."""
    gone = [id_ for id_, draft in changes.items() if draft is None]
    rows = [row for row in journeys.all_rows(tx) if row.state != journeys.STOPPED] if gone else ()
    for row in rows:
        own = ("journey", row.key)
        if own in gone:
            findings[own].errors.append(Fault("key", f"it is {row.state}; stop it first"))
            continue
        said = {v.version: v.body for v in definitions.versions(tx, *own)}
        inside = {one.version for one in runs.standings(tx, row.id)}
        for version in sorted({row.version, *inside}, key=lambda one: one != row.version):
            used = {(use.word.of, use.word.text)
                    for use in KINDS["journey"].uses(said.get(version) or {})}  # fmt: skip
            runs_so = "which runs" if version == row.version else "in which people are"
            text = f"it is used by version {version} of the journey {row.key}, {runs_so}"
            for id_ in gone:
                # Who lacks a template is held there with the reason; a condition just says no.
                held = id_[0] == "template" and version != row.version
                if id_ in used and not held and not findings[id_].errors:
                    findings[id_].errors.append(Fault("key", text))


def refuse(changes: Mapping[Id, Draft | None], findings: Mapping[Id, Finding]) -> None:
    """Raise what is wrong with a change, if anything is."""
    faults = []
    for id_, finding in findings.items():
        if changes[id_] is None and finding.errors:
            raise StillUsed(id_, finding.errors)
        faults += finding.errors
    if faults:
        raise DefinitionError(faults)


def _not_stale(
    tx: Connection, id_: Id, seen: int | None, there: Version | None, draft: Draft | None
) -> None:
    if seen is None or (there.version if there else 0) == seen:
        return
    if seen == 0 and there is not None:
        raise NameTaken(f"there is {KINDS[id_[0]].article} {id_[1]} already")
    raise StaleVersion(id_, seen, there, draft.body if draft else None)


def put(
    tx: Connection, now: int, id_: Id, given: Body, author: str, seen: int | None = None
) -> Put:
    """Make a definition (``seen`` 0) or change one; raises as `change` does."""
    draft = KINDS[id_[0]].read(id_[1], given)
    return change(tx, now, {id_: draft}, author, {id_: seen})[id_]


def remove(tx: Connection, now: int, id_: Id, author: str, seen: int | None = None) -> None:
    """Remove a definition that nobody uses; its versions stay, so that it can come back."""
    change(tx, now, {id_: None}, author, {id_: seen})


def revert(tx: Connection, now: int, id_: Id, to: int, author: str, seen: int | None = None) -> Put:
    """Make what an older version said the newest one, also of a definition that was removed."""
    known = {version.version: version for version in definitions.versions(tx, *id_)}
    if not known:
        raise NoSuchDefinition(id_)
    body = known[to].body if to in known else None
    if body is None:
        text = "was a removal" if to in known else "never was"
        raise DefinitionError([Fault("version", f"version {to} of the {named(id_)} {text}")])
    return put(tx, now, id_, body, author, seen)


def rename(
    tx: Connection,
    now: int,
    id_: Id,
    author: str,
    key: str | None = None,
    name: str | None = None,
    seen: int | None = None,
) -> Put:
    """Give a definition another key or name, in all that refer to it as well.

    Under another key it is a new definition with versions of its own.
    """
    found = load(tx)
    if id_ not in found:
        raise NoSuchDefinition(id_)
    kind, old = KINDS[id_[0]], dict(found[id_].body or {})
    new = (id_[0], key or id_[1])
    body = {**old, "name": name} if name is not None else old
    given = kind.gives(new[1], body)
    swapped = dict(zip(kind.gives(id_[1], old), given, strict=True))
    changes: dict[Id, Draft | None] = {id_: None} if new != id_ else {}
    users = links(found)[id_].used_by
    if any(user.id == id_ for user in users):
        body = kind.rename(body, swapped)  # a journey that starts itself
    changes[new] = kind.read(new[1], body)
    for user in (user for user in users if user.id != id_):
        theirs = KINDS[user.id[0]]
        reworded = theirs.rename(found[user.id].body or {}, swapped)
        changes[user.id] = theirs.read(user.id[1], reworded)
    versions = {id_: seen, new: 0} if new != id_ else {id_: seen}
    return change(tx, now, changes, author, versions)[new]


def history(tx: Connection, id_: Id) -> list[Version]:
    """All versions, the newest first; `NoSuchDefinition` if there never was one."""
    found = definitions.versions(tx, *id_)
    if not found:
        raise NoSuchDefinition(id_)
    return found


def judge(tx: Connection, id_: Id, given: Body) -> tuple[Any, Finding]:
    """What `put` would say of a body, without writing; for forms."""
    draft = KINDS[id_[0]].read(id_[1], given)
    found = check(bodies(load(tx)), {id_: draft}, look(tx))
    known_elsewhere(tx, {id_: draft}, found)
    return draft.body, found[id_]
