"""How much, and when: caps on messages to one person, quiet hours in their time zone, and
journeys in which they get nothing else.

Caps roll to the second and count what was handed over, or may have been (customer.io:
message limit). A message that is over one, or comes in quiet hours, is dropped or waits,
as the rule says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from cdp.conditions.durations import duration_in_words

DROP, DEFER = "drop", "defer"
#: When a message is looked at again whose person is in a journey.
LOOK_AGAIN_MS = 3_600_000
#: Days of the week as they are written, Monday first.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Limit(NamedTuple):
    """At most ``most`` messages in ``per_ms``, of a ``channel`` or ``topic`` (None: of any)."""

    key: str
    most: int
    per_ms: int
    channel: str | None = None
    topic: str | None = None
    then: str = DROP

    def counts(self, channel: str, topic: str | None) -> bool:
        """Whether messages of a channel and topic are among those that it limits."""
        return self.channel in (None, channel) and self.topic in (None, topic)


class Quiet(NamedTuple):
    """No messages of ``channels`` from ``start`` to ``end``, minutes after midnight.

    It ends on the following day where ``end`` is not after ``start``. ``days`` are those on
    which it begins, 0 is Monday. ``zone`` is for people whose own is not known.
    """

    key: str
    channels: frozenset[str]
    start: int
    end: int
    days: frozenset[int] = frozenset(range(7))
    zone: str = "UTC"
    then: str = DEFER


class QuietWhile(NamedTuple):
    """No messages but their own to people who are in one of ``journeys``.

    Of a ``channel`` or ``topic`` (None: of any). One that is deferred waits ``wait_ms`` at most.
    """

    key: str
    journeys: frozenset[str]
    channel: str | None = None
    topic: str | None = None
    then: str = DEFER
    wait_ms: int = 0

    def counts(self, channel: str, topic: str | None) -> bool:
        """Whether messages of a channel and topic are among those that keep still."""
        return self.channel in (None, channel) and self.topic in (None, topic)


class Earlier(NamedTuple):
    """A message that a person got, or may have: when (ms since 1970), and of what kind."""

    at: int
    channel: str
    topic: str | None


class Pressed(NamedTuple):
    """Why a message does not go now; ``until`` in ms: when it may, None: not at all."""

    reason: str
    until: int | None = None


#: How the reasons of a rule begin, by the kind of its definition.
REASONS = {"message_limit": "limit", "quiet_hours": "quiet_hours", "quiet_while": "in_journey"}


def pressed(
    limits: Sequence[Limit],
    quiet: Sequence[Quiet],
    channel: str,
    topic: str | None,
    earlier: Sequence[Earlier],
    zone: str | None,
    now: int,
    more: Iterable[Pressed] = (),
) -> Pressed | None:
    """What keeps a message from a person at ``now``; of several the one that lasts longest.

    A rule that drops goes before all that defer. ``more`` is what else keeps it.
    """
    found = list(more)
    for limit in limits:
        if limit.counts(channel, topic):
            over = _over(limit, earlier, now)
            if over is not None:
                text = f"limit: {limit.key} ({limit.most} in {duration_in_words(limit.per_ms)})"
                found.append(Pressed(text, over if limit.then == DEFER else None))
    for hours in quiet:
        if channel in hours.channels:
            end = quiet_until(hours, zone, now)
            if end is not None:
                text = f"quiet_hours: {hours.key}"
                found.append(Pressed(text, end if hours.then == DEFER else None))
    if not found:
        return None
    return next((item for item in found if item.until is None), None) or max(
        found, key=lambda item: item.until or 0
    )


def engaged(
    rules: Sequence[QuietWhile],
    channel: str,
    topic: str | None,
    own: str | None,
    inside: Set[str],
    asked_at: int,
    now: int,
) -> list[Pressed]:
    """What keeps a message from a person who is ``inside`` journeys.

    ``own`` is the journey that it comes from, ``asked_at`` when it was asked for (ms).
    """
    found = []
    for rule in rules:
        there = sorted(rule.journeys & inside)
        if not there or own in rule.journeys or not rule.counts(channel, topic):
            continue
        last = asked_at + rule.wait_ms
        waits = rule.then == DEFER and now < last
        until = min(now + LOOK_AGAIN_MS, last) if waits else None
        found.append(Pressed(f"in_journey: {rule.key} ({there[0]})", until))
    return found


def window_ms(limits: Iterable[Limit]) -> int:
    """How far back messages count for any of ``limits``."""
    return max((limit.per_ms for limit in limits), default=0)


def _over(limit: Limit, earlier: Sequence[Earlier], now: int) -> int | None:
    """When there is room again; None if there is now."""
    times = sorted(
        item.at
        for item in earlier
        if item.at > now - limit.per_ms and limit.counts(item.channel, item.topic)
    )
    if len(times) < limit.most:
        return None
    # All but the last ``most - 1`` of them must be out of the window.
    return times[len(times) - limit.most] + limit.per_ms


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=600)
def zone_of(name: str | None, fallback: str) -> ZoneInfo:
    """The zone called ``name``, or else the ``fallback``."""
    return ZoneInfo(name if name in _zones() else fallback)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name (IANA)."""
    return name in _zones()


