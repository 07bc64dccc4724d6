"""``/api/audiences``, ``/api/computed-traits``, ``/api/virtual-events``: what people define."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, missing, validate

from cdp.api.fields import Empty, Words
from cdp.api.masking import personal
from cdp.api.room import Room, View, author, here, page_of
from cdp.definitions import KINDS, Fault, Id, Kind, title_of
from cdp.definitions.sending import sendings
from cdp.events import format_time
from cdp.store.defined import defining
from cdp.store.defined.defining import Links
from cdp.store.definitions import Version
from cdp.store.destinations import connections

Take = Callable[[View], None]

_SEEN = "The version that this change was made from; if it has changed since, 409 says how."
_ABOUT = {
    "audience": "Who meets a condition, and lists that are kept by hand.",
    "computed_trait": "Traits that are worked out of somebody's history.",
    "virtual_event": "Some of the messages of an event, under a name of their own.",
    "snippet": "Texts that many messages say.",
    "layout": "What emails stand in.",
    "template": "What messages say, for one channel, in their locales.",
    "message_limit": "How many messages a person gets in a time, at most.",
    "quiet_hours": "When people get no messages.",
    "quiet_while": "Journeys in which people get no other messages.",
    "journey_group": "Journeys of which a person is in one at a time.",
    "topic": "What messages are about, as people choose it.",
    "journey": "Ways that people go, step by step.",
}


class ReferenceSchema(Schema):
    """Another definition."""

    kind = fields.String(metadata={"description": f"{', '.join(KINDS)}."})
    key = fields.String()


class FaultSchema(Schema):
    """What looks wrong about a field; line and column are places in its text."""

    field = fields.String()
    text = fields.String()
    line = fields.Integer(allow_none=True)
    column = fields.Integer(allow_none=True)


class _Told(Schema):
    destination = fields.String()
    state = fields.String(metadata={"description": "begins, running, stalled or stopped."})
    share = fields.Float(metadata={"description": "Of the full sync, 0 to 1."})
    delivered = fields.Integer(metadata={"description": "Messages that it took."})
    failed = fields.Integer(metadata={"description": "Messages that it refused."})
    behind = fields.Boolean(metadata={"description": "Whether there may be more to tell."})
    error = fields.String(allow_none=True, metadata=personal("text"))


ToldSchema = _Told.from_dict({"as": fields.List(fields.String())}, name="ToldSchema")
_NOT_BEGUN = {
    "state": "begins", "share": 0.0, "delivered": 0, "failed": 0, "behind": True, "error": None,
}  # fmt: skip


class SeenQuery(Schema):
    """From which version something is done."""

    version = fields.Integer(metadata={"description": _SEEN})


class RevertBody(SeenQuery):
    """Which version is to hold again."""

    to = fields.Integer(required=True, validate=validate.Range(1, 2**31 - 1))


class RenameBody(SeenQuery):
    """What it is to be called, here and in all that refer to it."""

    key = Words(metadata={"description": "Another key: a new definition in the old one's place."})
    name = Words(metadata={"description": "Another name."})


def shown(version: Version, links: Links, warnings: list[Fault] | None = None) -> dict[str, Any]:
    """A definition as the API and commands show it."""
    kind, body = KINDS[version.kind], version.body or {}
    return {
        "key": version.key,
        **{field.data_key or name: None for name, field in kind.schema().fields.items()},
        **kind.defaults,
        **body,
        "name": title_of(version.key, body),
        "prose": kind.prose(body),
        "version": version.version,
        "author": version.author,
        "changed_at": format_time(version.at),
        "uses": [_reference(id_) for id_ in links.uses],
        "used_by": [_reference(user.id) for user in links.used_by],
        "warnings": [fault._asdict() for fault in warnings or ()],
    }


def _reference(id_: Id) -> dict[str, str]:
    return {"kind": id_[0], "key": id_[1]}


def own_fields(kind: Kind) -> dict[str, Any]:
    """The fields of a kind's bodies."""
    return dict(kind.schema().fields)


def told(tx: Any, id_: Id) -> list[dict[str, Any]]:
    """How far the destinations of a definition are, as the API and commands show it."""
    body = defining.find(tx, id_).body or {}
    found = {item.destination: item for item in connections.progress(tx, *id_)}
    return [
        {
            "destination": sending.destination,
            "as": list(sending.ways),
            **(
                found[sending.destination]._asdict() if sending.destination in found else _NOT_BEGUN
            ),
        }
        for sending in sendings(body)
    ]


def _schemas(kind: Kind) -> tuple[type[Schema], type[Schema], type[Schema], type[Schema]]:
    """What is taken to make one and to change one, what is given, and a version."""
    name = "".join(word.capitalize() for word in kind.name.split("_"))
    key = Words(required=True, metadata={"description": "Small letters, digits and _."})
    own = kind.schema().fields
    unsaid = {field: _unsaid(item) for field, item in own.items()} if kind.as_written else {}
    about = f"A new {kind.title}."
    new = type(f"New{name}", (kind.schema,), {"key": key, **unsaid, "__doc__": about})
    changed: dict[str, Any] = {field: _optional(item) for field, item in own.items()}
    change = Schema.from_dict(
        {**changed, "version": fields.Integer(metadata={"description": _SEEN})},
        name=f"{name}Change",
    )
    given = Schema.from_dict(
        {
            "key": fields.String(),
            **changed,
            "prose": fields.String(
                allow_none=True, metadata={"description": "Its condition in plain English."}
            ),
            "version": fields.Integer(),
            "author": fields.String(metadata={"description": "Who made this version."}),
            "changed_at": fields.String(),
            "uses": fields.List(fields.Nested(ReferenceSchema)),
            "used_by": fields.List(fields.Nested(ReferenceSchema)),
            "warnings": fields.List(
                fields.Nested(FaultSchema),
                metadata={"description": "What looks wrong; told of a change, not in lists."},
            ),
        },
        name=f"{name}Schema",
    )
    version = Schema.from_dict(
        {
            "version": fields.Integer(),
            "author": fields.String(),
            "at": fields.String(),
            "body": fields.Dict(
                allow_none=True, metadata={"description": "As its file has it; null: removed."}
            ),
        },
        name=f"{name}VersionSchema",
    )
    return new, change, given, version


