"""What destinations are told of audiences and computed traits: a stream for each of these.

A stream's position is that of a change, shifted to leave room for the events that a change
is told by. Up to the change that its ``selection`` names the stream does the full sync:
who is in, or what a trait is worth, by the changes that made it so.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, literal, null, or_, select

from cdp.definitions.sending import Sending
from cdp.profiles.consent import Consent, latest
from cdp.profiles.suppression import hidden
from cdp.store import config_rows, meta
from cdp.store.audiences import evaluated as rows_of
from cdp.store.bulk import chunks, insert_many, select_by
from cdp.store.destinations import streams as delivery
from cdp.store.profiles import graph
from cdp.store.profiles.regulations import secret_of
from cdp.store.tables import (
    audiences,
    computed_values,
    member_changes,
    members,
    nodes,
    streams,
    suppressed,
    value_changes,
)

AUDIENCE, COMPUTED_TRAIT = "audience", "computed_trait"
#: The kind of numbers that the changes of each kind of definition have.
NUMBERS = {AUDIENCE: "member_change", COMPUTED_TRAIT: "value_change"}
#: A change has room for two to this power events.
SHIFT = 6
#: The cause of an exit that only says that two profiles are one now.
JOINED = "joined"
_SPACE = "space_id"


class Channel(NamedTuple):
    """That a destination is told of a definition."""

    destination: int
    kind: str
    key: str

    @property
    def stream(self) -> str:
        """The name of its stream."""
        return f"{self.kind}:{self.destination}:{self.key}"


class Told(NamedTuple):
    """A change: ``value`` is whether somebody is in, or the JSON of a trait's value or None."""

    seq: int
    profile: int
    at: int
    value: Any
    live: bool
    cause: str


class Who(NamedTuple):
    """Whom a change is about: their identifiers by type, oldest first; what they agreed to."""

    identifiers: dict[str, list[str]]
    consent: dict[str, bool] | None


class Progress(NamedTuple):
    """How a connection is doing; ``share`` is how much of the full sync is done, 0 to 1."""

    destination: str
    state: str
    share: float
    delivered: int
    failed: int
    behind: bool
    error: str | None


def of_stream(name: str) -> Channel | None:
    """The connection whose stream has this name; None if it is another kind of stream."""
    kind, _, rest = name.partition(":")
    if kind not in NUMBERS:
        return None
    number, _, key = rest.partition(":")
    return Channel(int(number), kind, key)


def end(tx: Connection, kind: str) -> int:
    """The position behind the newest change."""
    return meta.next_number(tx, NUMBERS[kind]) << SHIFT


def reconcile(
    tx: Connection, wanted: Mapping[tuple[str, str], Iterable[Sending]], now: int
) -> frozenset[str]:
    """Begin and end streams as the definitions say; returns the computed traits that are told.

    ``wanted`` has the destinations of each definition by kind and key.
    """
    there = {name for name in _names(tx) if of_stream(name) is not None}
    if not there and not any(wanted.values()):
        return frozenset()
    numbers = {item.key: item.id for item in config_rows.all_destinations(tx)}
    found = {
        connection.stream: connection
        for (kind, key), sendings in wanted.items()
        for sending in sendings
        if sending.destination in numbers
        for connection in (Channel(numbers[sending.destination], kind, key),)
    }
    for name in sorted(found.keys() - there):
        _begin(tx, found[name], now)
    gone = sorted(there - found.keys())
    for some in chunks(gone):
        tx.execute(delete(streams).where(streams.c.name.in_(some)))
    if gone or found.keys() - there:
        meta.bump(tx)
    return frozenset(item.key for item in found.values() if item.kind == COMPUTED_TRAIT)


def _names(tx: Connection) -> list[str]:
    wanted = or_(*(streams.c.name.like(f"{kind}:%") for kind in NUMBERS))
    return list(tx.execute(select(streams.c.name).where(wanted)).scalars())


def _begin(tx: Connection, connection: Channel, now: int) -> None:
    if meta.get(tx, _SPACE) is None:
        meta.put(tx, _SPACE, f"spa_{secrets.token_hex(11)}")
    first = 0
    if connection.kind == COMPUTED_TRAIT:
        first = meta.next_number(tx, NUMBERS[COMPUTED_TRAIT])
        live = rows_of.live_row(tx, COMPUTED_TRAIT, connection.key)
        if live is not None:
            present = select(computed_values.c.profile, computed_values.c.value)
            _note(tx, present.where(computed_values.c.trait == live.id), live.id, now,
                  connection.destination)  # fmt: skip
    until = meta.next_number(tx, NUMBERS[connection.kind])
    delivery.add_stream(
        tx,
        now,
        name=connection.stream,
        destination_id=connection.destination,
        seq=first << SHIFT,
        selection=json.dumps(until),
    )


