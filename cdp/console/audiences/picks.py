"""What a condition can be made of: names that have been seen or defined, by a few letters."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from flask import Response, abort, jsonify, request
from sqlalchemy import Connection

from cdp.conditions.check import MESSAGE_KEYS
from cdp.conditions.functions import FUNCTIONS
from cdp.console import format
from cdp.console.context import console
from cdp.definitions import title_of
from cdp.identity import DEFAULT
from cdp.identity.identifiers import SYSTEMS
from cdp.store import definitions
from cdp.store.audiences import lists
from cdp.store.catalogue import picks as catalogue_picks
from cdp.store.catalogue.picks import EVENTS
from cdp.store.catalogue.reads import CONTEXT, DAY_MS, Field

#: Of one kind at most so many are offered, and of each if several are.
MOST, EACH = 40, 8
_SAMPLES = 12
#: Where the catalogue keeps what is at the first key of a path.
_PARTS = {
    "properties": EVENTS,
    "context": (CONTEXT,),
    "traits": ("identify",),
    "account": ("group",),
}
_WORDS = {
    "type": "the kind of call: track, identify, page…",
    "event": "the event's name",
    "name": "the name of a page or screen",
    "userId": "the user id of the message",
    "anonymousId": "the anonymous id of the message",
    "groupId": "the account of a group call",
}
_IDENTIFIERS = ("user_id", "anonymous_id", "email", "phone")

Option = dict[str, Any]


def pick() -> Response:
    """What may be meant by ``q``: options, each with its ``group``, ``value`` and ``label``.

    ``kind`` says of what; ``event`` narrows properties to those of one event. ``start``
    offers all that a condition can begin with in the ``context``.
    """
    kind, q = request.args.get("kind", ""), request.args.get("q", "").strip()[:200]
    event = request.args.get("event") or None
    with console().store.read() as tx:
        if kind == "start":
            return jsonify(_start(tx, q, event))
        if kind == "values":
            return jsonify(_values(tx, request.args.getlist("part"), event))
        find = _KINDS.get(kind)
        if find is None:
            abort(400, f"There is nothing of the kind {kind} to pick.")
        return jsonify(find(tx, q, event)[:MOST])


def _start(tx: Connection, q: str, event: str | None) -> list[Option]:
    kinds: tuple[str, ...] = ("event", "property", "field", "context", "message_trait")
    if request.args.get("context") == "person":
        kinds = ("event", "trait", "audience", "identifier")
    elif event is not None:
        kinds = ("property", "context", "message_trait")
    return [option for kind in kinds for option in _KINDS[kind](tx, q, event)[:EACH]]


def _events(tx: Connection, q: str, event: str | None) -> list[Option]:
    needle = q.casefold()
    virtual = [
        _option("Virtual events", "event", name, name, f"some of {body.get('event', '')}")
        for body in (found.body or {} for found in definitions.all_current(tx, "virtual_event"))
        if needle in (name := str(body.get("name", ""))).casefold()
    ]
    today = console().now() // DAY_MS
    seen = [
        _option("Events", "event", found.name, found.name, _volume(found))
        for found in catalogue_picks.events(tx, today, q)[:MOST]
    ]
    return virtual + seen


def _volume(event: catalogue_picks.Event) -> str:
    if event.lately:
        return f"{event.lately:,} in 30 days"
    return f"{event.n:,} before the last 30 days"


def _fields(group: str, root: str) -> Callable[[Connection, str, str | None], list[Option]]:
    def find(tx: Connection, q: str, event: str | None) -> list[Option]:
        of = event if root == "properties" else None
        found = catalogue_picks.fields(tx, _PARTS[root], of, q, MOST)
        return [_field(group, root, field) for field in found]

    return find


def _field(group: str, root: str, field: Field) -> Option:
    samples = [format.inline_json(s.value, 24) for s in field.samples if s.personal is None][:3]
    masked = next((s.personal for s in field.samples if s.personal is not None), None)
    sub = ", ".join(samples) if samples else f"‹{masked.replace('_', ' ')}›" if masked else ""
    head = ["account", "traits"] if root == "account" else [root]
    option = _option(group, "path", [*head, *_keys(field.path)], field.path, sub)
    return {**option, "type": _type(field)}


def _traits(tx: Connection, q: str, event: str | None) -> list[Option]:
    needle = q.casefold()
    computed = [
        _option("Computed traits", "path", ["traits", key], key, name)
        for key, name in _defined(tx, "computed_trait")
        if needle in f"{key} {name}".casefold()
    ]
    return computed + _fields("Traits", "traits")(tx, q, event)


def _of_messages(tx: Connection, q: str, event: str | None) -> list[Option]:
    needle = q.casefold()
    return [
        _option("The message", "path", [key], key, _WORDS.get(key, ""))
        for key in (*_WORDS, *(key for key in MESSAGE_KEYS if key not in {*_WORDS, *_PARTS}))
        if needle in f"{key} {_WORDS.get(key, '')}".casefold() and not key.startswith("_")
    ]


def _identifiers(tx: Connection, q: str, event: str | None) -> list[Option]:
    kinds = dict.fromkeys((*_IDENTIFIERS, *DEFAULT.priority))
    return [
        _option("Identifiers", "path", ["person", "identifiers", kind], kind, "a list")
        for kind in kinds
        if q.casefold() in kind
    ]


def _audiences(tx: Connection, q: str, event: str | None) -> list[Option]:
    needle = q.casefold()
    return [
        _option("Audiences", "audience", key, key, name)
        for key, name in _defined(tx, "audience")
        if needle in f"{key} {name}".casefold()
    ]


def _functions(tx: Connection, q: str, event: str | None) -> list[Option]:
    """Functions of messages and people alike; ``params`` are the names of the arguments."""
    needle = q.casefold()
    return [
        {
            **_option("Functions", "function", found.name, found.signature, found.summary),
            "params": [param.name for param in found.params],
            "type": found.returns,
        }
        for found in FUNCTIONS.values()
        if not found.of_a_person and needle in found.name
    ]


def _defined(tx: Connection, kind: str) -> list[tuple[str, str]]:
    """Key and name of what is defined and in use."""
    found = definitions.all_current(tx, kind)
    bodies = [(version.key, version.body or {}) for version in found]
    return [(key, title_of(key, body)) for key, body in bodies if not body.get("archived")]


def _lists(tx: Connection, q: str, event: str | None) -> list[Option]:
    return [
        _option("Uploaded lists", "list", found.key, found.key, f"{found.size:,} values")
        for found in lists.all_lists(tx)
        if q.casefold() in found.key
    ]


def _zones(tx: Connection, q: str, event: str | None) -> list[Option]:
    needle = q.casefold().replace(" ", "_")
    mine = _option("Zones", "text", "person", "person", "where the person is")
    found = [_option("Zones", "text", zone, zone, "") for zone in _all_zones()]
    return [option for option in (mine, *found) if needle in option["label"].casefold()]


@cache
def _all_zones() -> list[str]:
    return sorted(available_timezones(), key=lambda zone: (zone != "UTC", zone))


def _values(tx: Connection, parts: list[str], event: str | None) -> Option:
    """The type of what is at a path, and values seen there; personal ones are not kept."""
    if parts[:1] == ["person"] or parts[:2] == ["account", "traits"]:
        parts = [parts[0], *parts[2:]] if parts[0] == "account" else parts[1:]
    if parts == ["event"]:
        return {"type": "text", "options": _events(tx, "", None)[:MOST]}
    if parts == ["type"]:
        types = ("track", "identify", "page", "screen", "group", "alias")
        return {"type": "text", "options": [_option("", "text", t, t, "") for t in types]}
    types_ = _PARTS.get(parts[0]) if len(parts) > 1 else None
    path = ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in parts[1:])
    of = event if parts[:1] == ["properties"] else None
    field = catalogue_picks.field_at(tx, types_, path, of) if types_ else None
    if field is None:
        return {"type": "list" if parts[:1] == ["identifiers"] else "", "options": []}
    plain = [s for s in field.samples if s.personal is None and not _cut(s.value)][:_SAMPLES]
    shown = [format.inline_json(sample.value, 200) for sample in plain]
    options = [_option("", "text", text, text, "") for text in shown]
    return {"type": _type(field), "options": options}


def _cut(value: object) -> bool:
    """Whether a long text was cut, so that nothing equals it."""
    return isinstance(value, str) and value.endswith("…")


def _type(field: Field) -> str:
    """What a field most likely takes: text, number, yes or no, time, list or nothing of these."""
    seen = [type_ for type_, _ in field.types if type_ != "null"]
    words = {
        "integer": "number", "number": "number", "boolean": "yes or no", "date-time": "time",
        "array": "list", "string": "text",
    }  # fmt: skip
    return words.get(seen[0], "") if seen else ""


def _keys(path: str) -> list[str]:
    r"""``a.b\.c`` → its keys ``a`` and ``b.c``."""
    keys, escaped = [""], False
    for char in path:
        if escaped or char not in ".\\":
            keys[-1], escaped = keys[-1] + char, False
        elif char == "\\":
            escaped = True
        else:
            keys.append("")
    return keys


def _option(group: str, kind: str, value: Any, label: str, sub: str) -> Option:
    return {"group": group, "kind": kind, "value": value, "label": label, "sub": sub}


_KINDS: dict[str, Callable[[Connection, str, str | None], list[Option]]] = {
    "event": _events,
    "property": _fields("Properties", "properties"),
    "context": _fields("Context", "context"),
    "message_trait": _fields("Traits in the message", "traits"),
    "trait": _traits,
    "field": _of_messages,
    "identifier": _identifiers,
    "audience": _audiences,
    "list": _lists,
    "zone": _zones,
    "account_trait": _fields("Traits of the account", "account"),
    "system": lambda tx, q, event: [
        _option("", "text", name, name, "") for name in SYSTEMS if q.casefold() in name
    ],
    "function": _functions,
    "topic": lambda tx, q, event: [],
}
