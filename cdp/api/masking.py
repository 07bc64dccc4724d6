"""What a token without the scope ``personal:read`` is shown in place of personal values.

Every answer of the admin API passes `mask` on its way out. A field's schema says how
(``metadata=personal(RULE)``); texts and JSON of which it says nothing lose what looks personal
and whatever was masked elsewhere in the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Response, g, jsonify
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.protocols import DOTS, Classes, masked_text
from cdp.protocols.masker import Masker
from cdp.store.catalogue.fields import roots
from cdp.store.profiles import object_types, people
from cdp.store.profiles.people import Profile

#: Where a field says how it is masked; it stands in the OpenAPI document as well.
HOW = "x-personal"
#: Fields that hold words and numbers of ours.
_OURS = {
    "at", "author", "channel", "code", "collection", "destination", "id", "key", "kind",
    "message_id", "next", "origin", "origin_key", "phase", "plugin", "provider_id",
    "received_at", "source", "state", "step", "template", "timestamp", "topic", "type",
    "variant", "version",
}  # fmt: skip
_NUMBERS = (fields.Integer, fields.Float, fields.Boolean)
#: Strings of a body that was refused that say what it was to be.
_SHAPE = frozenset({"type", "event", "messageId", "timestamp", "sentAt", "originalTimestamp"})


def personal(rule: str, description: str | None = None) -> dict[str, str]:
    """The metadata of a field that is masked by one of `RULES`."""
    return {HOW: rule} | ({"description": description} if description else {})


class _Kept(NamedTuple):
    """What the second pass leaves as it is."""

    value: Any


class AnswerMasker(Masker):
    """Masks answers along their schemas; in ``plain`` ones only what a field's rule says.

    ``words`` are what fields of profiles begin with, by the names of their collections.
    """

    def __init__(
        self, classes: Classes, words: Mapping[str, str], root: str, plain: bool = False
    ) -> None:
        super().__init__(classes, root=root)
        self._words, self._plain = words, plain

    def answer(self, value: Any, schema: Schema) -> Any:
        """A whole answer as it may be seen."""
        return self.swept(self._object(value, schema))

    def root_of(self, owner: dict[str, Any]) -> str:
        """What the fields of a profile begin with, by its JSON."""
        return self._words.get(str(owner.get("collection")), self.root)

    def _object(self, value: Any, schema: Schema) -> Any:
        if isinstance(value, list):
            return [self._object(item, schema) for item in value]
        known = {field.data_key or name: field for name, field in schema.dump_fields.items()}
        return {key: self._of(known.get(key), key, item, value) for key, item in value.items()}

    def _of(self, field: Any, key: str, value: Any, owner: dict[str, Any]) -> Any:
        if value is None or isinstance(value, bool):
            return value
        rule = field.metadata.get(HOW) if field is not None else None
        if rule is not None:
            return RULES[rule](self, value, owner)
        if isinstance(field, fields.Nested):
            return self._object(value, field.schema)
        if isinstance(field, fields.List):
            return [self._of(field.inner, key, item, owner) for item in value]
        if self._plain or _is_ours(field, key):
            return _Kept(value)
        return self.text(value) if isinstance(value, str) else self.item(key, value, (key,))

    def _swept(self, value: Any, finder: Any) -> Any:
        return value.value if isinstance(value, _Kept) else super()._swept(value, finder)


def _is_ours(field: Any, key: str) -> bool:
    if isinstance(field, fields.Dict):
        return isinstance(field.value_field, _NUMBERS)
    if isinstance(field, fields.String):
        return (
            key in _OURS
            or key.endswith("_at")
            or any(isinstance(one, validate.OneOf) for one in field.validators)
        )
    return isinstance(field, _NUMBERS)


# -- the rules: of a masker, a value, and the object that has it ---------------------------

Rule = Callable[[AnswerMasker, Any, dict[str, Any]], Any]


def _traits(masker: AnswerMasker, value: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    root = masker.root_of(owner)
    return {masked_text(name): masker.trait(name, item, root) for name, item in value.items()}


def _message(masker: AnswerMasker, value: dict[str, Any], owner: dict[str, Any]) -> Any:
    made = masker.message({"type": owner.get("type"), **value})
    return {key: item for key, item in made.items() if key in value}


def _change(masker: AnswerMasker, value: Any, owner: dict[str, Any]) -> Any:
    # What was parted by hand is all identifiers.
    return masker.shape(value) if owner.get("kind") == "cut" else masker.value(value)


def _reports(_masker: AnswerMasker, value: list[dict[str, Any]], _owner: dict[str, Any]) -> Any:
    hard = [{k: v for k, v in (row["detail"] or {}).items() if k == "hard"} for row in value]
    return [_Kept({**row, "detail": detail}) for row, detail in zip(value, hard, strict=True)]


#: How a field is masked, by the word that its schema has for it.
RULES: dict[str, Rule] = {
    "no": lambda _masker, value, _owner: _Kept(value),
    "value": lambda masker, value, _owner: masker.hide(value),
    "identifiers": lambda masker, value, _owner: masker.words(value),
    "name": lambda masker, value, owner: masker.name(value, masker.root_of(owner)),
    "traits": _traits,
    "trait": lambda masker, value, owner: masker.trait(owner["trait"], value),
    "message": _message,
    "exchange": lambda masker, value, _owner: masker.exchange(value),
    "shape": lambda masker, value, _owner: masker.shape(value, _SHAPE),
    "text": lambda masker, value, _owner: masker.text(value),
    "quoted": lambda masker, value, _owner: masker.quoted(value),
    "change": _change,
    "reports": _reports,
    "dots": lambda _masker, _value, _owner: DOTS,
    "left_out": lambda _masker, _value, _owner: None,
}


def hide_subject(tx: Connection, masker: Masker, profile: Profile) -> None:
    """Mask what names a profile wherever it stands in an answer about it."""
    masker.name(profile.name, masker.root)
    for row in people.identifiers_of(tx, profile.id):
        masker.hide(row.value)


def mask(
    tx: Connection, response: Response, classes: Classes, schema: Schema | None, plain: bool
) -> None:
    """Mask an answer by what is decided of fields.

    ``schema`` is that of a good one, ``plain`` as `AnswerMasker` has it.
    """
    known = roots(tx)
    words = {word: known[id_] for id_, word in object_types.words(tx).items()}
    subject: Profile | None = g.get("subject")
    root = known[subject.collection] if subject is not None else "traits"
    masker = AnswerMasker(classes, words, root, plain)
    if subject is not None:
        hide_subject(tx, masker, subject)
    value = response.get_json()
    if schema is not None and response.status_code < 400:
        made = masker.answer(value, schema)
    elif plain:
        return
    else:
        made = masker.seen(value)
    response.set_data(jsonify(made).get_data())
