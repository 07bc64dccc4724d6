"""``/api/profiles``: people and accounts, and why they are who they are.

A profile is named by its public id (``use_…``, ``acc_…``, ``obj2_…``) or as ``type:value``.
"""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.api import cursors
from cdp.api.errors import not_found, wrong_fields
from cdp.api.fields import Moment, PageQuery, Words
from cdp.api.masking import personal
from cdp.api.room import Room, here, page_of, sees_personal
from cdp.events import format_time
from cdp.identity import public_id
from cdp.profiles.consent import Consent
from cdp.profiles.types import TYPES, type_of
from cdp.store import config_rows
from cdp.store.profiles import faces, object_types, people
from cdp.store.profiles.objects import links
from cdp.store.profiles.people import Profile
from cdp.store.profiles.trait_history import trait_history, traits_at

room = Room("profiles", "People and accounts.")


class FaceSchema(Schema):
    """A person, an account or another object in a list."""

    id = fields.String(metadata={"description": "The public id."})
    collection = fields.String()
    name = fields.String(allow_none=True, metadata=personal("name"))
    identifiers = fields.List(fields.String(), metadata=personal("identifiers", "As type:value."))


class ConsentSchema(Schema):
    """What a person said last of the uses of their data."""

    preferences = fields.Dict(keys=fields.String(), values=fields.Boolean())
    at = fields.String()
    message_id = fields.String()


class RelationshipSchema(Schema):
    """The other side of a relationship, and what is known of it."""

    id = fields.String(metadata={"description": "The public id."})
    collection = fields.String()
    name = fields.String(allow_none=True, metadata=personal("name"))
    since = fields.String()
    traits = fields.Dict(metadata=personal("traits", "Attributes of the relationship."))


class ProfileSchema(FaceSchema):
    """A person, an account or another object."""

    created_at = fields.String()
    updated_at = fields.String()
    traits = fields.Dict(metadata=personal("traits"))
    consent = fields.Nested(ConsentSchema, allow_none=True)
    links = fields.List(
        fields.String(),
        metadata={"description": "Public ids of a person's objects, or an object's people."},
    )
    relationships = fields.List(
        fields.Nested(RelationshipSchema),
        metadata={"description": "The same with attributes; the latest 200."},
    )


class IdentifierSchema(Schema):
    """An identifier, the message that brought it, and when it was last named."""

    type = fields.String()
    value = fields.String(metadata=personal("value"))
    first_at = fields.String()
    last_at = fields.String(metadata={"description": "The latest message that named it."})
    source = fields.String(allow_none=True)
    message_id = fields.String()


class SaidSchema(Schema):
    """A value that a message gave to a trait; null unset it."""

    trait = fields.String()
    value = fields.Raw(allow_none=True, metadata=personal("trait"))
    at = fields.String()
    source = fields.String(allow_none=True)
    message_id = fields.String()


class SearchQuery(Schema):
    """Whom to look for; without ``search`` those about whom something was learnt last."""

    search = Words(
        metadata={
            "description": "Beginning of an identifier or a name; without the scope personal:read, "
            "a whole identifier."
        }
    )
    collection = Words(
        load_default="users",
        metadata={"description": "`users`, `accounts`, or the key of an object type."},
    )
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 200))


class TraitsQuery(Schema):
    """At which time; without ``at`` now."""

    at = Moment(metadata={"description": "An event time, in ISO 8601 or milliseconds."})


class TraitSchema(Schema):
    """A trait, who set it and when."""

    trait = fields.String()
    value = fields.Raw(metadata=personal("trait"))
    type = fields.String(validate=validate.OneOf(TYPES))
    at = fields.String()
    source = fields.String(allow_none=True)
    message_id = fields.String()


class TraitHistoryQuery(PageQuery):
    """Of which trait; without ``trait`` of all."""

    trait = Words()


def find(tx: Connection, text: str) -> Profile:
    """The profile of a public id or ``type:value``, or 404."""
    found = people.named(tx, text)
    if found is None:
        raise not_found("Profile was not found.")
    g.subject = found  # what is masked of an answer depends on whom it is about
    return found


def _face(row: dict[str, Any], words: dict[int, str]) -> dict[str, Any]:
    return {
        "id": public_id(row["collection"], row["anchor"]),
        "collection": words[row["collection"]],
        "name": row["name"],
        "identifiers": [f"{type_}:{value}" for type_, value in row["ids"]],
    }


def consent_shown(agreed: Consent | None) -> dict[str, Any] | None:
    """A person's consent as it is told."""
    if agreed is None:
        return None
    return {
        "preferences": agreed.preferences,
        "at": format_time(agreed.stamp.t),
        "message_id": agreed.stamp.message_id,
    }


