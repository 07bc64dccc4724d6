"""The settings of templates that few need: what each channel has, and how the form has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_LINE = re.compile(r"\s*([^:\s][^:]*?)\s*:\s*(.*?)\s*")


class Extra(NamedTuple):
    """A field: ``kind`` is text, number, list (one a line), lines (``name: text``) or save."""

    name: str
    kind: str
    label: str
    hint: str = ""


_HEADERS = Extra("headers", "lines", "Headers", "A line each, such as X-Campaign: spring.")
_UTM = Extra("utm", "lines", "Added to links", "A line each, such as campaign: spring.")
_DATA = Extra("data", "lines", "Data for the app", "A line each, such as screen: cart.")
EXTRAS: dict[str, tuple[Extra, ...]] = {
    "email": (_HEADERS, _UTM),
    "sms": (Extra("media", "list", "Images", "An address a line, ten at most."), _UTM),
    "push": (
        Extra("category", "text", "Category of buttons",
              "Under which an app has registered them; made of what they say, if empty."),
        Extra("badge", "number", "Number on the app’s icon"),
        Extra("sound", "text", "Sound", "Empty: the usual one."),
        Extra("collapse_key", "text", "Replaces", "An older one with the same word here."),
        Extra("ttl", "text", "Tried for", "Such as 1d."),
        _DATA,
        _UTM,
    ),
    "in_app": (
        Extra("pages", "list", "Only on pages", "A regular expression of a path a line: ^/cart."),
        Extra("priority", "number", "Priority", "The lowest comes first; 100 if empty."),
        Extra("theme", "lines", "Looks", "A line each, such as accent: #1d5bc4."),
        _DATA,
    ),
    "webhook": (
        _HEADERS,
        Extra("save_response", "save", "Kept of the answer",
              "A line each: a trait of the person and a path, such as plan: json.plan.name."),
    ),
    "slack": (),
}  # fmt: skip
#: The channels whose clicks and openings can be counted.
TRACKED = ("email", "sms", "push")


def read(extra: Extra, text: str) -> tuple[Any, str]:
    """The value of a field that was typed, and what is wrong with it; bad text stays text."""
    if extra.kind == "list":
        return [line.strip() for line in text.split("\n") if line.strip()], ""
    if extra.kind == "number":
        return (int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text), ""
    if extra.kind in ("lines", "save"):
        found, fault = lines(text)
        return ({"traits": found} if extra.kind == "save" and found and not fault else found), fault
    return text, ""


def written(extra: Extra, value: Any) -> str:
    """The value as the form has it."""
    if extra.kind == "list" and isinstance(value, list):
        return "\n".join(map(str, value))
    if extra.kind == "save" and isinstance(value, Mapping):
        value = value.get("traits", {})
    return as_lines(value) if isinstance(value, Mapping) else str(value)


def lines(text: str) -> tuple[dict[str, str] | str, str]:
    """``name: text`` in lines; or the text as it is, and what is wrong with its first bad line."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            return text, f"Line {number} is no name with a colon and a text: {line.strip()[:60]}"
        found[match[1]] = match[2]
    return found, ""


def as_lines(found: Mapping[str, str] | str) -> str:
    """A map of texts as the form has it; what is none, as it was typed."""
    if isinstance(found, str):
        return found
    return "\n".join(f"{name}: {text}" for name, text in found.items())
