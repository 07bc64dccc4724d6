"""A person's way through a journey: its state, what comes in, and what goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

ACTIVE, ENDED = "active", "ended"
#: The exit by which a step is left when it has only one.
NEXT = "next"


class Run(msgspec.Struct):
    """One person in one journey; all that `advance` may know of the past.

    ``key`` tells runs of a person apart (an order's id). ``step`` is where it stands (None:
    ended), ``since`` when it came there, ``visits`` how often it came to each step. Its step
    waits ``until`` an instant, for the ``events`` named, and for what is known of the person to
    change if ``watch``; ``due`` is when it is to be looked at next. ``note`` is the step's own.
    ``data`` has the trigger's ``event`` and ``vars``. ``held``: it stands still, because of an
    ``error`` or of a pause. Until ``goal_until`` a goal counts; ``goal_at`` is when it was reached.
    """

    id: int
    journey: str
    version: int
    key: str
    started: int
    step: str | None
    since: int
    status: str = ACTIVE
    reason: str | None = None
    visits: dict[str, int] = {}
    due: int | None = None
    until: int | None = None
    events: tuple[str, ...] = ()
    watch: bool = False
    note: Any = None
    data: dict[str, Any] = {}
    held: bool = False
    error: str | None = None
    goal_until: int | None = None
    goal_at: int | None = None

    @property
    def visit(self) -> int:
        """Which visit to its step this is, from 1."""
        return self.visits.get(self.step or "", 0)

    @property
    def reason_key(self) -> str:
        """What is done at this visit, named: the idempotency key of it (law 6)."""
        return f"journey:{self.id}:{self.step}:{self.visits.get(self.step or '', 0)}"

    @property
    def scope(self) -> dict[str, Any]:
        """``journey`` in Liquid: what of the run texts can say."""
        return {"id": self.id, "key": self.journey, **self.vars}

    @property
    def vars(self) -> dict[str, Any]:
        """The run's own variables."""
        found: dict[str, Any] = self.data.get("vars", {})
        return found


def run_of(key: str) -> int | None:
    """The number of the run that has done something for a reason (`Run.reason_key`)."""
    origin, _, rest = key.partition(":")
    number = rest.partition(":")[0]
    return int(number) if origin == "journey" and number.isdecimal() else None


class Past(NamedTuple):
    """An entry of a person into a journey: under which key, and when."""

    journey: str
    key: str
    started: int


class _Value(msgspec.Struct, frozen=True, gc=False):
    """What goes in or out; made very often, and in no circles."""


# What comes in.


class Enter(_Value, frozen=True, gc=False):
    """The run has just begun, or goes on at its step after it was held."""


class Happened(_Value, frozen=True, gc=False):
    """The person did something: the message, its position in the history if there is one."""

    name: str
    message: Mapping[str, Any]
    seq: int | None = None


class Changed(_Value, frozen=True, gc=False):
    """What is known of the person may have changed."""


class Due(_Value, frozen=True, gc=False):
    """The instant has come that the run waited for."""

    at: int


class Answer(_Value, frozen=True, gc=False):
    """Somebody decided at the step: ``exit`` is what was chosen, ``by`` who."""

    exit: str
    by: str


class Moved(_Value, frozen=True, gc=False):
    """Somebody moved the run to a step (None: out of the journey), for a reason."""

    step: str | None
    by: str
    reason: str


class Migrated(_Value, frozen=True, gc=False):
    """The run has come to another version: what it waits for is as that says, since it came."""


Input: TypeAlias = Enter | Happened | Changed | Due | Answer | Moved | Migrated


# What goes out. Each carries the key of its reason.


class Send(_Value, frozen=True, gc=False):
    """A message to the person: the templates in the order in which they are tried."""

    key: str
    step: str
    templates: tuple[str, ...]
    data: Mapping[str, Any]
    unread_for: int | None = None
    topic: str | None = None


class Emit(_Value, frozen=True, gc=False):
    """A ``track`` event in the person's name."""

    key: str
    event: str
    properties: Mapping[str, Any]


class Update(_Value, frozen=True, gc=False):
    """Traits of the person; None takes one away."""

    key: str
    traits: Mapping[str, Any]


class Listed(_Value, frozen=True, gc=False):
    """The person comes onto a list that is kept by hand, or leaves it."""

    key: str
    audience: str
    member: bool


class Call(_Value, frozen=True, gc=False):
    """An HTTP request; what is answered comes back as an event that the run waits for."""

    key: str
    step: str
    request: Mapping[str, Any]


class Start(_Value, frozen=True, gc=False):
    """The person enters another journey, at a step of this one."""

    key: str
    journey: str
    data: Mapping[str, Any]
    step: str | None = None


Effect: TypeAlias = Send | Emit | Update | Listed | Call | Start


class Transition(_Value, frozen=True, gc=False):
    """Something that became of a run: ``what`` happened ``at`` an instant at ``step``.

    ``what``: entered, waits, left (by ``exit``), held, failed, ended, converted, moved,
    not_started (a journey that was called, its key the ``exit``), migrated (from the version
    that is the ``exit``).
    ``why`` explains it, as JSON: values of clauses, the event, who did it.
    """

    run: int
    at: int
    step: str | None
    what: str
    exit: str | None = None
    why: Mapping[str, Any] | None = None


#: What a run keeps of the message that began it.
KEPT = ("type", "event", "name", "messageId", "timestamp", "properties", "traits", "groupId")


def trimmed(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a run keeps of a message."""
    get = message.get
    return {name: value for name in KEPT if (value := get(name)) is not None}
