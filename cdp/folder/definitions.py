"""Audiences, computed traits, virtual events, templates, layouts and snippets as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sqlalchemy import Connection

from cdp.definitions import KINDS, Body, Draft, Finding, Id, check
from cdp.folder.model import Handler, Thing, Wanted, World
from cdp.store.config_rows import all_destinations
from cdp.store.defined import defining, elsewhere


class Definitions(Handler):
    """The kinds of `cdp.definitions` that are about people."""

    scope = "audiences"
    folders: ClassVar[Mapping[str, str]] = {
        kind.name: kind.plural for kind in KINDS.values() if kind.scope == "audiences"
    }
    prunes = "all"

    def things(self, tx: Connection, world: World) -> list[Thing]:
        return [
            Thing(kind, key, KINDS[kind].spread(found.body or {}), found.version, found.author)
            for (kind, key), found in defining.load(tx, *self.folders).items()
        ]

    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        draft = KINDS[id_[0]].read(id_[1], given)
        return Wanted(*id_, KINDS[id_[0]].spread(draft.body), draft.given, private=draft)

    def check(
        self,
        tx: Connection,
        changes: Mapping[Id, Wanted | None],
        every: Mapping[Id, Wanted | None],
        world: World,
    ) -> dict[Id, Finding]:
        there = defining.bodies(defining.load(tx))
        for id_ in world.broken:
            if id_[0] == "audience" and id_ not in there:
                there[id_] = {"static": True}
        # What refers to what stands in any order, in files of any of these kinds.
        found = check(there, drafts(defined(every)), defining.look(tx))
        elsewhere.known_elsewhere(tx, drafts(changes), found, _destinations(tx, every, world))
        return {id_: found[id_] for id_ in changes}

    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        defining.change(tx, now, drafts(changes), author)

    def after(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        """Do what follows from changes that were made."""


def _destinations(tx: Connection, every: Mapping[Id, Wanted | None], world: World) -> set[str]:
    """The keys of the destinations that there will be; files that can't be read have theirs."""
    found = {item.key for item in all_destinations(tx)}
    found |= {key for kind, key in world.broken if kind == "destination"}
    for (kind, key), wanted in every.items():
        if kind == "destination":
            (found.discard if wanted is None else found.add)(key)
    return found


class Templates(Definitions):
    """What messages say."""

    scope = "templates"
    folders: ClassVar[Mapping[str, str]] = {
        kind.name: kind.plural for kind in KINDS.values() if kind.scope == "templates"
    }


class MessageRules(Definitions):
    """How much people get, and when."""

    scope = "messages"
    folders: ClassVar[Mapping[str, str]] = {
        kind.name: kind.plural for kind in KINDS.values() if kind.scope == "messages"
    }


def defined(changes: Mapping[Id, Wanted | None]) -> dict[Id, Wanted | None]:
    """Those changes that are of definitions."""
    return {id_: wanted for id_, wanted in changes.items() if id_[0] in KINDS}


def drafts(changes: Mapping[Id, Wanted | None]) -> dict[Id, Draft | None]:
    """What is made of each change; None: it is removed."""
    return {id_: wanted.private if wanted else None for id_, wanted in changes.items()}
