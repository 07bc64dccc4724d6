"""``/api/files``, ``/api/plan``, ``/api/apply``: what people define, as their files have it."""

from __future__ import annotations

from typing import Any

from flask import g
from marshmallow import Schema, fields, validate

from cdp.api.auth import allows
from cdp.api.definitions import FaultSchema
from cdp.api.errors import ApiError, wrong_fields
from cdp.api.room import ANY, Room, author, here, page_of
from cdp.definitions import DefinitionError, Fault, Id
from cdp.folder import planning
from cdp.folder.model import Plan, StalePlan, Wanted, World
from cdp.folder.planning import HANDLER_OF, HANDLERS, Seen
from cdp.folder.reading import identity_of
from cdp.folder.texts import yaml_of
from cdp.store import meta

room = Room(
    "files", "What people define, as their files have it: read, planned and applied.", plain=True
)

_KINDS = ", ".join(HANDLER_OF)
#: A folder's worth of files.
MAX_BODY = 16 * 1024 * 1024


class FileSchema(Schema):
    """An object, as its file has it; secrets are ``${env:NAME}``."""

    kind = fields.String(metadata={"description": f"{_KINDS}."})
    key = fields.String()
    object = fields.Dict(metadata={"description": "All of it, kind and key too."})
    text = fields.String(metadata={"description": "The file, as YAML."})
    hash = fields.String(metadata={"description": "Changes when what it says does."})
    version = fields.Integer(allow_none=True)
    author = fields.String(
        allow_none=True, metadata={"description": "Who changed it last, as far as is known."}
    )


class SeenSchema(Schema):
    """What somebody has seen of an object."""

    kind = fields.String(required=True)
    key = fields.String(required=True)
    hash = fields.String(required=True)
    version = fields.Integer(allow_none=True, load_default=None)


class ApplyBody(Schema):
    """Objects as they are to be."""

    objects = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        validate=validate.Length(max=10_000),
        metadata={"description": "Each as its file has it, with kind and key."},
    )
    seen = fields.List(
        fields.Nested(SeenSchema),
        load_default=list,
        metadata={
            "description": "Of which state the objects were made: hashes from /api/files. A change "
            "of what has another one by now is a conflict; so is one of what somebody made by hand "
            "and is not among these."
        },
    )
    prune = fields.Boolean(
        load_default=False,
        metadata={"description": "Also remove definitions that are not among the objects."},
    )
    overwrite = fields.Boolean(
        load_default=False, metadata={"description": "Make changes that are conflicts."}
    )


class FieldChangeSchema(Schema):
    """A field that differs; null where it is not there."""

    field = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class AudienceEffectSchema(Schema):
    """How many enter and leave; an estimate unless it is exact."""

    of = fields.String()
    enter = fields.Integer()
    leave = fields.Integer()
    exact = fields.Boolean()


class StepSchema(Schema):
    """What happens to an object: create, change, remove; or affect, by what it refers to."""

    action = fields.String()
    kind = fields.String()
    key = fields.String()
    changes = fields.List(fields.Nested(FieldChangeSchema))
    warnings = fields.List(fields.Nested(FaultSchema))
    effect = fields.Nested(AudienceEffectSchema, allow_none=True)
    sends = fields.Dict(
        allow_none=True,
        metadata={"description": "Of a broadcast: state (draft, scheduled or ready), people (whom "
                  "it is for now; null: not known), exact, at (when it begins)."},
    )  # fmt: skip
    conflict = fields.String(allow_none=True)


class PlanSchema(Schema):
    """All that an apply does, in its order."""

    steps = fields.List(fields.Nested(StepSchema))


def _world() -> World:
    # The server's environment is not for whoever holds a token.
    return World(here().plugins.destinations(), None)


def _may(kind: str, verb: str) -> bool:
    return allows(g.token, f"{HANDLER_OF[kind].scope}:{verb}")


def _need(kinds: set[str], verb: str) -> None:
    for kind in sorted(kinds):
        if not _may(kind, verb):
            scope = f"{HANDLER_OF[kind].scope}:{verb}"
            raise ApiError(403, "authorization_error", f"The token lacks the scope {scope}.")


