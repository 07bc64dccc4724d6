"""The content of the store as JSON lines, in canonical order and form.

Nothing in them depends on the order in which messages came, on numbers that this
store gave out, or on when it was folded; keys are sorted, numbers are as they were
sent. So equal states give equal bytes, on SQLite and on Postgres.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.events import decode_json, format_time
from cdp.identity import public_id
from cdp.store import config_rows
from cdp.store.events import history
from cdp.store.profiles import exports, graph, object_types
from cdp.store.profiles.graph import IdentifierRow
from cdp.store.profiles.objects import Owned, hidden_among, objects_of_people, people_of_objects
from cdp.store.tables import ACCOUNTS, SECONDARY, USERS
from cdp.transfer.sorting import in_order

encode = msgspec.json.Encoder(order="deterministic").encode

Row = dict[str, Any]


class Span(NamedTuple):
    """From when (inclusive) to when (exclusive), by event time in milliseconds."""

    since: int | None = None
    until: int | None = None

    def holds(self, t: int) -> bool:
        """Whether ``t`` lies in it."""
        return (self.since is None or t >= self.since) and (self.until is None or t < self.until)


def source_keys(tx: Connection) -> dict[int, str]:
    """The keys of sources; what has been removed is called by its number."""
    return {source.id: source.key for source in config_rows.all_sources(tx)}


def source_name(keys: dict[int, str], number: int) -> str:
    """How a source is called in exports."""
    return keys.get(number) or f"#{number}"


def people(tx: Connection) -> Iterator[Row]:
    """Every person: identifiers, traits, accounts."""
    yield from _profiles(tx, USERS)


def accounts(tx: Connection) -> Iterator[Row]:
    """Every account: identifiers and traits."""
    yield from _profiles(tx, ACCOUNTS)


def objects(tx: Connection) -> Iterator[Row]:
    """Every object of a type other than accounts: identifiers, traits, and its people."""
    for kind in object_types.all_types(tx):
        if kind.id != ACCOUNTS:
            for row in _profiles(tx, kind.id):
                yield {"type": kind.key, **row}


def _profiles(tx: Connection, collection: int) -> Iterator[Row]:
    keys = source_keys(tx)
    for everyone in exports.profiles_by_name(tx, collection):
        gone = hidden_among(tx, [profile.id for profile in everyone])
        page = [profile for profile in everyone if profile.id not in gone]
        numbers = [profile.id for profile in page]
        owned: dict[int, list[IdentifierRow]] = {}
        for row in graph.identifiers_of_profiles(tx, numbers):
            owned.setdefault(row.profile or 0, []).append(row)
        bound: dict[int, list[Owned]] = {}
        if collection == USERS:
            bound = objects_of_people(tx, numbers, ACCOUNTS)
        homes = {owned.link.profile for some in bound.values() for owned in some}
        named = exports.anchors(tx, sorted(homes))
        related = _people_of(tx, numbers, collection) if collection not in (USERS, ACCOUNTS) else {}
        for profile in page:
            made: Row = {
                "id": public_id(collection, profile.anchor),
                "created_at": format_time(profile.created_t),
                "name": profile.name,
                "identifiers": [
                    {
                        "type": row.type,
                        "value": row.value,
                        "first_seen": format_time(row.first_t),
                        "source": source_name(keys, row.first_source),
                    }
                    for row in sorted(owned.get(profile.id, ()), key=_by_value)
                ],
                "traits": profile.traits.values(),
                "traits_set": {
                    name: format_time(stamp.t) for name, stamp in profile.traits.stamps().items()
                },
            }
            if collection == USERS:
                made["accounts"] = sorted(
                    (
                        {
                            "id": public_id(*named[owned.link.profile]),
                            "first_seen": format_time(owned.link.since),
                            "last_seen": format_time(owned.link.last_t),
                        }
                        for owned in bound.get(profile.id, ())
                    ),
                    key=lambda account: account["id"],
                )
            elif collection != ACCOUNTS:
                made["people"] = related.get(profile.id, [])
            yield made


def _people_of(tx: Connection, numbers: list[int], collection: int) -> dict[int, list[Row]]:
    """The people of some objects and what is known of each relationship, by object."""
    owners = people_of_objects(tx, numbers)
    people = sorted({person for some in owners.values() for person in some})
    found: dict[int, list[Row]] = {}
    for start in range(0, len(people), exports.PAGE):
        some = people[start : start + exports.PAGE]
        named = exports.anchors(tx, some)
        for person, owned in objects_of_people(tx, some, collection).items():
            for link in (one.link for one in owned if one.link.profile in owners):
                found.setdefault(link.profile, []).append(
                    {
                        "id": public_id(*named[person]),
                        "first_seen": format_time(link.since),
                        "last_seen": format_time(link.last_t),
                        "relationship": link.traits,
                    }
                )
    return {number: sorted(rows, key=lambda row: str(row["id"])) for number, rows in found.items()}


def _by_value(row: IdentifierRow) -> tuple[str, str]:
    return row.type, row.value


def identifiers(tx: Connection) -> Iterator[Row]:
    """Every identifier that was ever named, and whose it is; null if it is kept apart."""
    keys, words = source_keys(tx), object_types.words(tx)
    for page in exports.identifiers_by_name(tx):
        named = exports.anchors(tx, sorted({row.profile for row in page if row.profile}))
        for row in page:
            yield {
                "collection": words.get(row.collection, ""),
                "type": row.type,
                "value": row.value,
                "profile": public_id(*named[row.profile]) if row.profile in named else None,
                "first_seen": format_time(row.first_t),
                "source": source_name(keys, row.first_source),
                "message_id": row.first_message_id,
            }


def events(tx: Connection, span: Span = Span()) -> Iterator[Row]:  # noqa: B008
    """Every event by its time, then source and message id; whose it is, and the message."""
    for line in in_order(_events(tx, span)):
        yield decode_json(line)


def event_lines(tx: Connection, span: Span = Span()) -> Iterator[bytes]:  # noqa: B008
    """`events`, encoded already."""
    yield from in_order(_events(tx, span))


def _events(tx: Connection, span: Span) -> Iterator[tuple[tuple[int, str, str], bytes]]:
    keys = source_keys(tx)
    for block in exports.blocks(tx):
        rows = [row for row in block.rows if span.holds(row.t)]
        names = history.names_of(tx, [row.name for row in rows])
        homes = exports.profiles_of_nodes(tx, sorted({row.node for row in rows if row.node}))
        named = exports.anchors(tx, sorted(set(homes.values())))

        def whose(node: int, homes: Any = homes, named: Any = named) -> str | None:
            return public_id(*named[homes[node]]) if homes.get(node) in named else None

        accounts_of = {row.body_seq: whose(row.node) for row in rows if row.flags & SECONDARY}
        for row in rows:
            if row.flags & SECONDARY:
                continue
            body = block.bodies[row.seq]
            message = decode_json(body.raw)
            type_, name = names[row.name]
            source = source_name(keys, row.source)
            line = {
                "type": type_,
                "name": name,
                "source": source,
                "timestamp": message["timestamp"],
                "person": whose(row.node),
                "account": accounts_of.get(row.seq),
                "message": message,
                "added": decode_json(body.added),
            }
            yield (row.t, source, message["messageId"]), encode(line)
