"""``kind: layout``: what emails stand in; ``kind: snippet``: what many messages say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from cdp.definitions.kind import Body, Fault, Id, Kind, line, prose
from cdp.definitions.template import BODY, FORMAT
from cdp.definitions.texts import (
    liquid_faults,
    plainly,
    rename_snippets,
    snippet_uses,
    texts_of,
)
from cdp.definitions.words import Word
from cdp.messaging.templates import TemplateError, names


def _schema(name: str, **more: Any) -> type[Schema]:
    body = {
        "name": line(metadata={"description": "What people call it; made of the key if unset."}),
        "description": prose("What it is for."),
        **more,
        "body": BODY,
        "locales": fields.Dict(
            keys=fields.String(),
            values=fields.Dict(keys=fields.String(), values=fields.String()),
            metadata={"description": "What is said differently, by locale: pt-BR, else pt."},
        ),
    }
    return Schema.from_dict(body, name=name)


def _wrong(body: Body) -> list[Fault]:
    found = [] if body.get("body") else [Fault("body", "Say what it says.")]
    for name, said in (body.get("locales") or {}).items():
        if not names.LOCALE.fullmatch(name):
            found.append(Fault(f"locales.{name}", "It is no locale, such as pt or pt-BR."))
        unknown = [field for field in said if field != "body"]
        if unknown:
            found.append(Fault(f"locales.{name}.{unknown[0]}", "A locale has a body alone."))
    for field, text in texts_of({"body": body.get("body"), "locales": body.get("locales")}):
        found += liquid_faults(field, text)
    return found


def _layout_wrong(body: Body) -> list[Fault]:
    from cdp.messaging.templates.snippets import has_content

    found = _wrong(body)
    if body.get("body") and not has_content(body["body"]):
        found.append(Fault("body", "It does not say where messages go: {{ content }}."))
    return found


def _snippet_whole(id_: Id, bodies: Mapping[Id, Body]) -> list[Fault]:
    from cdp.messaging.templates.snippets import expanded

    snippets = {key: str(body["body"]) for (kind, key), body in bodies.items() if kind == "snippet"}
    try:
        expanded("body", str(bodies[id_]["body"]), snippets)
    except TemplateError as error:
        return [Fault(*trouble) for trouble in error.troubles]
    return []


LAYOUT = Kind(
    "layout",
    "layout",
    "layouts",
    _schema("LayoutSchema", format=FORMAT),
    lambda key, body: (Word("layout", key),),
    (),
    refers=lambda body: tuple(snippet_uses(body)),
    wrong=_layout_wrong,
    canonical=plainly,
    whole=_snippet_whole,
    beside=("body",),
    scope="templates",
    renamed=rename_snippets,
)

SNIPPET = Kind(
    "snippet",
    "snippet",
    "snippets",
    _schema("SnippetSchema"),
    lambda key, body: (Word("snippet", key),),
    (),
    refers=lambda body: tuple(snippet_uses(body)),
    wrong=_wrong,
    whole=_snippet_whole,
    beside=("body",),
    scope="templates",
    renamed=rename_snippets,
)
