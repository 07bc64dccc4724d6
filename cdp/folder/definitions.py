"""Audiences, computed traits, virtual events, templates, layouts and snippets as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sqlalchemy import Connection

from cdp.definitions import KINDS, Body, Draft, Finding, Id, check
from cdp.folder.model import Handler, Thing, Wanted, World
from cdp.store import defining


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
        return check(there, _drafts(changes), defining.look(tx))

    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        defining.change(tx, now, _drafts(changes), author)


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


def _drafts(changes: Mapping[Id, Wanted | None]) -> dict[Id, Draft | None]:
    return {id_: wanted.private if wanted else None for id_, wanted in changes.items()}
