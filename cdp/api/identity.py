"""``/api/identity`` and what explains, parts and joins profiles."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from cdp.api.errors import ApiError, not_found, wrong_fields
from cdp.api.fields import Empty
from cdp.api.masking import personal
from cdp.api.people import find
from cdp.api.room import Room, author, here, page_of
from cdp.events import format_time
from cdp.identity import Identifier, parse_identifier, public_id
from cdp.identity.rules_file import RulesError, check, default_file
from cdp.pipeline import sweep
from cdp.pipeline import unmerge as parting
from cdp.pipeline.story import cut_shown, story, word
from cdp.store import definitions
from cdp.store.profiles import identity, people

room = Room("identity", "How people become one profile: explained, undone, ruled.")

#: Components that a preview of other rules looks at in one request.
PREVIEWED = 20_000


class StorySchema(Schema):
    """Why a profile is what it is.

    A branch is a profile as it grew; what it took in hangs on the step that did it.
    """

    id = fields.String()
    profile = fields.Dict(
        allow_none=True,
        metadata={
            "description": "A branch: id, founded_by, created_at, and steps, each with at, "
            "source, message_id, type, name, identifiers, known_by, added, joined (by, "
            "profile: a branch) and kept_apart (identifier, reason, because, belongs_to); "
            "more: how many steps are not told. null: the rules block all of it by now."
        },
    )
    elsewhere = fields.List(
        fields.Dict(),
        metadata={
            "description": "Messages of others that named an identifier of this one: 200 at most."
        },
    )
    cuts = fields.List(fields.Dict(), metadata={"description": "Cuts that hold here."})


class UnmergeBody(Schema):
    """What to take out of a profile, as type:value."""

    take = fields.List(fields.String(), required=True, validate=validate.Length(1, 100))
    keep = fields.String(metadata={"description": "What stays; the highest identifier if unset."})
    note = fields.String(validate=validate.Length(0, 1000))
    dry_run = fields.Boolean(load_default=False)


class PartedSchema(Schema):
    """What was parted, or with dry_run would be."""

    cut = fields.Integer(allow_none=True, metadata={"description": "Its number, to undo it."})
    taken = fields.List(fields.String(), metadata=personal("identifiers"))
    kept = fields.List(fields.String(), metadata=personal("identifiers"))
    links = fields.List(
        fields.String(), metadata=personal("no", "Ids of the messages that linked the two.")
    )
    events_taken = fields.Integer()
    events_kept = fields.Integer()
    joins = fields.List(
        fields.String(),
        metadata=personal("identifiers", "Of others with whom what is taken out will be one."),
    )
    profile = fields.String(
        allow_none=True, metadata={"description": "Public id of the profile that was taken out."}
    )


class CutSchema(Schema):
    """Identifiers that a person has parted for good."""

    number = fields.Integer()
    taken = fields.List(fields.String(), metadata=personal("identifiers"))
    kept = fields.List(fields.String(), attribute="from", metadata=personal("identifiers"))
    author = fields.String()
    at = fields.String()
    note = fields.String(allow_none=True, metadata=personal("dots"))
    undone_at = fields.String(allow_none=True)
    undone_by = fields.String(allow_none=True)


class RulesAnswer(Schema):
    """The rules in force; ``swept`` says how much of the past follows them, 0 to 1."""

    version = fields.Integer()
    rules = fields.Dict(metadata=personal("no", "As in their file (kind: identity)."))
    swept = fields.Float()


class RulesBody(Schema):
    """Rules as their file has them."""

    rules = fields.Dict(required=True)


class EffectSchema(Schema):
    """What other rules would do to the profiles looked at."""

    looked_at = fields.Integer()
    of = fields.Integer()
    before = fields.Integer()
    after = fields.Integer()
    examples = fields.List(fields.Dict(), metadata=personal("identifiers"))


class VersionSchema(Schema):
    """A version of the rules."""

    version = fields.Integer()
    author = fields.String()
    at = fields.String()
    rules = fields.Dict(attribute="body", allow_none=True, metadata=personal("no"))


def _identifier(text: str) -> Identifier:
    found = parse_identifier(text)
    if found is None:
        raise wrong_fields({"take": [f"{text!r} is not type:value."]})
    return found


@room.on("GET", "/profiles/<rest:profile>/explanation", "profiles:read", gives=StorySchema)
def explain_profile(profile: str) -> dict[str, Any]:
    """What joined a profile, when, by which message and rule."""
    with here().store.read() as tx:
        return story(tx, find(tx, profile))


@room.on(
    "POST",
    "/profiles/<rest:profile>/unmerge",
    "profiles:write",
    body=UnmergeBody,
    gives=PartedSchema,
)
def unmerge_profile(body: dict[str, Any], profile: str) -> dict[str, Any]:
    """Take identifiers out of a profile for good.

    Traits and events of both sides become what they would have been without the link,
    and no replay and no new event brings it back. It can be undone.
    """
    taken = [_identifier(text) for text in body["take"]]
    keep = _identifier(body["keep"]) if "keep" in body else None
    store, cut, twin = here().store, None, None
    try:
        with store.read() as tx:
            found = find(tx, profile)
            plan = parting.plan(tx, found, taken, keep)
            joins = parting.company(tx, found, plan.sides)
        if not body["dry_run"]:
            cut = parting.unmerge(
                store, found, taken, author(), here().now(), keep=keep, note=body.get("note")
            )
            with store.read() as tx:
                twin = people.resolve(tx, cut.collection, *taken[0])
    except parting.CannotUnmerge as error:
        raise ApiError(400, "validation_error", f"{error}.") from None
    return {
        "cut": cut.number if cut is not None else None,
        "taken": [word(item) for item in sorted(plan.sides.left)],
        "kept": [word(item) for item in sorted(plan.sides.right)],
        "links": [row.first_message_id for row in plan.links],
        "events_taken": plan.events_taken,
        "events_kept": plan.events_kept,
        "joins": [word(item) for item in joins],
        "profile": public_id(twin.collection, twin.anchor) if twin is not None else None,
    }


@room.on("GET", "/identity/cuts", "profiles:read", gives=page_of(CutSchema))
def list_cuts() -> dict[str, Any]:
    """List what was parted, by whom and when; undone cuts too."""
    with here().store.read() as tx:
        return {"data": [cut_shown(row) for row in identity.all_cuts(tx)], "next": None}


@room.on("POST", "/identity/cuts/<int:number>/undo", "profiles:write", body=Empty, gives=CutSchema)
def undo_cut(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Take a cut back, so that its links hold again."""
    if not parting.undo(here().store, number, author(), here().now()):
        raise not_found(f"There is no cut {number} that holds.")
    with here().store.read() as tx:
        row = next(row for row in identity.all_cuts(tx) if row.cut.number == number)
    return cut_shown(row)


