"""``kind: topic``: what messages are about, as people choose it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from cdp.definitions.kind import Body, Fault, Id, Kind, line, printable, prose, yes_or_no
from cdp.definitions.words import Use, Word
from cdp.messaging.choices import CHANNELS
from cdp.messaging.templates import names


class TopicSchema(Schema):
    """A topic, as its file has it."""

    name = line(metadata={"description": "What people call it; made of the key if unset."})
    description = prose("What somebody gets who subscribes to it; people read this.")
    default = fields.String(
        load_default="subscribed",
        validate=validate.OneOf(
            ("subscribed", "unsubscribed"), error="It must be subscribed or unsubscribed."
        ),
        metadata={"description": "What holds for those who have said nothing."},
    )
    channels = fields.List(
        fields.String(
            validate=validate.OneOf(CHANNELS, error=f"It must be one of {', '.join(CHANNELS)}.")
        ),
        metadata={"description": "By which channels it comes; for people to read."},
    )
    double_opt_in = fields.String(
        validate=validate.Length(1, 60),
        metadata={
            "description": "The email template that asks for confirmation; who subscribes from "
            "outside counts once its link is followed."
        },
    )
    locales = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(
            keys=fields.String(), values=fields.String(validate=[validate.Length(1), printable])
        ),
        metadata={"description": "Name and description in other languages: pt-BR, else pt."},
    )
    hidden = yes_or_no("Shown in the preference centre only to those who have said something.")
    archived = yes_or_no("Kept, and no longer shown to people.")


#: The longest text of each field of a language.
_LOCAL = {"name": 100, "description": 5000}


def _wrong(body: Body) -> list[Fault]:
    found = []
    for locale, said in (body.get("locales") or {}).items():
        if not names.LOCALE.fullmatch(locale):
            found.append(Fault(f"locales.{locale}", "It is no locale, such as pt or pt-BR."))
        for field, text in said.items():
            at = f"locales.{locale}.{field}"
            if field not in _LOCAL:
                found.append(Fault(at, "A language has a name and a description alone."))
            elif len(text) > _LOCAL[field] or (field == "name" and "\n" in text):
                found.append(Fault(at, f"It has one line, {_LOCAL[field]:,} characters at most."))
    return found


def _refers(body: Body) -> tuple[Use, ...]:
    template = body.get("double_opt_in")
    return (Use(Word("template", template), "double_opt_in"),) if template else ()


def _renamed(body: dict[str, Any], new: Mapping[Word, Word]) -> None:
    if "double_opt_in" in body:
        old = Word("template", body["double_opt_in"])
        body["double_opt_in"] = new.get(old, old).text


def can_confirm(template: Body) -> bool:
    """Whether a template can ask for confirmation: its link stands there, or in a snippet."""
    said = json.dumps(template)
    there = "confirm_url" in said or "snippets." in said or "{% render" in said
    return template.get("channel") == "email" and there


def _whole(id_: Id, bodies: Mapping[Id, Body]) -> list[Fault]:
    template = bodies[id_].get("double_opt_in")
    body = bodies.get(("template", template or ""))
    if body is None or can_confirm(body):
        return []
    text = f"{template} is no email with {{{{ trigger.confirm_url }}}}: nobody could confirm."
    return [Fault("double_opt_in", text)]


TOPIC = Kind(
    "topic",
    "topic",
    "topics",
    TopicSchema,
    lambda key, body: (Word("topic", key),),
    (),
    refers=_refers,
    wrong=_wrong,
    whole=_whole,
    scope="templates",
    renamed=_renamed,
)
