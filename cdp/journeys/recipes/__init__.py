"""Journeys to begin with: each is a file that says what it asks of whoever uses it.

``asks`` names events and traits that shops call differently, each with names that are likely;
`guess` finds the one that was seen. `made` puts the answers in: wherever ``$name`` stands in the
journey or its templates, the answer stands then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from cdp.conditions.spelling import path_text, quoted

#: How alike a name must be to one that is likely, from 0 to 1.
ALIKE = 0.72
_NAME = re.compile(r"""(?P<quote>"?)(?P<root>properties\.)?\$(?P<name>[a-z][a-z0-9_]*)"?""")
_WORDS = re.compile(r"[a-z0-9]+")


class Ask(NamedTuple):
    """What a recipe wants to know: an ``event``, a ``trait`` or a ``text``; likely names."""

    name: str
    kind: str
    label: str
    likely: tuple[str, ...]


class Recipe(NamedTuple):
    """A journey with holes in it, and the messages that it sends, by their names in it."""

    key: str
    name: str
    about: str
    asks: tuple[Ask, ...]
    templates: Mapping[str, Mapping[str, Any]]
    journey: Mapping[str, Any]


class Made(NamedTuple):
    """A recipe with answers: the body of the journey, and of each template by its key."""

    body: dict[str, Any]
    templates: dict[str, dict[str, Any]]


@cache
def recipes() -> dict[str, Recipe]:
    """All recipes by key, in the order in which they are offered."""
    from ruamel.yaml import YAML

    found = []
    for file in resources.files(__name__).iterdir():
        if file.name.endswith(".yaml"):
            read = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
            found.append((read["order"], _recipe(file.name.removesuffix(".yaml"), read)))
    return {recipe.key: recipe for _, recipe in sorted(found, key=lambda one: one[0])}


def _recipe(key: str, read: Mapping[str, Any]) -> Recipe:
    asks = []
    for name, said in (read.get("asks") or {}).items():
        kind = next(word for word in ("event", "trait", "text") if word in said)
        likely = said[kind] if isinstance(said[kind], list) else [said[kind]]
        asks.append(Ask(name, kind, said["label"], tuple(map(str, likely))))
    return Recipe(key, read["name"], read["about"], tuple(asks), read["templates"], read["journey"])


def guess(ask: Ask, seen: Iterable[str]) -> tuple[str, bool]:
    """The name that is most likely meant, and whether it was seen; of likes, the first seen."""
    best, score = ask.likely[0], 0.0
    if ask.kind == "text":
        return best, True
    for name in seen:
        for at, likely in enumerate(ask.likely):
            alike = _alike(name, likely) - at / 1000
            if alike > max(score, ALIKE):
                best, score = name, alike
    return best, score > 0


def _alike(one: str, other: str) -> float:
    a, b = (" ".join(_WORDS.findall(_spaced(text))) for text in (one, other))
    if a == b:
        return 1.0
    # The same words in another order are nearly the same name.
    if sorted(a.split()) == sorted(b.split()):
        return 0.98
    return SequenceMatcher(None, a, b).ratio()


def _spaced(text: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).lower()


def made(recipe: Recipe, key: str, name: str, answers: Mapping[str, str]) -> Made:
    """The journey ``key`` of a recipe; its templates are called after it."""
    own = {local: f"{key}_{local}"[:60] for local in recipe.templates}
    values = {**answers, **own}
    body = {"name": name, **_filled(recipe.journey, values)}
    return Made(body, {own[local]: _template(f"{name}: {local.replace('_', ' ')}", given, values)
                       for local, given in recipe.templates.items()})  # fmt: skip


def _template(name: str, given: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    found = {"name": name[:100], **_filled(given, values)}
    if found["channel"] == "email":
        found.setdefault("format", "markdown")
    return found


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _put(value, values)
    if isinstance(value, Mapping):
        return {_put(name, values): _filled(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value


def _put(text: str, values: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        answer = values.get(found["name"])
        if answer is None:
            return found[0]
        if found["quote"]:
            return quoted(answer)
        return path_text(("properties", *answer.split("."))) if found["root"] else answer

    return _NAME.sub(one, text)