def _rules() -> dict[str, Any]:
    with here().store.read() as tx:
        found = definitions.current(tx, identity.KIND, identity.KEY)
        left = identity.sweep(tx)
    return {
        "version": found.version if found is not None else 0,
        "rules": found.body if found is not None else default_file(),
        "swept": round(left.at / left.end, 4) if left is not None else 1.0,
    }


@room.on("GET", "/identity/rules", "profiles:read", gives=RulesAnswer)
def get_rules() -> dict[str, Any]:
    """The rules in force."""
    return _rules()


@room.on("PUT", "/identity/rules", "profiles:write", body=RulesBody, gives=RulesAnswer)
def put_rules(body: dict[str, Any]) -> dict[str, Any]:
    """Change the rules. They hold for the past as well: all profiles are folded anew."""
    try:
        sweep.change_rules(here().store, body["rules"], author(), here().now())
    except RulesError as error:
        raise ApiError(400, "validation_error", str(error)) from None
    return _rules()


@room.on("POST", "/identity/rules/preview", "profiles:read", body=RulesBody, gives=EffectSchema)
def preview_rules(body: dict[str, Any]) -> dict[str, Any]:
    """What other rules would change, by the newest profiles; nothing is written."""
    try:
        check(body["rules"])
    except RulesError as error:
        raise ApiError(400, "validation_error", str(error)) from None
    *_, effect = sweep.preview(here().store, body["rules"], most=PREVIEWED)
    return {
        **effect._asdict(),
        "examples": [
            {"now": list(map(word, now)), "then": [list(map(word, part)) for part in then]}
            for now, then in effect.examples
        ],
    }


@room.on("GET", "/identity/rules/versions", "profiles:read", gives=page_of(VersionSchema))
def list_rules() -> dict[str, Any]:
    """The versions of the rules, newest first."""
    with here().store.read() as tx:
        found = definitions.versions(tx, identity.KIND, identity.KEY)
    rows = [{**version._asdict(), "at": format_time(version.at)} for version in found]
    return {"data": rows, "next": None}
