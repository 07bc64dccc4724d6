"""What the form of a template says, read back into its definition."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers
from flask import request

from cdp.console.messages import block_form
from cdp.console.messages import extras as template_extras
from cdp.console.messages.block_form import Done
from cdp.console.messages.extras import EXTRAS, Extra
from cdp.messaging.templates import building, names

#: The form of each channel, beside the name: what is typed most comes first.
FIELDS: dict[str, tuple[str, ...]] = {
    "email": ("subject", "preheader", "body", "format", "layout", "from", "reply_to", "text"),
    "sms": ("body", "from"),
    "push": ("title", "body", "link", "image"),
    "in_app": ("title", "body", "format", "form", "link", "image", "expires_after"),
    "webhook": ("url", "method", "body"),
    "slack": ("to", "body"),
}
FOR_ALL = ("name", "description", "topic", "missing")
#: What each language says by itself.
OF_LANGUAGE: dict[str, tuple[str, ...]] = {
    "email": ("subject", "preheader", "body", "format", "text"),
    "sms": ("body",),
    "push": ("title", "body", "link", "image"),
    "in_app": ("title", "body", "format", "link", "image"),
    "webhook": (),
    "slack": ("body",),
}
BUTTON = ("text", "link", "action")
_FALLBACKS = Extra("fallbacks", "lines", "Fallbacks")


class Typed(NamedTuple):
    """A form: the values of a definition, and what can't be one at its fields."""

    values: dict[str, Any]
    wrong: dict[str, str]


def shown(channel: str) -> tuple[str, ...]:
    """The fields of a definition that the form has."""
    more = {"email": ("blocks", "theme"), "in_app": ("buttons",), "push": ("buttons",)}.get(
        channel, ()
    )
    languages = ("locales",) if OF_LANGUAGE[channel] else ()
    return (
        *FOR_ALL,
        *FIELDS[channel],
        *(extra.name for extra in EXTRAS[channel]),
        "tracked",
        "fallbacks",
        *more,
        *languages,
    )


def typed(old: Mapping[str, Any]) -> Typed:
    """What the form says; what it does not show stays as it is in ``old``."""
    channel, form = old["channel"], request.form
    # A program that sends a form without these parts leaves them alone.
    parts = set(form.getlist("parts"))
    mine = {
        name for name in shown(channel) if name in parts or name in (*FOR_ALL, *FIELDS[channel])
    }
    kept = {name: value for name, value in old.items() if name not in mine}
    values: dict[str, Any] = {name: _text(form, name) for name in (*FOR_ALL, *FIELDS[channel])}
    wrong: dict[str, str] = {}
    for extra in (*EXTRAS[channel], _FALLBACKS):
        if extra.name in parts:
            values[extra.name], fault = template_extras.read(extra, _text(form, extra.name))
            wrong |= {extra.name: fault} if fault else {}
    if form.get("tracked") == "no":
        values["tracked"] = False
    if values.get("missing") != "fallback":
        kept.pop("fallbacks", None)
    if "blocks" in parts:
        values["blocks"] = block_form.read_blocks(form, "blocks")
        values.pop("body", None)
        values.pop("format", None)
        values["theme"] = {n: t for n in building.THEME if (t := _text(form, f"theme.{n}"))}
    elif channel == "email":
        kept.pop("blocks", None)
        kept.pop("theme", None)
    if "buttons" in mine:
        values["buttons"] = block_form.read_rows(form, "buttons", BUTTON)
    if "locales" in mine:
        values["locales"] = _locales(old, channel)
    # An email of blocks is one, also while it has none.
    said = {n: v for n, v in values.items() if v not in ("", [], {}) or n == "blocks"}
    return Typed({**kept, **said}, wrong)


def _locales(old: Mapping[str, Any], channel: str) -> dict[str, dict[str, Any]]:
    """What the languages say; a language that says nothing yet stays in the form."""
    form, found = request.form, dict[str, dict[str, Any]]()
    for name in list(dict.fromkeys(form.getlist("language")))[:100]:
        was = (old.get("locales") or {}).get(name) or {}
        gone = (*OF_LANGUAGE[channel], "blocks")
        said: dict[str, Any] = {key: value for key, value in was.items() if key not in gone}
        for field in OF_LANGUAGE[channel]:
            if text := _text(form, f"locales.{name}.{field}"):
                said[field] = text
        if f"locales.{name}.blocks" in form.getlist("parts"):
            said["blocks"] = block_form.read_blocks(form, f"locales.{name}.blocks")
        if "body" not in said:
            said.pop("format", None)
        found[name] = said
    return found


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").replace("\r\n", "\n").strip()


