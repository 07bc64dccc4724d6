"""Who is meant by an address, an identifier or the beginning of a name."""

from __future__ import annotations

from typing import NamedTuple

from flask import abort, url_for
from sqlalchemy import Connection

from cdp.console import auth
from cdp.identity import normal_value, parse_public_id, public_id
from cdp.store.profiles import faces, graph, objects, people
from cdp.store.profiles.faces import Face
from cdp.store.profiles.graph import IdentifierRow, NodeRow, ProfileRow
from cdp.store.profiles.people import Profile


class Subject(NamedTuple):
    """Whose page it is."""

    profile: ProfileRow
    id: str
    name: str
    identifiers: list[IdentifierRow]
    nodes: list[NodeRow]


def face_id(face: Face) -> str:
    """The public id of a person or account."""
    return public_id(face.collection, face.anchor)


def person_address(face: Face) -> str:
    """The address of a person's or account's page."""
    return url_for("console.person", profile=face_id(face))


def profiles_called(tx: Connection, text: str, limit: int) -> list[int]:
    """The people and accounts with exactly this identifier or public id."""
    # People type addresses and numbers as they like; they are kept in one form.
    forms = dict.fromkeys(
        [text, *filter(None, (normal_value(t, text) for t in ("email", "phone")))]
    )
    ids = {id_: None for form in forms for id_ in faces.profiles_of_value(tx, form, limit)}
    known = parse_public_id(text)
    if known is not None:
        rows = graph.identifiers_by_hash(tx, [known[1]])
        ids.update(dict.fromkeys(r.profile for r in rows if r.profile is not None))
    return list(ids)[:limit]


def find_people(tx: Connection, text: str, limit: int) -> list[Face]:
    """People and accounts by exact identifier first, then by the beginning of one or of a name.

    Whoever may not see personal values finds by exact identifiers alone: trying out
    beginnings would tell them letter by letter.
    """
    ids = dict.fromkeys(profiles_called(tx, text, limit))
    if len(ids) < limit and auth.current().sees_personal:
        ids.update(dict.fromkeys(faces.profiles_of_prefix(tx, text, limit)))
    gone = objects.hidden_among(tx, list(ids))
    return faces.faces_of_profiles(tx, [id_ for id_ in ids if id_ not in gone][:limit])


def person_subject(tx: Connection, text: str) -> Subject:
    """Whose page an address means; 404 if nobody's."""
    known = parse_public_id(text)
    rows = graph.identifiers_by_hash(tx, [known[1]]) if known else []
    found = next((r.profile for r in rows if known and r.collection == known[0]), None)
    if known is None and ":" in text:
        found = _named(tx, *text.split(":", 1))
    heads = graph.profiles_by_id(tx, [found]) if found is not None else []
    if not heads:
        abort(404, "Nobody has this id. It may be mistyped, or the person was deleted.")
    head = heads[0]
    face = faces.faces_of_profiles(tx, [head.id])[0]
    identifiers = sorted(
        graph.identifiers_of_profiles(tx, [head.id]), key=lambda i: (i.first_t, i.id)
    )
    nodes = graph.nodes_of_profiles(tx, [head.id])
    return Subject(head, public_id(head.collection, head.anchor), face.label, identifiers, nodes)


def _named(tx: Connection, type_: str, value: str) -> int | None:
    """The profile of an identifier, as the command line and the APIs write it."""
    if "\0" in value:
        return None
    named = people.resolve_anywhere(tx, type_.lower(), value)
    return named.id if named is not None else None


def profile_or_404(tx: Connection, text: str) -> Profile:
    """The profile of a public id."""
    found = people.by_public_id(tx, text) if parse_public_id(text) else None
    if found is None:
        abort(404, "Nobody has this id. It may be mistyped, or the person was deleted.")
    return found
