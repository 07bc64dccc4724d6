"""What clients say of messages: shown, clicked, dismissed."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from cdp.plugin import Report

#: What clients say, and what it is called in reports.
KINDS = {"shown": "opened", "clicked": "clicked", "dismissed": "dismissed"}
#: Events in one request.
MOST = 100
#: A client's clock, or a report that it kept while it was offline, may be that far behind.
_PAST_MS = 7 * 86_400_000
_REF = re.compile(r"[\w-]{1,64}", re.ASCII)


#: Requests of one person in a minute: each is written to the store.
EACH = 120


class Brake:
    """Lets no single person keep the store busy."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._minute, self._asked = -1, Counter[tuple[str, str]]()

    def lets(self, person: tuple[str, str]) -> bool:
        """Whether one more request of a person is taken just now."""
        with self._lock:
            minute = int(self._clock() // 60)
            if minute != self._minute:
                self._minute = minute
                self._asked.clear()
            self._asked[person] += 1
            return self._asked[person] <= EACH


class BadEvents(ValueError):
    """A request that says nothing that can be understood; the text says why."""


class _Event(msgspec.Struct):
    id: str
    type: str
    at: float | None = None
    ref: str = ""
    link: str = ""
    button: str = ""


class _Events(msgspec.Struct):
    events: list[_Event]
    token: str = ""


_decode = msgspec.json.Decoder(_Events).decode


def reports_of(body: bytes, now: int) -> tuple[str, list[Report]]:
    """The token in a request's body, or "", and its events as reports.

    A click has a ``ref`` of its own, so that a request that is sent again counts once.
    Raises `BadEvents`.
    """
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvents(f"the request can't be read: {error}") from None
    if len(found.events) > MOST:
        raise BadEvents(f"a request has at most {MOST} events")
    return found.token, [_report(event, now) for event in found.events]


def _report(event: _Event, now: int) -> Report:
    if event.type not in KINDS:
        raise BadEvents(f"{event.type[:40]!r} is no type; there are {', '.join(KINDS)}")
    name, detail = f"{event.id[:64]}:{event.type}", {}
    if event.type == "clicked":
        ref = event.ref if _REF.fullmatch(event.ref) else _digest(event)
        name = f"{name}:{ref}"
        detail = _detail(event)
    at = now if event.at is None else int(min(max(event.at, now - _PAST_MS), now))
    return Report(KINDS[event.type], name, at, delivery=event.id[:64], detail=detail)


def _detail(event: _Event) -> dict[str, Any]:
    found = {"href": event.link[:2000], "link_id": event.button[:200]}
    return {name: value for name, value in found.items() if value}


def _digest(event: _Event) -> str:
    said = f"{event.link}\0{event.button}\0{event.at}"
    return hashlib.sha256(said.encode(errors="replace")).hexdigest()[:16]
