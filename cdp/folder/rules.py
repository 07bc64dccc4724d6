"""The rules of identity and of traits as files; each is one object, ``key: default``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from cdp.definitions import Body, DefinitionError, Fault, Finding, Id
from cdp.folder.model import Handler, Thing, Wanted, World
from cdp.folder.sources import faults_of
from cdp.identity.rules_file import RulesError, RulesSchema, check
from cdp.pipeline import sweep
from cdp.profiles.trait_rules import DEFAULT_TRAITS, TraitRules
from cdp.store import definitions
from cdp.store.profiles import trait_rules

_KEY = "default"


class _Rules(Handler):
    """Rules that a space has one set of. They have a file once somebody has changed them."""

    kind: str
    scope = "profiles"

    def things(self, tx: Connection, world: World) -> list[Thing]:
        found = definitions.current(tx, self.kind, _KEY)
        if found is None:
            return []
        body = {name: value for name, value in (found.body or {}).items() if name not in _NAMING}
        return [Thing(self.kind, _KEY, body, found.version, found.author)]

    def check(
        self,
        tx: Connection,
        changes: Mapping[Id, Wanted | None],
        every: Mapping[Id, Wanted | None],
        world: World,
    ) -> dict[Id, Finding]:
        return {id_: Finding([], []) for id_ in changes}


_NAMING = ("kind", "key")


def _only_default(id_: Id) -> list[Fault]:
    return [] if id_[1] == _KEY else [Fault("key", f"there is one set: key: {_KEY}")]


class IdentityRules(_Rules):
    """``kind: identity``."""

    kind = "identity"
    folders: ClassVar[Mapping[str, str]] = {"identity": ""}

    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        faults = _only_default(id_)
        try:
            check(dict(given))
        except RulesError as error:
            faults += faults_of(RulesSchema, "file of identity rules", error.errors)
        if faults:
            raise DefinitionError(faults)
        return Wanted(*id_, dict(given), given)

    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        for wanted in changes.values():
            if wanted is not None:
                body: dict[str, Any] = {"kind": self.kind, "key": _KEY, **wanted.body}
                sweep.put_rules(tx, body, author, now)


class TraitsRules(_Rules):
    """``kind: traits``."""

    kind = trait_rules.KIND
    folders: ClassVar[Mapping[str, str]] = {trait_rules.KIND: ""}

    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        faults = _only_default(id_)
        body: dict[str, Any] = {}
        for name, value in given.items():
            try:
                body[name] = TraitRules.from_dict({name: value}).to_dict()[name]
            except ValueError as error:
                faults.append(Fault(name, str(error)))
        if faults:
            raise DefinitionError(faults)
        return Wanted(*id_, {**DEFAULT_TRAITS.to_dict(), **body}, given)

    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        for wanted in changes.values():
            if wanted is not None:
                trait_rules.put_trait_rules(tx, now, wanted.body, author)