def whole(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without what says nothing yet: empty rows, empty languages."""
    made = dict(values)
    if "buttons" in made:
        made["buttons"] = [row for row in made["buttons"] if row]
    if "locales" in made:
        made["locales"] = {name: said for name, said in made["locales"].items() if said}
    return {name: value for name, value in made.items() if value not in ([], {})}


def with_fallbacks(values: dict[str, Any], variables: list[dict[str, Any]]) -> Done:
    """Have a line for each value without a default, to be filled in."""
    found = values.get("fallbacks") or {}
    lacking = [v["name"] for v in variables if v["needed"] and v["name"] not in found]
    if isinstance(found, str):
        return Done("fallbacks", "Put the lines in order first.")
    values["fallbacks"] = {**found, **dict.fromkeys(lacking, "")}
    return Done("fallbacks", f"{len(lacking) or 'No'} more: say what stands in the place of each.")


def carry_out(values: dict[str, Any], order: str) -> Done:
    """Follow a button of the form."""
    action, _, rest = order.partition(":")
    if action == "language":
        return _add_language(values, rest or request.form.get("new_language", ""))
    if action == "no-language":
        (values.get("locales") or {}).pop(rest, None)
        return Done("new_language", f"{language_name(rest)} is removed.")
    if action == "own-blocks":
        said = values.setdefault("locales", {}).setdefault(rest, {})
        said["blocks"] = [dict(block) for block in values.get("blocks") or []]
        return Done(f"locales.{rest}.blocks.0", "These are blocks of their own now.")
    if action == "no-own-blocks":
        (values.get("locales") or {}).get(rest, {}).pop("blocks", None)
        return Done(said="It shows the blocks of the usual language.")
    if action == "mjml":
        return _to_mjml(values)
    return block_form.carry_out(values, order)


def as_it_looks(text: object) -> str:
    """What the choice to say no format is called, beside a body."""
    if not text or not isinstance(text, str):
        return "As it looks"
    seen = names.format_of(text, None)
    return f"As it looks: {dict(markdown='Markdown', html='HTML', mjml='MJML')[seen]}"


def locale_of(text: str) -> str:
    """A locale as it is kept, of one that was typed: pt_br is pt-BR."""
    head, dash, rest = text.strip().replace("_", "-").partition("-")
    return f"{head.lower()}{dash}{rest.upper() if len(rest) == 2 else rest}"


def _add_language(values: dict[str, Any], wanted: str) -> Done:
    name = locale_of(wanted)
    if not names.LOCALE.fullmatch(name):
        return Done(
            "new_language", f"{wanted.strip()[:20] or 'That'} is no language: pt, or pt-BR."
        )
    values.setdefault("locales", {}).setdefault(name, {})
    return Done(f"language:{name}", f"{language_name(name)} is added.")


def _to_mjml(values: dict[str, Any]) -> Done:
    """Write the blocks of all languages as MJML."""
    theme = values.pop("theme", {})
    places = [values, *(values.get("locales") or {}).values()]
    for place in places:
        if "blocks" in place:
            blocks = building.finished(place.pop("blocks"))
            place["body"] = building.mjml(blocks, theme, whole=not values.get("layout")).strip()
            place["format"] = "mjml"
    return Done("body", "It is written as MJML, and not saved yet.")


def language_name(code: str) -> str:
    """A language in English, such as Portuguese (Brazil); the code where it is not known."""
    try:
        return Locale.parse(code, sep="-").get_display_name("en") or code
    except (ValueError, UnknownLocaleError):
        return code


@cache
def all_languages() -> list[tuple[str, str]]:
    """The languages that there are, as codes with names, by name."""
    codes = [code for code in locale_identifiers() if len(code) in (2, 3)]
    return sorted(((code, language_name(code)) for code in codes), key=lambda p: p[1])