# -- changes of computed traits ------------------------------------------------------


def is_told(tx: Connection, kind: str, key: str) -> bool:
    """Whether any destination is told of a definition."""
    found = (of_stream(name) for name in _names(tx))
    return any((item.kind, item.key) == (kind, key) for item in found if item is not None)


def add_values(tx: Connection, rows: list[tuple[int, int, int, str | None]]) -> None:
    """Note (trait, profile, at, JSON or None) for whoever is told of them."""
    if not rows:
        return
    first = meta.take_numbers(tx, NUMBERS[COMPUTED_TRAIT], len(rows))
    columns = ("seq", "trait", "profile", "at", "value", "destination")
    numbered = [(first + index, *row, None) for index, row in enumerate(rows)]
    insert_many(tx, value_changes, columns, numbered)


def replace_values(tx: Connection, old: int | None, new: int, now: int) -> None:
    """Note whose value is another in the row ``new`` than in the row ``old``."""
    was, is_ = computed_values.alias("was"), computed_values.alias("is")
    changed = select(is_.c.profile, is_.c.value).where(is_.c.trait == new)
    same = and_(was.c.trait == old, was.c.profile == is_.c.profile, was.c.value == is_.c.value)
    _note(tx, changed.where(~select(was.c.profile).where(same).exists()), new, now, None)
    if old is not None:
        still = and_(is_.c.trait == new, is_.c.profile == was.c.profile)
        gone = select(was.c.profile, null().label("value")).where(was.c.trait == old)
        _note(tx, gone.where(~select(is_.c.profile).where(still).exists()), new, now, None)


def _note(tx: Connection, values: Any, trait: int, now: int, destination: int | None) -> None:
    listed = values.subquery()
    n = int(tx.execute(select(func.count()).select_from(listed)).scalar() or 0)
    if not n:
        return
    first = meta.take_numbers(tx, NUMBERS[COMPUTED_TRAIT], n)
    place = func.row_number().over(order_by=listed.c.profile)
    chosen = select(
        place + (first - 1), literal(trait), listed.c.profile, literal(now), listed.c.value,
        literal(destination, value_changes.c.destination.type),
    )  # fmt: skip
    names = ["seq", "trait", "profile", "at", "value", "destination"]
    tx.execute(insert(value_changes).from_select(names, chosen))


def trim_values(tx: Connection) -> None:
    """Forget what everybody was told."""
    mine = streams.c.name.like(f"{COMPUTED_TRAIT}:%")
    least = tx.execute(select(func.min(streams.c.seq)).where(mine)).scalar()
    statement = delete(value_changes)
    if least is not None:
        statement = statement.where(value_changes.c.seq < int(least) >> SHIFT)
    tx.execute(statement)


# -- reading -------------------------------------------------------------------------


def changed(tx: Connection, kind: str, since: int) -> set[str]:
    """The keys of the definitions that something changed of from a number on."""
    table = member_changes if kind == AUDIENCE else value_changes
    column = table.c.audience if kind == AUDIENCE else table.c.trait
    # Without DISTINCT, for which SQLite would read an index of all that ever changed.
    numbers = select(column).where(table.c.seq >= since)
    statement = select(audiences.c.key).where(audiences.c.id.in_(numbers))
    return set(tx.execute(statement).scalars())


def changes(
    tx: Connection, connection: Channel, seq: int, last: int, until: int, limit: int
) -> tuple[list[Told], int]:
    """What is to be told from change ``seq`` on and before ``last``, and up to where that is.

    Before ``until`` only what still is so is to be told.
    """
    ids = rows_of.ids_of(tx, connection.kind, connection.key)
    if connection.kind == AUDIENCE:
        c = member_changes.c
        statement = select(c.seq, c.profile, c.at, c.entered, c.live, c.cause).where(
            c.audience.in_(ids)
        )
    else:
        c = value_changes.c
        mine = or_(c.destination.is_(None), c.destination == connection.destination)
        statement = select(c.seq, c.profile, c.at, c.value, literal(True), literal("")).where(
            c.trait.in_(ids), mine
        )
    wanted = statement.where(c.seq >= seq, c.seq < last).order_by(c.seq).limit(limit)
    found = [Told(*row) for row in tx.execute(wanted)]
    reached = found[-1].seq + 1 if len(found) == limit else last
    if connection.kind == COMPUTED_TRAIT:
        newest = {item.profile: item.seq for item in found}
        return [item for item in found if newest[item.profile] == item.seq], reached
    return _standing(tx, connection.key, ids, found, until), reached


