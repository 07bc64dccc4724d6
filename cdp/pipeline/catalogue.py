"""Note what has been seen: counts with each micro-batch, what is inside now and then.

Exact: how many messages of each name, from each source, on each day, first and last
time; they commit with the messages. A sample: what the messages carry. Of each name
and source the first `FIRST` of a minute are looked into, and beyond these one
in `OFTEN` until `ENOUGH` were, then one in `SELDOM`, chosen by a hash of the
messageId. What was found is written within `PAUSE_MS`, by a transaction of its own;
a crash loses at most that, and never a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from sqlalchemy import Connection

from cdp.events import Message
from cdp.identity.objects import traits_said
from cdp.pipeline.beforehand import FIRST, OFTEN, Tally
from cdp.protocols import PARTS, Classes, Seen, general_name, root_of
from cdp.store.catalogue import writing as catalogue
from cdp.store.catalogue.writing import OTHER, Pair

SELDOM, ENOUGH = 64, 300
PAUSE_MS = 1_000
#: Names that are listed one by one; the messages of all others are counted together.
MAX_NAMES = 5_000
#: What is found waits for so many names at most; beyond, nothing more is looked into.
MAX_WAITING = 500
#: Written in one transaction: names, so that a micro-batch never waits for long.
_MAX_WRITTEN = 50
#: Kept in memory: names as they were sent, from each source.
_MAX_SUBJECTS = 20_000
_DAY_MS = 86_400_000
_MINUTE_MS = 60_000


class _Subject:
    """One name from one source, and how often to look into its messages."""

    __slots__ = ("left", "looked", "mask", "minute", "pair", "root", "type")

    def __init__(self, type_: str, name: str, pair: Pair, looked: int) -> None:
        self.type, self.pair = type_, pair
        self.root = root_of(type_, name)
        self.left, self.minute = 0, -1
        self.looked = looked
        self.mask = (OFTEN if looked < ENOUGH else SELDOM) - 1

    def renew(self, minute: int) -> None:
        """Look into the next few, once a minute; there is nothing to find of `OTHER`."""
        if minute != self.minute and self.pair[0] != OTHER:
            self.minute, self.left = minute, FIRST

    def has_looked(self) -> None:
        """One more was looked into."""
        self.looked += 1
        if self.left:
            self.left -= 1
        if self.looked == ENOUGH:
            self.mask = SELDOM - 1


class Catalogue:
    """What the owner of the pipeline remembers of the catalogue between micro-batches.

    A rolled-back transaction makes it stale, so make a new one.
    """

    def __init__(self, tx: Connection) -> None:
        self._names = catalogue.all_names(tx)
        self._looked = catalogue.looked(tx)
        self._cleared = catalogue.cleared(tx)
        self._subjects: dict[tuple[str, str, int], _Subject] = {}
        self._waiting: dict[Pair, Seen] = {}
        self._since = 0
        self._today = -1
        #: What people decided of fields; whoever makes or keeps this sets it.
        self.classes = Classes()

    def take(
        self, tx: Connection, tallies: Sequence[Tally], messages: Sequence[Message], now: int
    ) -> None:
        """Count ``messages``, none of which was taken before, and look into some."""
        minute, horizon = now // _MINUTE_MS, now // _DAY_MS - catalogue.DAYS
        counted: list[tuple[Pair, Tally]] = []
        for tally in tallies:
            subject = self._subjects.get((tally.type, tally.name, tally.source))
            if subject is None:
                subject = self._subject(tx, tally.type, tally.name, tally.source)
            subject.renew(minute)
            counted.append((subject.pair, tally))
            after = -1
            for place in tally.begin:
                if not subject.left:
                    break
                self._look(tx, subject, messages[place], minute)
                after = place
            for place, mark in tally.some:
                if place > after and not mark & subject.mask:
                    self._look(tx, subject, messages[place], minute)
        self._count(tx, counted, horizon)
        if len(self._subjects) > _MAX_SUBJECTS:
            self._subjects.clear()

    @staticmethod
    def _count(tx: Connection, counted: Sequence[tuple[Pair, Tally]], horizon: int) -> None:
        seen: dict[Pair, dict[str, int]] = {}
        days: dict[tuple[int, int, int], int] = {}
        for pair, tally in counted:
            row = seen.get(pair)
            if row is None:
                seen[pair] = {
                    "name_id": pair[0],
                    "source_id": pair[1],
                    "n": tally.n,
                    "first_t": tally.first,
                    "last_t": tally.last,
                    "looked": 0,
                    "beyond": 0,
                }
            else:
                row["n"] += tally.n
                row["first_t"] = min(row["first_t"], tally.first)
                row["last_t"] = max(row["last_t"], tally.last)
            for day, n in tally.days.items():
                key = (day if day >= horizon else 0, *pair)
                days[key] = days.get(key, 0) + n
        catalogue.add_seen(tx, seen.values())
        catalogue.add_days(tx, days)

    def _subject(self, tx: Connection, type_: str, name: str, source: int) -> _Subject:
        number = self._number(tx, type_, name if type_ == "group" else general_name(name))
        pair = (number, source)
        subject = _Subject(type_, name, pair, self._looked.get(pair, 0))
        self._subjects[(type_, name, source)] = subject
        return subject

    def _number(self, tx: Connection, type_: str, name: str) -> int:
        number = self._names.get((type_, name))
        if number is None:
            if len(self._names) >= MAX_NAMES:
                return OTHER
            number = self._names[(type_, name)] = catalogue.add_name(tx, type_, name)
        return number

    def _look(self, tx: Connection, subject: _Subject, message: Message, minute: int) -> None:
        if subject.pair[0] == OTHER:
            return
        waiting = self._waiting
        if len(waiting) >= MAX_WAITING and subject.pair not in waiting:
            return
        body = message.body
        own = [body[key] for key in _OWN if key in body]
        self._look_at(subject, message, own)
        about = self._subjects.get(("context", "", message.source))
        if about is None:
            about = self._subject(tx, "context", "", message.source)
        about.renew(minute)
        if about.left or not crc32(message.message_id.encode()) & about.mask:
            self._look_at(about, message, own)

    def _look_at(self, subject: _Subject, message: Message, own: list[str]) -> None:
        key, _ = PARTS[subject.type]
        seen = self._waiting.get(subject.pair)
        if seen is None:
            seen = self._waiting[subject.pair] = Seen()
        part = message.body.get(key)
        if subject.type == "group":
            part = traits_said("group", message.body)
        part = part if isinstance(part, dict) else {}
        seen.look(part, subject.root, message.t, own, self.classes.kind)
        subject.has_looked()

    def waits(self, now: int, at_once: bool = False) -> bool:
        """Whether something is to be written: ``at_once``, or since enough time has passed."""
        return bool(self._waiting) and (at_once or not 0 <= now - self._since < PAUSE_MS)

    def write(self, tx: Connection, now: int) -> bool:
        """Write some of what was found; says whether there is more.

        Once a day the days that are long past are put together.
        """
        self._since = now
        if (cleared := catalogue.cleared(tx)) != self._cleared:
            # Somebody's data was taken out meanwhile; it may be in what waits.
            self._cleared = cleared
            self._waiting.clear()
        some = dict(list(self._waiting.items())[:_MAX_WRITTEN])
        catalogue.join_seen(tx, some)
        for pair in some:
            del self._waiting[pair]
        if (today := now // _DAY_MS) != self._today:
            self._today = today
            catalogue.fold_days(tx, today - catalogue.DAYS)
        return bool(self._waiting)


_OWN = ("userId", "anonymousId", "groupId", "previousId")
