"""The values that hooks and destinations are given and give back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One message, as destinations and ``on_events`` see it.

    ``body`` is the Segment event as a dict; ``key`` is the same whenever this event
    is handed to the same destination again; ``t`` is its time in ms since 1970,
    ``seq`` its place in the history; ``live`` is False for imports and replays of
    what is older than 72 hours. ``person`` groups events of which the order is kept.
    """

    id: str
    type: str
    name: str
    body: dict[str, Any]
    key: str = ""
    source: str = ""
    t: int = 0
    seq: int = 0
    live: bool = True
    person: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Events to be sent in one call of `Destination.send`.

    ``key`` is the same whenever these very events are sent again; ``attempt``
    counts from 1.
    """

    events: list[Event]
    key: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """A profile was ``created``, ``updated`` (traits), ``merged`` or ``split``, or it
    ``audience_entered`` or ``audience_exited``.

    ``detail`` has of ``merged`` the id of the profile that was taken in as ``from``, of
    ``split`` that of the profile it was parted from, of ``updated`` the names of
    ``traits``, of ``created`` the ``collection``, of entries and exits the key of the
    ``audience``. Of a profile that was taken in before you were told, only the ``merged``
    is told. Who enters or leaves because an audience is new or was edited is not told.
    """

    profile: str
    kind: str
    detail: dict[str, Any]
    at: int
    seq: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A person's step through a journey; or with ``kind`` ``decided`` what it decided itself.

    A decision is of no ``person`` and no ``run``: ``detail`` says which (``decision``:
    ``stopped``, ``winner``, ``undecided``, ``guarded``, ``stage``, ``held``), the ``reason`` and
    the ``figures``.
    """

    journey: str
    run: str
    person: str
    step: str
    kind: str
    detail: dict[str, Any]
    at: int
    seq: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event: ``delivered``, ``retry`` or ``reject``."""

    kind: str
    reason: str = ""
    after: float | None = None

    @classmethod
    def delivered(cls) -> Outcome:
        """It was taken."""
        return _DELIVERED

    @classmethod
    def retry(cls, reason: str, after: float | None = None) -> Outcome:
        """This one should be tried again, in ``after`` seconds if the provider said so."""
        return cls("retry", reason, after)

    @classmethod
    def reject(cls, reason: str) -> Outcome:
        """This one will never be taken."""
        return cls("reject", reason)


_DELIVERED = Outcome("delivered")


@dataclass(slots=True)
class Exchange:
    """One HTTP call and its answer, capped and masked, to be shown."""

    method: str
    url: str
    request_headers: dict[str, str] = field(default_factory=dict)
    request_body: str = ""
    status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
    duration_ms: float = 0.0
    error: str | None = None
    at: int = 0
