"""Where people stand now: evaluate what may have changed, and note what did."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.audiences import Book, Item, plain
from cdp.conditions.live import NEVER
from cdp.pipeline.audiences.people import Known
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences import members, timers
from cdp.store.audiences.members import Change
from cdp.store.destinations import connections

_encode = msgspec.json.Encoder().encode
_new = tuple.__new__


class Cause(NamedTuple):
    """What makes somebody be looked at.

    ``kind`` is event, trait, timer, merge (people became one, or were parted), account
    (theirs), audience (another one that is asked for), profile (anything of these, later)
    or definition. ``event`` is the position of the message; not ``live``: it is nothing to
    act upon.
    """

    kind: str
    event: int | None = None
    live: bool = True


BY_TIMER = Cause("timer")


def text_of(value: Any) -> str | None:
    """A value of a computed trait as it is stored: JSON; None of nothing."""
    return None if value is None else _encode(plain(value)).decode()


class Judge:
    """Evaluates items for people, and gathers what has to be written.

    ``now`` is the logical clock: all that was acknowledged before is known.
    """

    def __init__(self, book: Book, now: int) -> None:
        self._book, self._now = book, now
        self.changes: list[Change] = []
        # (audience, profile) → since when they are in, or None
        self._members: dict[tuple[int, int], int | None] = {}
        self._values: list[tuple[int, int, str | None, int]] = []
        self._told: dict[tuple[int, int], tuple[int, str | None]] = {}
        # profile → all that is due of theirs, where it is something else than before
        self._dues: dict[int, dict[int, int]] = {}
        self._grown: dict[int, int] = {}

    def look_at(self, profile: int, known: Known, causes: dict[int, Cause]) -> None:
        """Evaluate the items at these places for a person, and what asks for their result."""
        items = self._book.items
        if not self._book.of_audience:  # nobody asks for a result
            none: dict[int, Cause] = {}
            for place, cause in causes.items():
                self._item(profile, known, items[place], cause, none)
            return
        waiting, places = dict(causes), list(causes)
        heapify(places)
        while places:
            place = heappop(places)
            more: dict[int, Cause] = {}
            self._item(profile, known, items[place], waiting[place], more)
            for other, cause in more.items():  # they come later in the order of evaluation
                if other not in waiting:
                    waiting[other] = cause
                    heappush(places, other)

    def fired(self, profile: int, known: Known, gone: Iterable[int]) -> None:
        """A person's timer has come: it is set anew, without the items that are ``gone``."""
        for id_ in gone:
            known.due.pop(id_, None)
        self._dues[profile] = known.due

    def _item(
        self, profile: int, known: Known, item: Item, cause: Cause, more: dict[int, Cause]
    ) -> None:
        id_, now, subject = item.id, self._now, known.subject
        due, inside = known.due.get(id_), id_ in known.standing
        if due is None:
            if not inside:
                streams = subject.streams
                for number, least in item.least:
                    if number not in streams or len(streams[number].t) < least:
                        return  # they are out, whatever else there is, and stay so
        elif due <= now:
            self._overdue(profile, known, item, due, more)
            due, inside = None, id_ in known.standing
        value, end = item.look(subject, now)
        if not item.is_audience:
            self._value(profile, known, item, now, value)
        elif (value is True) is not inside:
            self._move(profile, known, item, now, cause, more)
        if end != NEVER and (due is None or end < due):
            # One that is too early only makes us look again.
            known.due[id_] = end
            self._dues[profile] = known.due

    def _overdue(
        self, profile: int, known: Known, item: Item, due: int | None, more: dict[int, Cause]
    ) -> None:
        """What time alone has changed since then comes first, at its own time."""
        while due is not None:
            value, after = item.look(known.subject, due)
            if not item.is_audience:
                self._value(profile, known, item, due, value)
            elif (value is True) is not (item.id in known.standing):
                self._move(profile, known, item, due, BY_TIMER, more)
            due = after if after <= self._now else None
        known.due.pop(item.id, None)
        self._dues[profile] = known.due

    def _move(
        self,
        profile: int,
        known: Known,
        item: Item,
        at: int,
        cause: Cause,
        more: dict[int, Cause],
    ) -> None:
        """Let somebody enter who is outside, or leave who is inside."""
        entered = item.id not in known.standing
        if entered:
            known.standing[item.id] = at
        else:
            del known.standing[item.id]
        self._members[(item.id, profile)] = at if entered else None
        self._grown[item.id] = self._grown.get(item.id, 0) + (1 if entered else -1)
        if not item.shown:
            return
        subject = known.subject
        detail = item.reasons.text(subject, at, entered)
        kind, event, live = cause
        # Made past the names of its fields, which take twice as long: it can be one an event.
        self.changes.append(
            _new(Change, (item.id, profile, at, entered, kind, event, live, detail))
        )
        if entered:
            subject.audiences.add(item.key)
        else:
            subject.audiences.discard(item.key)
        for place in self._book.of_audience.get(item.key, ()):
            more.setdefault(place, Cause("audience", cause.event, cause.live))

    def _value(self, profile: int, known: Known, item: Item, at: int, value: Any) -> None:
        text = text_of(value)
        if known.standing.get(item.id) == text:
            return
        if text is None:
            del known.standing[item.id]
        else:
            known.standing[item.id] = text
        self._values.append((item.id, profile, text, at))
        if item.told and item.shown:
            self._told[item.id, profile] = at, text

    def write(self, tx: Connection) -> None:
        """Write all that was found."""
        members.remove_members(tx, [key for key, at in self._members.items() if at is None])
        stays = [(*key, at) for key, at in self._members.items() if at is not None]
        members.begin_stays(tx, stays)
        members.add_changes(tx, self.changes)
        last = {(row[0], row[1]): row for row in self._values}
        members.put_values(tx, list(last.values()))
        connections.add_values(tx, [(*key, *told) for key, told in self._told.items()])
        audiences.grow(tx, self._grown)
        timers.put_dues(tx, self._dues)