@room.on("GET", "/files", ANY, gives=page_of(FileSchema))
def list_files() -> dict[str, Any]:
    """List what has a file form, of the kinds that the token may read."""
    with here().store.read() as tx:
        found = planning.things(tx, _world())
    rows = [
        {
            "kind": thing.kind,
            "key": thing.key,
            "object": {"kind": thing.kind, "key": thing.key, **thing.body},
            "text": yaml_of(thing),
            "hash": thing.hash,
            "version": thing.version,
            "author": thing.author,
        }
        for thing in found.values()
        if _may(thing.kind, "read")
    ]
    return {"data": rows, "next": None}


@room.on("POST", "/plan", ANY, body=ApplyBody, gives=PlanSchema, max_body=MAX_BODY)
def plan(body: dict[str, Any]) -> dict[str, Any]:
    """Say what an apply would change, and for how many people. Needs the scopes to read."""
    wanted, places = _read(body, "read")
    with here().store.read() as tx:
        made = planning.plan(
            tx, wanted, _seen(body), _world(), prune=body["prune"],
            overwrite=body["overwrite"], now=here().now(),
        )  # fmt: skip
    return _answer(made, places)


@room.on("POST", "/apply", ANY, body=ApplyBody, gives=PlanSchema, max_body=MAX_BODY)
def apply(body: dict[str, Any]) -> dict[str, Any]:
    """Make objects hold, all of them or none. Needs the scopes to write, and to send for
    a broadcast that is to go.

    A secret that is a reference stays what is stored; where nothing is, the reference is
    kept, and read when something is delivered.
    """
    wanted, places = _read(body, "write")
    who = author().removesuffix(" (api)")
    try:
        with here().store.write() as tx:
            meta.bump(tx)  # so that what is planned here is what is applied
            made = planning.plan(
                tx, wanted, _seen(body), _world(), prune=body["prune"],
                overwrite=body["overwrite"],
            )  # fmt: skip
            answer = _answer(made, places)
            if any(step.sends and step.sends.state != "draft" for step in made.steps):
                _need({"broadcast"}, "send")
            if made.conflicts:
                named = {f"{s.id[0]}/{s.id[1]}": [str(s.conflict)] for s in made.conflicts}
                text = "; ".join(f"{name}: {why}" for name, [why] in named.items())
                raise ApiError(409, "conflict", text, named)
            planning.apply(tx, here().now(), made, who, _world())
    except StalePlan as error:
        raise ApiError(409, "conflict", f"{error}.") from None
    return answer


def _seen(body: dict[str, Any]) -> dict[Id, Seen]:
    return {
        (item["kind"], item["key"]): Seen(item["hash"], item["version"]) for item in body["seen"]
    }


def _read(body: dict[str, Any], verb: str) -> tuple[list[Wanted], dict[Id, str]]:
    """The objects, and where in the request each stands."""
    wanted, places = list[Wanted](), dict[Id, str]()
    faults: dict[str, list[str]] = {}
    kinds = {kind for h in HANDLERS if h.prunes != "none" for kind in h.folders}
    kinds = kinds if body["prune"] else set()
    for number, given in enumerate(body["objects"]):
        place = f"objects.{number}"
        id_, wrong = identity_of(given)
        if id_ is not None and id_ in places:
            wrong = [Fault("key", f"{places[id_]} is of this kind and key already")]
        if id_ is None or wrong:
            _note(faults, place, wrong)
            continue
        places[id_] = place
        kinds.add(id_[0])
        own = {name: value for name, value in given.items() if name not in ("kind", "key")}
        try:
            wanted.append(HANDLER_OF[id_[0]].read(id_, own, _world()))
        except DefinitionError as error:
            _note(faults, place, error.faults)
    _need(kinds, verb)
    if faults:
        raise wrong_fields(faults)
    return wanted, places


def _note(faults: dict[str, list[str]], place: str, found: list[Fault]) -> None:
    for fault in found:
        name = f"{place}.{fault.field}" if fault.field else place
        faults.setdefault(name, []).append(fault.located)


def _answer(made: Plan, places: dict[Id, str]) -> dict[str, Any]:
    faults: dict[str, list[str]] = {}
    for id_, found in made.faults.items():
        _note(faults, places.get(id_, f"{id_[0]}/{id_[1]}"), found)
    if faults:
        raise wrong_fields(faults)
    return {"steps": made.rows()}