def _standing(
    tx: Connection, key: str, ids: list[int], found: list[Told], until: int
) -> list[Told]:
    """Of the full sync those who are in now, by the change with which they came.

    Who was joined with somebody, who left by that, is told as they stand now: by identifiers
    that they may not have been told by before.
    """
    joined = {item.seq for item in found if item.cause == JOINED}
    asked = sorted({item.profile for item in found if item.seq < until or item.seq in joined})
    if not asked:
        return found
    live = rows_of.live_row(tx, AUDIENCE, key)
    newest: dict[int, int] = {}
    inside: set[int] = set()
    for some in chunks(asked):
        c = member_changes.c
        last = select(c.profile, func.max(c.seq)).where(
            c.audience.in_(ids), c.profile.in_(some), c.cause != JOINED
        )
        newest.update((row[0], row[1]) for row in tx.execute(last.group_by(c.profile)))
        if live is not None:
            within = select(members.c.profile).where(
                members.c.audience == live.id, members.c.profile.in_(some)
            )
            inside.update(tx.execute(within).scalars())
    told: list[Told] = []
    for item in found:
        if item.seq >= until:
            value = item.profile in inside if item.seq in joined else item.value
            told.append(item._replace(value=value))
        elif item.value and item.profile in inside and newest[item.profile] == item.seq:
            told.append(item)
    return told


def whom(tx: Connection, told: Iterable[Told], with_consent: bool) -> dict[int, Who]:
    """Those whom changes are about; who is gone, suppressed or being deleted is left out."""
    at = {item.profile: item.at for item in told}
    rows = graph.identifiers_of_profiles(tx, sorted(at))
    refused = _suppressed(tx, [(row.type, row.value) for row in rows])
    found: dict[int, Who] = {}
    out: set[int] = set()
    for row in sorted(rows, key=lambda row: (row.first_t, row.first_source, row.id)):
        profile = row.profile or 0
        if (row.type, row.value) in refused:
            before = refused[row.type, row.value]
            if before is None or at[profile] < before:
                out.add(profile)
        who = found.setdefault(profile, Who({}, None))
        who.identifiers.setdefault(row.type, []).append(row.value)
    if with_consent:
        for profile, consent in _consents(tx, sorted(found)).items():
            found[profile] = found[profile]._replace(consent=consent.preferences)
    return {profile: who for profile, who in found.items() if profile not in out}


def _suppressed(
    tx: Connection, identifiers: list[tuple[str, str]]
) -> dict[tuple[str, str], int | None]:
    if tx.execute(select(suppressed.c.hash).limit(1)).first() is None:
        return {}
    secret = secret_of(tx)
    hashes = {hidden(secret, item): item for item in identifiers}
    found = {}
    for some in chunks(sorted(hashes)):
        c = suppressed.c
        for hash_, before in tx.execute(select(c.hash, c.before).where(c.hash.in_(some))):
            found[hashes[hash_]] = before
    return found


def _consents(tx: Connection, ids: list[int]) -> dict[int, Consent]:
    said: dict[int, list[Consent]] = {}
    for profile, text in select_by(tx, (nodes.c.profile, nodes.c.consent), nodes.c.profile, ids):
        if text is not None:
            said.setdefault(profile, []).append(Consent.decode(text))
    return {profile: one for profile, some in said.items() if (one := latest(some)) is not None}


def space_id(tx: Connection) -> str:
    """By what receivers know this space."""
    found = meta.get(tx, _SPACE)
    if found is None:
        raise LookupError("a space has an id from its first connection on")
    return found


def progress(tx: Connection, kind: str, key: str) -> list[Progress]:
    """How the connections of a definition are doing, by destination."""
    if kind not in NUMBERS:
        return []
    names = {item.id: item.key for item in config_rows.all_destinations(tx)}
    last = end(tx, kind)
    found: list[Progress] = []
    rows = tx.execute(
        select(streams).where(streams.c.name.like(f"{kind}:%:{key}")).order_by(streams.c.name)
    )
    for row in rows:
        connection = of_stream(row.name)
        if connection is None or connection.key != key or connection.destination not in names:
            continue  # in a pattern _ stands for any letter
        until = json.loads(row.selection or "0") << SHIFT
        share = min(1.0, row.seq / until) if until else 1.0
        found.append(
            Progress(
                names[connection.destination], row.state, share, row.delivered, row.failed,
                row.seq < last, row.error,
            )
        )  # fmt: skip
    return found
