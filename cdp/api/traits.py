"""``/api/trait-rules``: how much a profile keeps, and which objects merge."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from cdp.api.errors import wrong_fields
from cdp.api.room import Room, author, here
from cdp.profiles.trait_rules import TraitRules
from cdp.store.profiles.trait_rules import load_trait_rules, put_trait_rules, rules_effect

room = Room("traits", "The rules of traits.", plain=True)


class TraitRulesSchema(Schema):
    """The rules; they hold for the messages to come."""

    merge_objects = fields.Raw(
        metadata={"description": "Traits whose objects merge key by key: a list, true or false."}
    )
    max_traits = fields.Integer(metadata={"description": "Traits that one call may set."})
    max_value_bytes = fields.Integer(metadata={"description": "Size of one value as JSON."})
    max_profile_traits = fields.Integer(metadata={"description": "Traits of one profile."})
    max_object_keys = fields.Integer(
        metadata={"description": "Keys, of all depths, that a merged object ever has."}
    )


class RuleChange(Schema):
    """One rule that would change."""

    rule = fields.String()
    before = fields.Raw()
    after = fields.Raw()


class TraitEffect(Schema):
    """What other rules would change."""

    changes = fields.List(fields.Nested(RuleChange))
    looked_at = fields.Integer(metadata={"description": "Profiles looked at."})
    over = fields.Integer(
        metadata={"description": "Of these, those with more traits than the rules would let in."}
    )


def _changed(tx: Any, body: dict[str, Any]) -> TraitRules:
    try:
        return TraitRules.from_dict({**load_trait_rules(tx).to_dict(), **body})
    except ValueError as error:
        raise wrong_fields({"rules": [str(error)]}) from None


@room.on("GET", "/trait-rules", "profiles:read", gives=TraitRulesSchema)
def get_trait_rules() -> dict[str, Any]:
    """The rules in force."""
    with here().store.read() as tx:
        return load_trait_rules(tx).to_dict()


@room.on("PATCH", "/trait-rules", "profiles:write", body=TraitRulesSchema, gives=TraitRulesSchema)
def change_trait_rules(body: dict[str, Any]) -> dict[str, Any]:
    """Change some of the rules, for the messages to come."""
    with here().store.write() as tx:
        return put_trait_rules(tx, here().now(), _changed(tx, body).to_dict(), author()).to_dict()


@room.on("POST", "/trait-rules/preview", "profiles:read", body=TraitRulesSchema, gives=TraitEffect)
def preview_trait_rules(body: dict[str, Any]) -> dict[str, Any]:
    """What a change of the rules would do; nothing is changed."""
    with here().store.read() as tx:
        found = rules_effect(tx, _changed(tx, body))
    changes = [{"rule": r, "before": old, "after": new} for r, old, new in found.changes]
    return {"changes": changes, "looked_at": found.looked_at, "over": found.over}
