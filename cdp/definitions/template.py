"""``kind: template``: what a message says, for one channel, in its locales."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, fields, validate

from cdp.conditions.errors import did_you_mean
from cdp.definitions.kind import Body, Fault, Id, Kind, line, printable, prose, yes_or_no
from cdp.definitions.texts import (
    fault_of,
    liquid_faults,
    plainly,
    rename_snippets,
    snippet_uses,
    texts_of,
)
from cdp.definitions.words import Use, Word
from cdp.messaging import saving
from cdp.messaging.colors import HEX
from cdp.messaging.templates import TemplateError, names

#: The longest body (characters).
MAX_BODY = 500_000
_VARIABLE = re.compile(r"[^\s\"'{}|%,][^\"'{}|%,]{0,200}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}")
#: Headers that the channel writes.
_OURS = {
    "from", "to", "cc", "bcc", "subject", "date", "message-id", "sender", "return-path", "received",
    "mime-version", "dkim-signature", "list-unsubscribe", "list-unsubscribe-post", "reply-to",
}  # fmt: skip
_UTM = ("source", "medium", "campaign", "term", "content", "id")


def _text(about: str, most: int = 2000, **more: Any) -> fields.String:
    checks: list[Any] = [validate.Length(1, most), printable]
    return fields.String(validate=checks, metadata={"description": about}, **more)


def _one_of(choices: tuple[str, ...], about: str, **more: Any) -> fields.String:
    said = validate.OneOf(choices, error=f"It must be {', '.join(choices[:-1])} or {choices[-1]}.")
    return fields.String(validate=said, metadata={"description": about}, **more)


def _map(about: str) -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.String(validate=[validate.Length(max=5000), printable]),
        metadata={"description": about},
    )


def _yes(about: str) -> fields.Boolean:
    made = yes_or_no(about)
    made.load_default = True
    return made


def _ints(about: str, low: int, high: int) -> fields.Integer:
    return fields.Integer(
        strict=True, validate=validate.Range(low, high), metadata={"description": about}
    )


BODY = _text("What it says, or a file beside this one that has it.", MAX_BODY)
FORMAT = _one_of(names.FORMATS, "Of the body; by its file's ending, or as it looks, if unset.")


TemplateSchema = Schema.from_dict(
    {
        "name": line(metadata={"description": "What people call it; made of the key if unset."}),
        "description": prose("What it is for."),
        "channel": _one_of(
            names.CHANNELS, "Which way it goes.", required=True,
            error_messages={"required": "Say which way it goes: email, sms, push, …"},
        ),
        "topic": _text("The subscription topic that people can leave.", 60),
        "subject": _text("email: its subject."),
        "preheader": _text("email: what is shown beside the subject."),
        "title": _text("push, in_app: its title."),
        "form": _one_of(names.FORMS, "in_app: how it is shown; inbox if unset."),
        "url": _text("webhook: the address that is called."),
        "method": _one_of(names.METHODS, "webhook: POST if unset."),
        "save_response": fields.Dict(
            keys=fields.String(validate=validate.OneOf(("traits",))),
            values=fields.Dict(
                keys=fields.String(), values=fields.String(validate=validate.Length(1, 500)),
                validate=validate.Length(1, saving.MAX_TRAITS),
            ),
            metadata={"description": "webhook: what of its answer is kept: traits by name, each "
                      "with a path such as json.plan.name, status, headers.etag or body."},
        ),
        "to": _text("slack: the channel, or an incoming webhook's address."),
        "format": FORMAT,
        "body": BODY,
        "text": _text("email: the plain text, if not what the body says.", MAX_BODY),
        "amp": _text("email: a part for AMP.", MAX_BODY),
        "from": _text("email: the sender, such as Shop <shop@example.org>; sms: its number.", 320),
        "reply_to": _text("email: where answers go.", 320),
        "headers": _map("email, webhook: more headers."),
        "layout": _text("email: the layout that it stands in.", 60),
        "image": _text("push, in_app: an image's address."),
        "link": _text("push, in_app: where it leads."),
        "sound": _text("push: default if unset.", 100),
        "badge": _ints("push: the number on the app's icon.", 0, 99_999),
        "collapse_key": _text("push: what replaces what.", 64),
        "category": _text("push: the name under which an app has registered the buttons.", 100),
        "ttl": _text("push: how long it is tried, such as 1d.", 10),
        "data": _map("push, in_app: data for the app."),
        "custom": fields.Dict(
            keys=fields.String(validate=validate.OneOf(("ios", "android", "web"))),
            values=fields.Dict(),
            metadata={"description": "push: more of a platform's payload: ios, android, web."},
        ),
        "media": fields.List(
            _text("An address."), validate=validate.Length(max=10),
            metadata={"description": "sms: addresses of images."},
        ),
        "buttons": fields.List(
            fields.Dict(keys=fields.String(), values=fields.String()),
            validate=validate.Length(max=5),
            metadata={"description": "push, in_app: each with text, and link or action."},
        ),
        "pages": fields.List(
            _text("A pattern.", 200), validate=validate.Length(max=20),
            metadata={"description": "in_app: on which paths it is shown: regular expressions."},
        ),
        "priority": _ints("in_app: the lowest comes first; 100 if unset.", 0, 1000),
        "theme": _map("in_app: its looks; email of blocks: color and background, as #1d5bc4."),
        "expires_after": _text("in_app: how long it is shown, such as 30d.", 10),
        "blocks": fields.List(
            fields.Dict(), validate=validate.Length(max=50),
            metadata={"description": "email: what stands for a body; slack: Block Kit."},
        ),
        "missing": _one_of(
            names.MISSING, "What happens where a variable has no value and no default.",
            load_default="fail",
        ),
        "fallbacks": _map("Texts by variable, with missing: fallback."),
        "tracked": _yes("Whether clicks and openings are counted."),
        "inline_css": _yes("email: whether CSS is put into style attributes."),
        "utm": _map(f"What is added to links: {', '.join(_UTM)}."),
        "locales": fields.Dict(
            keys=fields.String(), values=fields.Dict(keys=fields.String()),
            metadata={"description": "What is said differently, by locale: pt-BR, else pt."},
        ),
    },
    name="TemplateSchema",
)  # fmt: skip


def _wrong(body: Body) -> list[Fault]:
    return list(_faults(body)) or _liquid(body)


def _faults(body: Body) -> Iterator[Fault]:
    channel = body["channel"]
    mine, defaults = names.fields_of(channel), TEMPLATE.defaults
    for field, value in body.items():
        if field not in mine and value not in (None, [], {}) and value != defaults.get(field):
            yield Fault(field, f"a template of the channel {channel} has no such field")
    for several in names.NEEDED[channel]:
        if not any(body.get(field) for field in several):
            yield Fault(several[0], f"Say its {' or '.join(several)}.")
    for name in body.get("headers") or {}:
        if not _HEADER.fullmatch(name):
            yield Fault(f"headers.{name}", "It is no name of a header.")
        elif channel == "email" and (name.lower() in _OURS or name.lower().startswith("content-")):
            yield Fault(f"headers.{name}", "The channel writes this header.")
    for field in ("subject", "from", "reply_to", "to", "url", "link", "image"):
        if "\n" in str(body.get(field) or "") or "\r" in str(body.get(field) or ""):
            yield Fault(field, "It must be one line.")
    for name in body.get("utm") or {}:
        if name not in _UTM:
            yield Fault(f"utm.{name}", f"There are {', '.join(_UTM)}.")
    for field in ("ttl", "expires_after"):
        if body.get(field) and names.seconds(body[field]) is None:
            yield Fault(field, "It must be a duration such as 30d.")
    if body.get("fallbacks") and body.get("missing") != "fallback":
        yield Fault("fallbacks", "They are used with missing: fallback.")
    for name in body.get("fallbacks") or {}:
        if not _VARIABLE.fullmatch(name):
            yield Fault("fallbacks", f"{name[:60]} is no variable, such as customer.first_name.")
    most = names.MOST_BUTTONS.get(channel, 0)
    if most and len(body.get("buttons") or []) > most:
        yield Fault("buttons", f"There are {most} at most.")
    for number, button in enumerate(body.get("buttons") or [], 1):
        if not button.get("text") or set(button) - {"text", "link", "action"}:
            yield Fault("buttons", f"Button {number} needs a text, and has link or action.")
    if channel == "email":
        yield from _blocks(body)
    for trait, wrong in saving.faults(saving.saves_of(body)):
        yield Fault(f"save_response.traits.{trait}", f"{wrong[0].upper()}{wrong[1:]}.")
    yield from _regexes(body)
    yield from _locales(body, mine)


def _blocks(body: Body) -> Iterator[Fault]:
    from cdp.messaging.templates.building import THEME, faults

    for name, said in (("", body), *(body.get("locales") or {}).items()):
        field = f"locales.{name}.blocks" if name else "blocks"
        if said.get("body") and said.get("blocks"):
            yield Fault(field, "It has a body and blocks: keep one of them.")
        if isinstance(said.get("blocks"), list):
            yield from (Fault(field, text) for text in faults(said["blocks"]))
    for name, color in (body.get("theme") or {}).items():
        if name not in THEME:
            yield Fault("theme", f"A theme of an email has {', '.join(THEME)}.")
        elif not HEX.fullmatch(color):
            yield Fault("theme", f"Its {name} is written as #1d5bc4.")


def _regexes(body: Body) -> Iterator[Fault]:
    for pattern in body.get("pages") or []:
        try:
            re.compile(pattern)
        except re.error as error:
            yield Fault("pages", f"{pattern!r} is no regular expression: {error}")


def _locales(body: Body, mine: tuple[str, ...]) -> Iterator[Fault]:
    schema = TemplateSchema()
    for name, said in (body.get("locales") or {}).items():
        if not names.LOCALE.fullmatch(name):
            yield Fault(f"locales.{name}", "It is no locale, such as pt or pt-BR.")
        for field, value in said.items():
            at = f"locales.{name}.{field}"
            if field not in names.LOCAL or field not in mine:
                known = [one for one in names.LOCAL if one in mine]
                hint = did_you_mean(field, known) or f"There are {', '.join(known)}."
                yield Fault(at, f"A locale has no such field. {hint}")
                continue
            for texts in schema.validate({field: value}, partial=True).values():
                yield Fault(at, str(texts[0] if isinstance(texts, list) else texts))


def _liquid(body: Body) -> list[Fault]:
    """What is wrong with the Liquid in any of its texts."""
    return [
        fault
        for field, text in texts_of(body)
        if "{{" in text or "{%" in text
        for fault in liquid_faults(field, text)
    ]


def _refers(body: Body) -> tuple[Use, ...]:
    found = [Use(Word("topic", body["topic"]), "topic")] if body.get("topic") else []
    layouts = [body.get("layout"), *(x.get("layout") for x in (body.get("locales") or {}).values())]
    found += [Use(Word("layout", key), "layout") for key in dict.fromkeys(layouts) if key]
    return (*found, *snippet_uses(body))


def _renamed(body: dict[str, Any], new: Mapping[Word, Word]) -> None:
    for field in ("topic", "layout"):
        for part in (body, *(body.get("locales") or {}).values()):
            if part.get(field):
                old = Word("topic" if field == "topic" else "layout", part[field])
                part[field] = new.get(old, old).text
    rename_snippets(body, new)


def _whole(id_: Id, bodies: Mapping[Id, Body]) -> list[Fault]:
    from cdp.messaging.templates.compiled import compile_template

    layouts = {key: body for (kind, key), body in bodies.items() if kind == "layout"}
    snippets = {key: body for (kind, key), body in bodies.items() if kind == "snippet"}
    try:
        compile_template(id_[1], bodies[id_], layouts, snippets).check()
    except TemplateError as error:
        return [fault_of(trouble) for trouble in error.troubles]
    return []


TEMPLATE = Kind(
    "template",
    "template",
    "templates",
    TemplateSchema,
    lambda key, body: (Word("template", key),),
    (),
    refers=_refers,
    wrong=_wrong,
    canonical=plainly,
    whole=_whole,
    beside=("body", "text", "amp"),
    scope="templates",
    renamed=_renamed,
)