def _unsaid(item: Any) -> Any:
    """The field without a value where none is given."""
    made = copy.copy(item)
    made.load_default = missing
    return made


def _optional(item: Any) -> Any:
    made = copy.copy(item)
    made.required, made.allow_none, made.load_default = False, True, missing
    return made


def _room(kind: Kind) -> Room:
    """The endpoints of a kind."""
    one, many = kind.name, kind.plural.replace("-", "_")
    room = Room(many, _ABOUT[kind.name], plain=True)
    new, changed, given, version = _schemas(kind)
    read, write, address = f"{kind.scope}:read", f"{kind.scope}:write", f"/{kind.plural}"

    def on(name: str, says: str, method: str, path: str, scope: str, **more: Any) -> Take:
        def take(view: View) -> None:
            view.__name__, view.__doc__ = name, says
            room.on(method, address + path, scope, **more)(view)

        return take

    def answer(tx: Any, key: str, warnings: list[Fault] | None = None) -> dict[str, Any]:
        found = defining.load(tx)
        if (kind.name, key) not in found:
            raise defining.NoSuchDefinition((kind.name, key))
        return shown(found[kind.name, key], defining.links(found)[kind.name, key], warnings)

    @on(f"list_{many}", f"List {kind.title}s.", "GET", "", read, gives=page_of(given))
    def list_() -> dict[str, Any]:
        with here().store.read() as tx:
            found = defining.load(tx)
        links = defining.links(found)
        rows = [shown(v, links[id_]) for id_, v in found.items() if v.kind == kind.name]
        return {"data": rows, "next": None}

    @on(f"add_{one}", f"Add {kind.article}.", "POST", "", write, body=new, gives=given, status=201)
    def add(body: dict[str, Any]) -> dict[str, Any]:
        key = body.pop("key")
        with here().store.write() as tx:
            made = defining.put(tx, here().now(), (kind.name, key), body, author(), 0)
            return answer(tx, key, made.warnings)

    @on(f"get_{one}", f"One {kind.title}.", "GET", "/<key>", read, gives=given)
    def get(key: str) -> dict[str, Any]:
        with here().store.read() as tx:
            return answer(tx, key)

    @on(f"change_{one}", "Change some of its fields; null unsets one.", "PATCH", "/<key>", write,
        body=changed, gives=given)  # fmt: skip
    def change(body: dict[str, Any], key: str) -> dict[str, Any]:
        seen = body.pop("version", None)
        with here().store.write() as tx:
            there = defining.find(tx, (kind.name, key))
            merged = {**(there.body or {}), **body}
            kept = {name: value for name, value in merged.items() if value is not None}
            made = defining.put(tx, here().now(), (kind.name, key), kept, author(), seen)
            return answer(tx, key, made.warnings)

    @on(f"delete_{one}", "Remove one that nothing refers to; its versions stay.", "DELETE",
        "/<key>", write, query=SeenQuery, gives=Empty)  # fmt: skip
    def delete(query: dict[str, Any], key: str) -> dict[str, Any]:
        with here().store.write() as tx:
            seen = query.get("version")
            defining.remove(tx, here().now(), (kind.name, key), author(), seen)
        return {}

    @on(f"list_versions_of_{one}", "All that it ever said, newest first.", "GET", "/<key>/versions",
        read, gives=page_of(version))  # fmt: skip
    def versions(key: str) -> dict[str, Any]:
        with here().store.read() as tx:
            found = defining.history(tx, (kind.name, key))
        return {"data": [{**v._asdict(), "at": format_time(v.at)} for v in found], "next": None}

    @on(f"revert_{one}", "Make an older version hold again, also of a removed one.", "POST",
        "/<key>/revert", write, body=RevertBody, gives=given)  # fmt: skip
    def revert(body: dict[str, Any], key: str) -> dict[str, Any]:
        with here().store.write() as tx:
            made = defining.revert(
                tx, here().now(), (kind.name, key), body["to"], author(), body.get("version")
            )
            return answer(tx, key, made.warnings)

    @on(f"rename_{one}", "Give it another key or name, also in all that refer to it.", "POST",
        "/<key>/rename", write, body=RenameBody, gives=given)  # fmt: skip
    def rename(body: dict[str, Any], key: str) -> dict[str, Any]:
        with here().store.write() as tx:
            made = defining.rename(
                tx, here().now(), (kind.name, key), author(),
                body.get("key"), body.get("name"), body.get("version"),
            )  # fmt: skip
            return answer(tx, made.version.key, made.warnings)

    if "send_to" in own_fields(kind):
        says = f"How far the destinations are that are told of {kind.article}."

        @on(f"list_destinations_of_{one}", says, "GET", "/<key>/destinations", read,
            gives=page_of(ToldSchema))  # fmt: skip
        def destinations(key: str) -> dict[str, Any]:
            with here().store.read() as tx:
                return {"data": told(tx, (kind.name, key)), "next": None}

    return room


ROOMS = tuple(_room(kind) for kind in KINDS.values())
