"""People's past in bulk: what they did, were in and got, for those whom a journey concerns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from cdp.conditions.live import TRAITS
from cdp.events import decode_json
from cdp.identity import public_id
from cdp.journeys.program import Program
from cdp.journeys.setting import Setting
from cdp.store.bulk import chunks, select_by
from cdp.store.events import history, person_events
from cdp.store.journeys import launched as journeys
from cdp.store.profiles import graph
from cdp.store.tables import (
    USERS,
    audiences,
    deliveries,
    journey_runs,
    member_changes,
    nodes,
    partition_tables,
    partitions,
    profiles,
)

#: What a page and a screen are called by conditions.
_PAGES = {"Page Viewed": "page", "Screen Viewed": "screen"}
#: Parts of a message that journeys read only where a condition says so.
_HEAVY = ("context", "integrations", "_metadata")


class Lived(NamedTuple):
    """Somebody's past: (instant, position, message) in order; ``inside`` are the audiences
    that they were in at the start, ``moves`` (instant, audience, entered), ``messages`` what
    they really got otherwise: (instant, where from).
    """

    person: str
    events: list[tuple[int, int, dict[str, Any]]]
    inside: set[str]
    moves: list[tuple[int, str, bool]]
    messages: list[tuple[int, str]]


class Reads:
    """What journeys read of the past: events by name, audiences by key."""

    def __init__(self, settings: Sequence[Setting], programs: Sequence[Program]) -> None:
        self.events: set[str] = set()
        self.audiences: set[str] = set()
        self.whole = False
        for setting in settings:
            self.events.update(name for name in setting.book.by_event if name != TRAITS)
            for live in setting.book.asked.values():
                self.audiences |= live.needs.audiences
            paths = [path for _, path in setting.book.streams.wanted()]
            self.whole = self.whole or any(path[:1] == ("context",) for path in paths)
        for program in programs:
            trigger = program.trigger
            if trigger.event is not None:
                self.events.add(trigger.event)
            if program.goal is not None:
                self.events.add(program.goal.event)
            for step in program.steps.values():
                self.events |= _waited_for(step.spec) if step.kind.name == "wait_until" else set()
            if trigger.kind in ("enters", "leaves"):
                self.audiences.add(trigger.name)
            elif trigger.kind == "every":
                self.audiences.add(trigger.spec["audience"])
            self.whole = self.whole or "context." in repr(program.body)


def _waited_for(spec: Any) -> set[str]:
    return {path["event"] for path in (spec, *(spec.get("any") or ())) if path.get("event")}


def numbers_of(tx: Connection, events: Iterable[str]) -> list[int]:
    """The numbers of names in the history, of names as conditions say them."""
    names = sorted(events)
    found = list(history.numbers_of_names(tx, [("track", name) for name in names]).values())
    for name in names:
        if name in _PAGES:
            found += history.names_of_type(tx, _PAGES[name])
    return found


# Whom it concerns.


def candidates(tx: Connection, programs: Sequence[Program], start: int, end: int) -> list[int]:
    """The people who might have entered any of some versions, by number."""
    found: set[int] = set()
    for program in programs:
        trigger = program.trigger
        if trigger.event is not None:
            found |= _who_did(tx, numbers_of(tx, [trigger.event]), start, end)
        elif trigger.kind == "group":
            found |= _who_did(tx, history.names_of_type(tx, "group"), start, end)
        elif trigger.kind == "trait":
            found |= _who_did(tx, history.names_of_type(tx, "identify"), start, end)
        elif trigger.kind in ("enters", "leaves"):
            found |= _who_moved(tx, trigger.name, start, end)
        elif trigger.kind == "every":
            found |= _who_moved(tx, trigger.spec["audience"], None, end)
        elif trigger.kind == "date":
            found |= set(tx.execute(select(profiles.c.id).where(profiles.c.collection == USERS))
                         .scalars())  # fmt: skip
    return sorted(found)


def _who_did(tx: Connection, names: list[int], start: int, end: int) -> set[int]:
    own: set[int] = set()
    for info in tx.execute(select(partitions.c.id, partitions.c.min_t, partitions.c.max_t)):
        if info.min_t is not None and (info.min_t > end or info.max_t < start):
            continue
        table = partition_tables(info.id).history
        for some in chunks(names):
            statement = select(table.c.node).where(
                table.c.name.in_(some), table.c.t >= start, table.c.t <= end
            )
            own.update(tx.execute(statement.distinct()).scalars())
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(own))
    return {profile for _, profile in rows if profile}


def _who_moved(tx: Connection, audience: str, start: int | None, end: int) -> set[int]:
    changes = member_changes.c
    own = select(audiences.c.id).where(audiences.c.key == audience, audiences.c.kind == "audience")
    statement = select(changes.profile).where(changes.audience.in_(own), changes.at <= end)
    if start is not None:
        statement = statement.where(changes.at >= start)
    return set(tx.execute(statement.distinct()).scalars())


# Their past.


def lives(
    tx: Connection, people: list[int], reads: Reads, start: int, end: int, journey: str
) -> Iterator[Lived]:
    """The past of some people up to an instant. ``journey``: its own messages are left out."""
    heads = {row.id: row for row in graph.profiles_by_id(tx, people) if row.collection == USERS}
    whose = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.profile, sorted(heads))
    owner: dict[int, int] = {node: profile for node, profile in whose}
    events = _events(tx, owner, reads, end, _own_runs(tx, list(heads), journey))
    inside, moves = _audiences(tx, list(heads), reads.audiences, start, end)
    messages = _messages(tx, owner, journey, start, end)
    for profile, head in heads.items():
        yield Lived(
            public_id(head.collection, head.anchor),
            sorted(events.get(profile, ()), key=_in_order),
            inside.get(profile, set()),
            moves.get(profile, []),
            messages.get(profile, []),
        )


_in_order = itemgetter(0, 1)


def _run_of(body: dict[str, Any]) -> str:
    return str(body["messageId"]).split(":")[1]


def _own_runs(tx: Connection, people: list[int], journey: str) -> set[str]:
    """The runs that people really had in a journey: what these did is not their doing."""
    row = journeys.row(tx, journey)
    c = journey_runs.c
    found = select_by(tx, (c.id, c.journey), c.profile, people) if row is not None else []
    return {str(id_) for id_, number in found if row is not None and number == row.id}


def _events(
    tx: Connection, owner: dict[int, int], reads: Reads, end: int, own: set[str]
) -> dict[int, list[tuple[int, int, dict[str, Any]]]]:
    names = numbers_of(tx, reads.events)
    names += history.names_of_type(tx, "identify") + history.names_of_type(tx, "group")
    rows = [
        (owner[node], t, seq)
        for info in history.list_partitions(tx)
        for node, _, t, seq in person_events.rows_in(tx, info.id, sorted(owner), names)
        if t <= end
    ]
    bodies = history.raw_of(tx, [seq for _, _, seq in rows])
    found: dict[int, list[tuple[int, int, dict[str, Any]]]] = {}
    for profile, t, seq in rows:
        raw = bodies.get(seq)
        if raw is None:
            continue
        body: dict[str, Any] = decode_json(raw)
        if str(body.get("messageId")).startswith("journey:") and _run_of(body) in own:
            continue
        if not reads.whole:
            for part in _HEAVY:
                body.pop(part, None)
        found.setdefault(profile, []).append((t, seq, body))
    return found


def _audiences(
    tx: Connection, people: list[int], keys: set[str], start: int, end: int
) -> tuple[dict[int, set[str]], dict[int, list[tuple[int, str, bool]]]]:
    """What people were in at the start, and how they came and went.

    Where profiles became one, they are in as often as they entered more than they left.
    """
    inside: dict[int, set[str]] = {}
    moves: dict[int, list[tuple[int, str, bool]]] = {}
    if not keys:
        return inside, moves
    named = select(audiences.c.id, audiences.c.key).where(
        audiences.c.kind == "audience", audiences.c.key.in_(sorted(keys))
    )
    key_of: dict[int, str] = {id_: key for id_, key in tx.execute(named)}
    c = member_changes.c
    columns = (c.seq, c.profile, c.audience, c.at, c.entered)
    rows: list[tuple[int, int, int, int, bool]] = select_by(tx, columns, c.profile, people)  # type: ignore[assignment]
    times: Counter[tuple[int, str]] = Counter()
    for _, profile, audience, at, entered in sorted(rows):
        key = key_of.get(audience)
        if key is None or at > end:
            continue
        before = times[profile, key]
        times[profile, key] = max(before + (1 if entered else -1), 0)
        if (before > 0) is (times[profile, key] > 0):
            continue
        if at >= start:
            moves.setdefault(profile, []).append((at, key, bool(entered)))
        elif entered:
            inside.setdefault(profile, set()).add(key)
        else:
            inside.setdefault(profile, set()).discard(key)
    return inside, moves


def _messages(
    tx: Connection, owner: dict[int, int], journey: str, start: int, end: int
) -> dict[int, list[tuple[int, str]]]:
    c = deliveries.c
    columns = (c.node, c.sent_at, c.origin, c.origin_key)
    found: dict[int, list[tuple[int, str]]] = {}
    for node, at, origin, key in select_by(tx, columns, c.node, sorted(owner)):
        own = (origin, key) == ("journey", journey)
        if at is not None and start <= at <= end and not own:
            found.setdefault(owner[node], []).append((at, f"{origin} {key}".strip()))
    return found
