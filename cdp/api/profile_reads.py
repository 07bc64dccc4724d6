"""What the Profile API answers of one profile; masked where there is a masker."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import request
from sqlalchemy import Connection

from cdp.api import cursors
from cdp.api.errors import ApiError
from cdp.api.fields import moment
from cdp.events import decode_json, format_time
from cdp.identity import public_id
from cdp.identity.objects import ACCOUNT_TYPE, NoObject, type_key
from cdp.profiles.types import type_of
from cdp.protocols import masked_text
from cdp.protocols.masker import Masker
from cdp.store import config_rows
from cdp.store.audiences import membership
from cdp.store.events import activity, history, timeline
from cdp.store.profiles import object_types, people
from cdp.store.profiles.objects import links
from cdp.store.profiles.people import Profile
from cdp.store.profiles.trait_history import traits_at


def _limit(default: int, most: int) -> int:
    text = request.args.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= most:
        raise ApiError(400, "validation_error", f"limit must be a number from 1 to {most}")
    return int(text)


def _words(name: str) -> list[str]:
    return [word for word in request.args.get(name, "").split(",") if word]


def _flag(name: str) -> bool:
    return request.args.get(name, "").lower() in ("true", "1")


def _cursor(limit: int, following: str | None) -> dict[str, Any]:
    """The cursor; ``url`` has the query of this request with ``next``."""
    url = quote(request.path)
    query = {key: value for key, value in request.args.items() if key != "next"}
    if following is not None:
        query["next"] = following
    if query:
        url += "?" + "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query.items())
    return {
        "url": url if following is not None else "",
        "has_more": following is not None,
        "next": following or "",
        "limit": limit,
    }


def _source_names(tx: Connection) -> dict[int, str]:
    return {source.id: source.key for source in config_rows.all_sources(tx)}


def traits_of(tx: Connection, profile: Profile, mask: Masker | None) -> dict[str, Any]:
    """A page of the traits, audiences and computed traits of a profile."""
    limit, include, verbose = _limit(10, 200), _words("include"), _flag("verbose")
    kind = request.args.get("class")
    traits, at = profile.traits, _time("at")
    if kind not in (None, "audience", "computed_trait"):
        raise ApiError(400, "validation_error", "class must be audience or computed_trait")
    if at is not None:
        traits = traits_at(tx, profile.id, profile.collection, traits, at)
    sources = _source_names(tx)
    known = {
        name: (value, sources.get(stamp.source, ""), stamp.t)
        for name, value, stamp in traits.items()
    }
    known = (
        _overlays(tx, profile.id, kind, at) if kind else known | _overlays(tx, profile.id, None, at)
    )
    names = sorted(name for name in known if not include or name in include)
    place = request.args.get("next")
    if mask is None:
        start = cursors.decode(place, str)[0] if place else ""
        page = [name for name in names if name > start][: limit + 1]
    else:  # a name may say who somebody is, and a cursor can be read
        passed = cursors.decode_place(place) if place else 0
        page = names[passed:][: limit + 1]
    shown: dict[str, Any] = {}
    for name in page[:limit]:
        value, source, since = known[name]
        typed = type_of(value)
        if mask is not None:
            name, value = masked_text(name), mask.trait(name, value)
        shown[name] = value
        if verbose:
            shown[name] = {
                "value": value,
                "type": typed,
                "source_id": source,
                "updated_at": format_time(since),
            }
    following = None
    if len(page) > limit:
        following = cursors.encode(page[limit - 1] if mask is None else passed + limit)
    if mask is not None:
        shown = mask.swept(shown)
    return {"traits": shown, "cursor": _cursor(limit, following)}


def _overlays(
    tx: Connection, profile: int, kind: str | None, at: int | None
) -> dict[str, tuple[Any, str, int]]:
    """Audiences as true or false under their keys, and computed traits: (value, "", since).

    What a computed trait was at an earlier time isn't kept.
    """
    found: dict[str, tuple[Any, str, int]] = {}
    if kind != "audience" and at is None:
        values = membership.values_of_person(tx, profile)
        found |= {key: (value, "", since) for key, (value, since) in values.items()}
    if kind != "computed_trait":
        standing = membership.ever(tx, profile, at)
        found |= {key: (inside, "", since) for key, (inside, since) in standing.items()}
    return found


def external_ids(tx: Connection, profile: Profile, mask: Masker | None) -> dict[str, Any]:
    """A page of the identifiers."""
    limit, include = _limit(10, 100), _words("include")
    at = request.args.get("next")
    start = cursors.decode_place(at) if at else 0
    rows = [
        row for row in people.identifiers_of(tx, profile.id) if not include or row.type in include
    ]
    sources, words = _source_names(tx), object_types.words(tx)
    data = []
    for row in rows[start : start + limit]:
        item = {
            "source_id": sources.get(row.first_source, ""),
            "collection": words[row.collection],
            "id": row.value if mask is None else mask.hide(row.value),
            "type": row.type,
            "created_at": format_time(row.first_t),
            "encoding": "none",
            "first_message_id": row.first_message_id,
        }
        data.append(item)
    more = start + limit < len(rows)
    return {"data": data, "cursor": _cursor(limit, cursors.encode(start + limit) if more else None)}


def events(tx: Connection, profile: Profile, mask: Masker | None) -> dict[str, Any]:
    """A page of the events by time."""
    limit = _limit(10, 100)
    sort = request.args.get("sort", "desc")
    if sort not in ("asc", "desc"):
        raise ApiError(400, "validation_error", "sort must be asc or desc")
    at = request.args.get("next")
    before: Any = tuple(cursors.decode(at, int, int)) if at else None
    include, exclude = _words("include"), _words("exclude")
    nodes = [node.id for node in people.nodes_of(tx, profile.id)]
    names = history.names_of(tx, activity.names_of_nodes(tx, nodes)) if include or exclude else {}
    rows = timeline.rows_of_nodes(
        tx,
        nodes,
        before=before,
        limit=limit + 1,
        ascending=sort == "asc",
        start=_time("start"),
        end=_time("end"),
        name_ids=_name_ids(names, include) if include else None,
        without=_name_ids(names, exclude),
    )
    page = rows[:limit]
    bodies = history.bodies_of(tx, page)
    sources = _source_names(tx)
    messages = [decode_json(bodies[row.seq].raw) for row in page]
    if mask is not None:
        messages = mask.swept([mask.message(message) for message in messages])
    data = [
        _event(message, sources.get(row.source, ""))
        for message, row in zip(messages, page, strict=True)
    ]
    following = cursors.encode(page[-1].t, page[-1].seq) if len(rows) > limit else None
    return {"data": data, "cursor": _cursor(limit, following)}


def _name_ids(names: dict[int, tuple[str, str]], wanted: list[str]) -> list[int]:
    return [number for number, (type_, name) in names.items() if name in wanted or type_ in wanted]


def _time(name: str) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    found = moment(text)
    if found is None:
        raise ApiError(400, "validation_error", f"{name} must be a time as in ISO 8601")
    return found


def _event(body: dict[str, Any], source: str) -> dict[str, Any]:
    ids = []
    for key, type_ in (("userId", "user_id"), ("anonymousId", "anonymous_id")):
        if key in body:
            ids.append({"collection": "users", "type": type_, "id": body[key], "encoding": "none"})
    if "groupId" in body:
        account = {"collection": _word(body), "type": "group_id", "id": body["groupId"]}
        ids.append({**account, "encoding": "none"})
    found = {
        "external_ids": ids,
        "context": body.get("context", {}),
        "type": body["type"],
        "event": body.get("event"),
        "message_id": body["messageId"],
        "source_id": source,
        "timestamp": body["timestamp"],
        "received_at": body["receivedAt"],
        "properties": body.get("properties", {}),
        "related": {},
    }
    for key in ("name", "category", "traits"):
        if key in body:
            found[key] = body[key]
    return found


def _word(body: dict[str, Any]) -> str:
    """The collection of the object that a group call names."""
    try:
        key = type_key("group", body)
    except NoObject:
        return "accounts"
    return "accounts" if key == ACCOUNT_TYPE else key


def links_of(tx: Connection, profile: Profile, mask: Masker | None) -> dict[str, Any]:
    """A page of what the profile is linked with."""
    limit = _limit(20, 100)
    at = request.args.get("next")
    start = cursors.decode_place(at) if at else 0
    words = object_types.words(tx)
    rows = links(tx, profile.id, profile.collection, limit=limit + 1, offset=start)
    data = []
    for link in rows[:limit]:
        word = words[link.collection]
        ids = [
            {
                "id": row.value if mask is None else mask.hide(row.value),
                "type": row.type,
                "collection": word,
                "encoding": "none",
            }
            for row in people.identifiers_of(tx, link.profile)
        ]
        item = {"to_collection": word, "external_ids": ids, "since": format_time(link.since)}
        traits = link.traits if mask is None else mask.json(link.traits, "traits")
        data.append({**item, "traits": traits})
    more = len(rows) > limit
    return {"data": data, "cursor": _cursor(limit, cursors.encode(start + limit) if more else None)}


def metadata(tx: Connection, profile: Profile, _mask: Masker | None) -> dict[str, Any]:
    """When it was made and last said something, and its public id."""
    nodes = [node.id for node in people.nodes_of(tx, profile.id)]
    newest = timeline.rows_of_nodes(tx, nodes, limit=1)
    found: dict[str, Any] = {
        "created_at": format_time(profile.created_t),
        "updated_at": format_time(newest[0].t if newest else profile.updated_at),
        "expires_at": None,
        "segment_id": public_id(profile.collection, profile.anchor),
    }
    if _flag("verbose"):
        sources = _source_names(tx)
        found["first_message_id"] = profile.created_message_id
        found["first_source_id"] = sources.get(profile.created_source, "")
        if newest:
            body = decode_json(history.bodies_of(tx, newest)[newest[0].seq].raw)
            found["last_message_id"] = body["messageId"]
            found["last_source_id"] = sources.get(newest[0].source, "")
    return {"metadata": found}


ROUTES = {
    "traits": traits_of,
    "external_ids": external_ids,
    "events": events,
    "links": links_of,
    "metadata": metadata,
}