def _sources(tx: Connection) -> dict[int, str]:
    return {source.id: source.key for source in config_rows.all_sources(tx)}


@room.on("GET", "/profiles", "profiles:read", query=SearchQuery, gives=page_of(FaceSchema))
def search_profiles(query: dict[str, Any]) -> dict[str, Any]:
    """Search people and accounts by how an identifier or a name begins.

    To whoever may not see personal values, trying out beginnings would tell them.
    """
    limit = query["limit"]
    with here().store.read() as tx:
        words = object_types.words(tx)
        if "search" in query:
            rows = people.search(tx, query["search"], limit, whole=not sees_personal())
        else:
            numbers = {word: number for number, word in words.items()}
            if query["collection"] not in numbers:
                text = f"Must be one of: {', '.join(numbers)}."
                raise wrong_fields({"collection": [text]})
            rows = people.recent(tx, numbers[query["collection"]], limit)
    return {"data": [_face(row, words) for row in rows], "next": None}


@room.on("GET", "/profiles/<rest:profile>", "profiles:read", gives=ProfileSchema)
def get_profile(profile: str) -> dict[str, Any]:
    """One profile, with its traits."""
    with here().store.read() as tx:
        found = find(tx, profile)
        face = faces.faces_of_profiles(tx, [found.id])[0]
        bound = {link.profile: link for link in links(tx, found.id, found.collection, limit=200)}
        others = faces.faces_of_profiles(tx, list(bound))
        agreed = people.consent_of(tx, found.id)
        words = object_types.words(tx)
    return {
        **_face(face._asdict(), words),
        "created_at": format_time(found.created_t),
        "updated_at": format_time(found.updated_at),
        "traits": found.traits.values(),
        "consent": consent_shown(agreed),
        "links": [public_id(other.collection, other.anchor) for other in others],
        "relationships": [
            {
                "id": public_id(other.collection, other.anchor),
                "collection": words[other.collection],
                "name": other.name,
                "since": format_time(bound[other.profile].since),
                "traits": bound[other.profile].traits,
            }
            for other in others
        ],
    }


@room.on(
    "GET",
    "/profiles/<rest:profile>/identifiers",
    "profiles:read",
    gives=page_of(IdentifierSchema),
)
def list_identifiers(profile: str) -> dict[str, Any]:
    """The identifiers of a profile, in the order in which they came."""
    with here().store.read() as tx:
        found = find(tx, profile).id
        rows = people.identifiers_of(tx, found)
        last = people.last_named(tx, people.nodes_of(tx, found))
        sources = _sources(tx)
    data = [
        {
            "type": row.type,
            "value": row.value,
            "first_at": format_time(row.first_t),
            "last_at": format_time(last.get((row.type, row.value), row.first_t)),
            "source": sources.get(row.first_source),
            "message_id": row.first_message_id,
        }
        for row in rows
    ]
    return {"data": data, "next": None}


@room.on(
    "GET",
    "/profiles/<rest:profile>/trait-history",
    "profiles:read",
    query=TraitHistoryQuery,
    gives=page_of(SaidSchema),
)
def list_trait_history(query: dict[str, Any], profile: str) -> dict[str, Any]:
    """Who set which trait when, newest first.

    A page may hold fewer rows than ``limit``, or none, and still have a next one.
    """
    after = None
    if "next" in query:
        t, seq, name = cursors.decode(query["next"], int, int, str)
        after = (t, seq, name)
    with here().store.read() as tx:
        found = find(tx, profile)
        page = trait_history(
            tx, found.id, found.collection, query.get("trait"), query["limit"], after
        )
        sources = _sources(tx)
    data = [
        {
            "trait": row.name,
            "value": row.value,
            "at": format_time(row.t),
            "source": sources.get(row.source),
            "message_id": row.message_id,
        }
        for row in page.rows
    ]
    return {"data": data, "next": cursors.encode(*page.next) if page.next else None}


@room.on(
    "GET",
    "/profiles/<path:profile>/traits",
    "profiles:read",
    query=TraitsQuery,
    gives=page_of(TraitSchema),
)
def list_traits(query: dict[str, Any], profile: str) -> dict[str, Any]:
    """The traits of a profile, now or as they were at an event time."""
    with here().store.read() as tx:
        found = find(tx, profile)
        traits = found.traits
        if "at" in query:
            traits = traits_at(tx, found.id, found.collection, traits, query["at"])
        sources = _sources(tx)
    data = [
        {
            "trait": name,
            "value": value,
            "type": type_of(value),
            "at": format_time(stamp.t),
            "source": sources.get(stamp.source),
            "message_id": stamp.message_id,
        }
        for name, value, stamp in traits.items()
    ]
    return {"data": data, "next": None}
