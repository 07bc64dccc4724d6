"""Everything that is known of a person, for them to have: one ZIP of JSON and a page."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

import msgspec
from sqlalchemy import Connection

from cdp.events import decode_json, format_time
from cdp.identity import public_id
from cdp.profiles.dossier import page
from cdp.profiles.needles import Needles
from cdp.store import Store, config_rows
from cdp.store.events import history, timeline
from cdp.store.privacy import dossier_parts, traces
from cdp.store.profiles import exports, faces, object_types, objects, people
from cdp.store.profiles.people import Profile
from cdp.store.profiles.trait_history import trait_history
from cdp.store.tables import calls, outbox, rejected

#: Events on the page; all are in ``events.jsonl``.
SHOWN = 500
_CHUNK = 500
#: Objects of a person that are told of at most.
_LINKS = 100_000
_encode = msgspec.json.Encoder().encode


def take_out(
    store: Store, profile: Profile, now: int, author: str, target: str, file: IO[bytes]
) -> int:
    """Write a person's ZIP to ``file``; returns how many events are in it.

    It is noted like any export, so that a deletion can name it: whose it is isn't.
    """
    with store.write() as tx:
        number = exports.begin_export(tx, now, author, "access request", "zip", {}, target)
    with store.read() as tx:
        events = write_dossier(tx, profile, now, file)
    with store.write() as tx:
        exports.end_export(tx, number, now, events)
    return events


def write_dossier(tx: Connection, profile: Profile, now: int, file: IO[bytes]) -> int:
    """Write the ZIP to ``file``; returns how many events are in it.

    ``profile.json traits_history.jsonl events.jsonl`` and, where there is any,
    ``messages.jsonl preferences.jsonl audiences.jsonl journeys.jsonl refused.jsonl
    deliveries.jsonl calls.jsonl``; ``profile.html`` is for reading.
    """
    sources = {source.id: source.key for source in config_rows.all_sources(tx)}
    known = _known(tx, profile, sources)
    nodes = [row.id for row in people.nodes_of(tx, profile.id)]
    total = sum(history.count_by_node(tx, nodes).values())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("profile.json", json.dumps(known, ensure_ascii=False, indent=2))
        newest = list(islice(_events(tx, nodes, sources), SHOWN))
        shown = [_row(event) for event in newest]
        made.writestr("profile.html", page(known, format_time(now), shown, total))
        _lines(made, "events.jsonl", _events(tx, nodes, sources))
        _lines(made, "traits_history.jsonl", _said(tx, profile, sources))
        own = people.identifiers_of(tx, profile.id)
        needles = Needles([(row.type, row.value) for row in own])
        for name, part in (
            ("messages", dossier_parts.messages(tx, nodes)),
            ("preferences", dossier_parts.wishes(tx, profile.id)),
            ("audiences", dossier_parts.audiences(tx, profile.id)),
            ("journeys", dossier_parts.travels(tx, profile.id)),
        ):
            lines = list(part)
            if lines:
                _lines(made, f"{name}.jsonl", iter(lines))
        for name, table in (("refused", rejected), ("deliveries", outbox), ("calls", calls)):
            found = traces.hits(tx, table, needles)
            rows = ({key: _opened(value) for key, value in hit.values.items()} for hit in found)
            if found:
                _lines(made, f"{name}.jsonl", rows)
    return total


def _lines(made: zipfile.ZipFile, name: str, rows: Iterator[dict[str, Any]]) -> None:
    with made.open(name, "w", force_zip64=True) as file:
        for row in rows:
            file.write(_encode(row) + b"\n")


def _opened(value: Any) -> Any:
    text = traces.text_of(value) if value is not None else None
    if text is None or text[:1] not in "{[":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _known(tx: Connection, profile: Profile, sources: dict[int, str]) -> dict[str, Any]:
    stamps = profile.traits.stamps()
    agreed = people.consent_of(tx, profile.id)
    bound = objects.links(tx, profile.id, profile.collection, limit=_LINKS)
    words = object_types.words(tx)
    named = {face.profile: face for face in faces.faces_of_profiles(tx, [r.profile for r in bound])}
    return {
        "id": public_id(profile.collection, profile.anchor),
        "name": profile.name,
        "created_at": format_time(profile.created_t),
        "updated_at": format_time(profile.updated_at),
        "identifiers": [
            {
                "type": row.type,
                "value": row.value,
                "since": format_time(row.first_t),
                "source": sources.get(row.first_source),
            }
            for row in people.identifiers_of(tx, profile.id)
        ],
        "traits": {
            name: {
                "value": value,
                "at": format_time(stamps[name].t),
                "source": sources.get(stamps[name].source),
            }
            for name, value in profile.traits.values().items()
        },
        "consent": (
            {"preferences": agreed.preferences, "at": format_time(agreed.stamp.t)}
            if agreed is not None
            else None
        ),
        "accounts": [
            {
                "type": words[link.collection],
                "name": named[link.profile].name,
                "identifiers": [":".join(item) for item in named[link.profile].ids],
                "relationship": link.traits,
                "first": format_time(link.since),
                "last": format_time(link.last_t),
            }
            for link in bound
        ],
    }


def _events(tx: Connection, nodes: list[int], sources: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Every message, newest first, with what enrichers added."""
    before: tuple[int, int] | None = None
    while rows := timeline.rows_of_nodes(tx, nodes, before=before, limit=_CHUNK):
        bodies = history.bodies_of(tx, rows)
        for row in rows:
            stored = bodies.get(row.seq)
            if stored is not None:
                yield {
                    "source": sources.get(row.source),
                    "message": decode_json(stored.raw),
                    "added": decode_json(stored.added),
                }
        before = (rows[-1].t, rows[-1].seq)


def _row(event: dict[str, Any]) -> dict[str, Any]:
    message = event["message"]
    what = {key: message[key] for key in ("properties", "traits", "context") if message.get(key)}
    return {
        "at": message.get("timestamp"),
        "type": message.get("type"),
        "event": message.get("event") or message.get("name"),
        "source": event["source"],
        "what": what,
    }


def _said(tx: Connection, profile: Profile, sources: dict[int, str]) -> Iterator[dict[str, Any]]:
    after: Any = None
    while True:
        found = trait_history(tx, profile.id, profile.collection, None, _CHUNK, after)
        for row in found.rows:
            yield {
                "trait": row.name,
                "value": row.value,
                "at": format_time(row.t),
                "source": sources.get(row.source),
                "message_id": row.message_id,
            }
        if found.next is None:
            return
        after = found.next
