"""Objects as files have them, and what a plan says of them."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import Connection

from cdp.definitions import Body, Fault, Finding, Id
from cdp.definitions.difference import Change
from cdp.events import format_time
from cdp.folder.secrets import is_reference


class Thing(NamedTuple):
    """An object of the store as a file would have it; secrets are ``${env:NAME}``."""

    kind: str
    key: str
    body: dict[str, Any]
    version: int | None
    author: str | None

    @property
    def hash(self) -> str:
        """What tells whether it says the same."""
        return hash_of((self.kind, self.key), self.body)


class Wanted(NamedTuple):
    """An object as somebody wants it.

    ``body`` is its canonical form, without secrets; ``given`` as it was written, for the
    places of errors; ``private`` is what only the handler that read it looks into.
    """

    kind: str
    key: str
    body: dict[str, Any]
    given: Body
    file: str = ""
    private: Any = None

    @property
    def id(self) -> Id:
        """Kind and key."""
        return self.kind, self.key

    @property
    def hash(self) -> str:
        """The hash of the `Thing` that it becomes."""
        return hash_of(self.id, self.body)


class World(NamedTuple):
    """What is needed to understand files: plugins' destinations, and the environment.

    Without ``environ`` nothing is read from it: a reference stays one. ``broken`` are
    objects whose files can't be read: they are not missing, whatever else they are. ``base``
    is where images are served (empty: they are left alone), ``room`` how many bytes of them
    are kept in all.
    """

    destinations: Mapping[str, Any]
    environ: Mapping[str, str] | None
    broken: frozenset[Id] = frozenset()
    base: str = ""
    room: int | None = None


class Settled(NamedTuple):
    """A wanted object beside what there is: it, and what its body does not show of the change."""

    wanted: Wanted
    hidden: list[Change]


class Effect(NamedTuple):
    """Who enters and leaves, of ``people`` or ``accounts``; ``exact`` or an estimate."""

    of: str
    enter: int
    leave: int
    exact: bool


class Sends(NamedTuple):
    """What a broadcast sends once it is applied: ``state`` is draft, scheduled or ready.

    ``people`` are those whom it is for now, None where that is not known; ``at`` in ms.
    """

    state: str
    people: int | None
    exact: bool
    at: int | None


class StalePlan(Exception):
    """Something has changed since the plan was made."""


class Step(NamedTuple):
    """What is done to an object: ``create``, ``change`` or ``remove``.

    ``conflict`` says why it is refused, where it is.
    """

    action: str
    id: Id
    file: str
    changes: list[Change]
    warnings: list[Fault]
    conflict: str | None = None
    effect: Effect | None = None
    sends: Sends | None = None


class Plan(NamedTuple):
    """What an apply does, in its order, or ``faults`` that keep it from doing anything."""

    steps: list[Step]
    faults: dict[Id, list[Fault]]
    changes: dict[Id, Wanted | None]
    #: Hashes of what there was when the plan was made.
    base: dict[Id, str]
    #: Audiences that change by what they refer to alone.
    affected: dict[Id, Effect]

    @property
    def conflicts(self) -> list[Step]:
        """The steps that go over what somebody else has made."""
        return [step for step in self.steps if step.conflict]

    def rows(self) -> list[dict[str, Any]]:
        """The steps as JSON has them; then, as ``affect``, who changes by others alone."""
        affect = [Step("affect", id_, "", [], [], None, of) for id_, of in self.affected.items()]
        return [
            {
                "action": step.action,
                "kind": step.id[0],
                "key": step.id[1],
                "file": step.file or None,
                "changes": [change._asdict() for change in step.changes],
                "warnings": [warning._asdict() for warning in step.warnings],
                "effect": step.effect._asdict() if step.effect else None,
                "sends": _sends(step.sends),
                "conflict": step.conflict,
            }
            for step in [*self.steps, *affect]
        ]


class Handler(ABC):
    """Some kinds of objects, between their files and the store."""

    #: The kinds by the folder in which their files are put.
    folders: ClassVar[Mapping[str, str]]
    #: Whether those that a folder lacks may be removed: all, those it has ``seen``, or none.
    prunes: str = "none"
    #: Which part of a token's scopes is about them.
    scope: str

    @abstractmethod
    def things(self, tx: Connection, world: World) -> list[Thing]:
        """What there is."""

    @abstractmethod
    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        """An object as it was written; `DefinitionError` has all that is wrong with it."""

    def settle(self, tx: Connection, wanted: Wanted, there: Thing | None, world: World) -> Settled:
        """A wanted object with its secrets found and hidden."""
        return Settled(wanted, [])

    @abstractmethod
    def check(
        self,
        tx: Connection,
        changes: Mapping[Id, Wanted | None],
        every: Mapping[Id, Wanted | None],
        world: World,
    ) -> dict[Id, Finding]:
        """Judge changes of these kinds; ``every`` has those of the other kinds as well."""

    def sends(self, tx: Connection, wanted: Wanted, now: int) -> Sends | None:
        """What is sent to people once it is applied."""
        return None

    @abstractmethod
    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        """Make changes that were checked."""


def _sends(found: Sends | None) -> dict[str, Any] | None:
    if found is None:
        return None
    at = format_time(found.at) if found.at is not None else None
    return {**found._asdict(), "at": at}


def hash_of(id_: Id, body: Body) -> str:
    """A short hash of what an object says, whatever the order of its fields.

    Which variable a secret is read from plays no part.
    """
    text = json.dumps([*id_, _nameless(body)], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _nameless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _nameless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_nameless(item) for item in value]
    return "${env}" if is_reference(value) else value
