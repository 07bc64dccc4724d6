"""Finding people and accounts, and what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from cdp.identity import (
    Identifier,
    identifier_hash,
    normal_value,
    parse_identifier,
    parse_public_id,
)
from cdp.profiles.consent import Consent, latest
from cdp.profiles.traits import TraitMap
from cdp.store.bulk import blob, select_by
from cdp.store.events import timeline
from cdp.store.profiles import apart, faces, graph, identity, object_types, objects
from cdp.store.profiles.graph import IdentifierRow, NodeRow
from cdp.store.tables import USERS, nodes, profiles


class Profile(NamedTuple):
    """A person or an account with all traits; ``anchor`` is the hash that names it."""

    id: int
    collection: int
    anchor: int
    created_t: int
    created_source: int
    created_message_id: str
    updated_at: int
    name: str | None
    traits: TraitMap


_columns = tuple(profiles.c[name] for name in Profile._fields)


def by_id(tx: Connection, id_: int) -> Profile | None:
    """The profile of that internal number."""
    row = tx.execute(select(*_columns).where(profiles.c.id == id_)).first()
    return Profile._make((*row[:-1], TraitMap.decode(blob(row[-1])))) if row else None


def resolve(tx: Connection, collection: int, type_: str, value: str) -> Profile | None:
    """The profile that an identifier belongs to; ``segment_id`` takes a public id.

    The value is brought into the form in which values of its type are kept.
    """
    if type_ in ("segment_id", "id"):
        return by_public_id(tx, value)
    kept = normal_value(type_, value) or value
    identifier = (type_, kept)
    for row in graph.identifiers_by_hash(tx, [identifier_hash(collection, identifier)]):
        if (row.collection, row.type, row.value) == (collection, *identifier):
            return by_id(tx, row.profile) if row.profile is not None else None
    return None


def resolve_anywhere(tx: Connection, type_: str, value: str) -> Profile | None:
    """The profile of an identifier, whatever it is: ``group_id`` means objects, accounts first."""
    kinds = [row.id for row in object_types.all_types(tx)]
    for collection in kinds if type_ == "group_id" else [USERS, *kinds]:
        found = resolve(tx, collection, type_, value)
        if found is not None:
            return found
    return None


def named(tx: Connection, text: str) -> Profile | None:
    """The profile of ``type:value``, whatever it is, or of a public id."""
    identifier = parse_identifier(text)
    return resolve_anywhere(tx, *identifier) if identifier else by_public_id(tx, text)


def by_public_id(tx: Connection, text: str) -> Profile | None:
    """The profile of a public id; the id of one that was merged leads to the survivor."""
    parsed = parse_public_id(text)
    if parsed is None:
        return None
    found = [
        by_id(tx, row.profile)
        for row in graph.identifiers_by_hash(tx, [parsed[1]])
        if row.collection == parsed[0] and row.profile is not None
    ]
    # Two identifiers of one hash are next to impossible; who has the id as name comes first.
    found.sort(key=lambda profile: profile is None or profile.anchor != parsed[1])
    return found[0] if found else None


def identifiers_of(tx: Connection, profile: int) -> list[IdentifierRow]:
    """The identifiers of a profile, in the order in which they came."""
    rows = graph.identifiers_of_profiles(tx, [profile])
    return sorted(rows, key=lambda row: (row.first_t, row.first_source, row.id))


def last_named(tx: Connection, found: Sequence[NodeRow]) -> dict[Identifier, int]:
    """When a message of these nodes named each of their identifiers last: event time in ms.

    What was kept apart of a node is not its.
    """
    newest = timeline.newest_of_nodes(tx, [row.id for row in found])
    last: dict[Identifier, int] = {}
    for row in found:
        t = newest.get(row.id, row.first_t)  # its events may be too old to be kept
        kept_apart = {item.identifier for item in apart.read(row.dropped)}
        for identifier in identity.node_of(row).ids:
            if identifier not in kept_apart:
                last[identifier] = max(t, last.get(identifier, t))
    return last


def nodes_of(tx: Connection, profile: int) -> list[NodeRow]:
    """The nodes of a profile: what joined it, in the order in which it was seen."""
    rows = graph.nodes_of_profiles(tx, [profile])
    return sorted(rows, key=lambda row: (row.first_t, row.first_source, row.first_message_id))


def consent_of(tx: Connection, profile: int) -> Consent | None:
    """What a person said last of the uses of their data."""
    return latest(Consent.decode(text) for text in graph.consents_of_profile(tx, profile))


def consents(tx: Connection, node_ids: Sequence[int]) -> dict[int, Consent]:
    """What the people behind nodes said last of the uses of their data, where they did."""
    rows = select_by(tx, (nodes.c.id, nodes.c.profile), nodes.c.id, sorted(set(node_ids)))
    homes = {row[0]: row[1] for row in rows if row[1]}
    said: dict[int, list[Consent]] = {}
    columns = (nodes.c.profile, nodes.c.consent)
    for profile, text in select_by(tx, columns, nodes.c.profile, sorted(set(homes.values()))):
        if text is not None:
            said.setdefault(profile, []).append(Consent.decode(text))
    last = {profile: latest(found) for profile, found in said.items()}
    return {node: one for node, home in homes.items() if (one := last.get(home)) is not None}


def search(tx: Connection, text: str, limit: int, whole: bool = False) -> list[dict[str, Any]]:
    """People and accounts by an identifier, a public id, or how an identifier or name begins.

    ``whole`` leaves out what only begins so.

    Whole identifiers come first. Names and addresses are found whatever their case.
    """
    text = text.strip()
    if not text or limit < 1:
        return []
    addresses = (normal_value(type_, text) for type_ in ("email", "phone"))
    forms = dict.fromkeys([text, *filter(None, addresses)])
    ids = {id_: None for form in forms for id_ in faces.profiles_of_value(tx, form, limit)}
    named = by_public_id(tx, text)
    if named is not None:
        ids[named.id] = None
    for start in dict.fromkeys([] if whole else [text, text.casefold()]):
        if len(ids) < limit:
            ids.update(dict.fromkeys(faces.profiles_of_prefix(tx, start, limit)))
    for gone in objects.hidden_among(tx, list(ids)):
        del ids[gone]
    return [face._asdict() for face in faces.faces_of_profiles(tx, list(ids)[:limit])]


def recent(tx: Connection, collection: int, limit: int) -> list[dict[str, Any]]:
    """People or accounts about whom something was learnt last."""
    ids = faces.newest_profiles(tx, collection, limit)
    return [face._asdict() for face in faces.faces_of_profiles(tx, ids)]


def count(tx: Connection, collection: int) -> int:
    """How many people or accounts there are."""
    statement = select(func.count()).where(profiles.c.collection == collection)
    return int(tx.execute(statement).scalar() or 0)
