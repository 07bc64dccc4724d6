"""Note what has been seen: counts with each micro-batch, what is inside now and then.

Exact: how many messages of each name, from each source, on each day, first and last
time; they commit with the messages. A sample: what the messages carry. Of each name
and source the first `EACH_MINUTE` of a minute are looked into, and beyond these one
in `OFTEN` until `ENOUGH` were, then one in `SELDOM`, chosen by a hash of the
messageId. What was found is written within `PAUSE_MS`, by a transaction of its own;
a crash loses at most that, and never a count.
"""

from __future__ import annotations

from zlib import crc32

from sqlalchemy import Connection

from cdp.events import Message
from cdp.identity.objects import ACCOUNT_TYPE, NoObject, traits_said, type_key
from cdp.protocols import PARTS, Classes, Seen, general_name, root_of
from cdp.store.catalogue import writing as catalogue
from cdp.store.catalogue.writing import OTHER, Pair

EACH_MINUTE, OFTEN, SELDOM, ENOUGH = 10, 8, 64, 300
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
    """One name from one source: what this micro-batch counts, and how often to look."""

    __slots__ = (
        "days", "first", "last", "left", "looked", "mask", "minute", "n", "pair", "root", "type"
    )  # fmt: skip

    def __init__(self, type_: str, name: str, pair: Pair, looked: int) -> None:
        self.type, self.pair = type_, pair
        self.root = root_of(type_, name)
        self.n = self.first = self.last = 0
        self.days: dict[int, int] = {}
        self.left, self.minute = 0, -1
        self.looked = looked
        self.mask = (OFTEN if looked < ENOUGH else SELDOM) - 1

    def renew(self, minute: int) -> None:
        """Look into the next few, once a minute; there is nothing to find of `OTHER`."""
        if minute != self.minute and self.pair[0] != OTHER:
            self.minute, self.left = minute, EACH_MINUTE

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

    def take(self, tx: Connection, messages: list[Message], now: int) -> None:
        """Count ``messages``, none of which was taken before, and look into some."""
        minute, horizon = now // _MINUTE_MS, now // _DAY_MS - catalogue.DAYS
        subjects, touched = self._subjects, []
        for message in messages:
            name = message.name if message.type != "group" else _object_type(message)
            subject = subjects.get((message.type, name, message.source))
            if subject is None:
                subject = self._subject(tx, message.type, name, message.source)
            t = message.t
            if not subject.n:
                touched.append(subject)
                subject.first = subject.last = t
                subject.renew(minute)
            elif t < subject.first:
                subject.first = t
            elif t > subject.last:
                subject.last = t
            subject.n += 1
            day = t // _DAY_MS
            subject.days[day] = subject.days.get(day, 0) + 1
            if subject.left or not crc32(message.message_id.encode()) & subject.mask:
                self._look(tx, subject, message, minute)
        self._count(tx, touched, horizon)
        if len(subjects) > _MAX_SUBJECTS:
            subjects.clear()

    @staticmethod
    def _count(tx: Connection, touched: list[_Subject], horizon: int) -> None:
        seen: dict[Pair, dict[str, int]] = {}
        days: dict[tuple[int, int, int], int] = {}
        for subject in touched:
            name, source = subject.pair
            row = seen.get(subject.pair)
            if row is None:
                seen[subject.pair] = {
                    "name_id": name,
                    "source_id": source,
                    "n": subject.n,
                    "first_t": subject.first,
                    "last_t": subject.last,
                    "looked": 0,
                    "beyond": 0,
                }
            else:
                row["n"] += subject.n
                row["first_t"] = min(row["first_t"], subject.first)
                row["last_t"] = max(row["last_t"], subject.last)
            for day, n in subject.days.items():
                key = (day if day >= horizon else 0, name, source)
                days[key] = days.get(key, 0) + n
            subject.n, subject.days = 0, {}
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


def _object_type(message: Message) -> str:
    """The name under which a group call is listed: its object type, none for accounts."""
    try:
        key = type_key("group", message.body)
    except NoObject:
        return ""
    return "" if key == ACCOUNT_TYPE else key


_OWN = ("userId", "anonymousId", "groupId", "previousId")