def quiet_until(hours: Quiet, zone: str | None, now: int) -> int | None:
    """When quiet hours that hold at ``now`` (ms) end; None if they don't hold.

    By the clock on the person's wall: where it skips an hour the end is the first instant
    at or after it, where it goes through one twice the first time counts.
    """
    place = zone_of(zone, hours.zone)
    local = datetime.fromtimestamp(now / 1000, place)
    for back in (1, 0):  # hours that began yesterday may still hold
        day = local.date() - timedelta(days=back)
        if day.weekday() not in hours.days:
            continue
        last = day if hours.end > hours.start else day + timedelta(days=1)
        begins, ends = wall_instant(day, hours.start, place), wall_instant(last, hours.end, place)
        if begins <= now < ends:
            return ends
    return None


def wall_instant(day: date, minutes: int, place: ZoneInfo) -> int:
    """When the clock of a place shows so many minutes after midnight on a day (ms)."""
    wall = datetime.combine(day, time(minutes // 60 % 24, minutes % 60), place)
    if minutes >= 1440:
        wall += timedelta(days=1)
    at = wall.astimezone(UTC)
    if at.astimezone(place).replace(tzinfo=None) != wall.replace(tzinfo=None):
        # The clock skips it: what it shows then is after the gap.
        at = wall.replace(fold=0).astimezone(UTC)
    return int(at.timestamp() * 1000)


def minutes_of(text: str) -> int | None:
    """Minutes after midnight of ``HH:MM``; ``24:00`` is the end of the day."""
    hours, colon, minutes = text.partition(":")
    if not colon or len(hours) != 2 or len(minutes) != 2 or not (hours + minutes).isdigit():
        return None
    found = int(hours) * 60 + int(minutes)
    return found if found <= 1440 and int(minutes) < 60 else None


def read_limit(key: str, body: Mapping[str, Any], per_ms: int) -> Limit:
    """A `Limit` from its definition."""
    return Limit(
        key, body["most"], per_ms, body.get("channel"), body.get("topic"), body.get("then", DROP)
    )


def read_quiet(key: str, body: Mapping[str, Any]) -> Quiet:
    """`Quiet` hours from their definition."""
    days = body.get("days") or DAYS
    return Quiet(
        key,
        frozenset(body["channels"]),
        minutes_of(body["start"]) or 0,
        minutes_of(body["end"]) or 0,
        frozenset(DAYS.index(day) for day in days),
        body.get("zone", "UTC"),
        body.get("then", DEFER),
    )


def read_while(key: str, body: Mapping[str, Any], wait_ms: int) -> QuietWhile:
    """`QuietWhile` from its definition."""
    return QuietWhile(
        key, frozenset(body["journeys"]), body.get("channel"), body.get("topic"),
        body.get("then", DEFER), wait_ms,
    )  # fmt: skip
