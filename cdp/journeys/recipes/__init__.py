"""Journeys to begin with: each is a file that says what it asks of whoever uses it.

``asks`` names what shops call differently, each with names that are likely; `guess` finds the one
that was seen. `made` puts the answers in: wherever ``$name`` stands in the journey or its
messages, the answer stands then. Messages are made for the channel by which they are to go.

    guessing   which of the names that were seen is meant
    filling    answers in the place of ``$name``
    messages   what a recipe says, in each channel
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from cdp.journeys.recipes.filling import filled
from cdp.journeys.recipes.guessing import Ask, guess
from cdp.journeys.recipes.messages import SPOKEN, message

__all__ = ["SPOKEN", "Ask", "Made", "Recipe", "guess", "made", "recipes"]

#: Asked by every recipe.
FIRST_NAME = Ask(
    "first_name", "trait", "Which trait has people’s first name?",
    ("first_name", "firstName", "given_name", "forename"),
)  # fmt: skip


class Recipe(NamedTuple):
    """A journey with holes in it, and the messages that it sends, by their names in it.

    ``service``: what it sends is about what people have bought, not advertising.
    """

    key: str
    name: str
    about: str
    service: bool
    asks: tuple[Ask, ...]
    messages: Mapping[str, Mapping[str, Any]]
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
    for name, said in read["asks"].items():
        kind = next(word for word in ("event", "trait", "property", "link") if word in said)
        asks.append(Ask(name, kind, said["label"], tuple(said[kind]), said.get("of", "")))
    asks.append(FIRST_NAME)
    return Recipe(key, read["name"], read["about"], read.get("service", False), tuple(asks),
                  read["messages"], read["journey"])  # fmt: skip


def made(
    recipe: Recipe, key: str, name: str, answers: Mapping[str, str],
    channel: str = "email", topic: str = "",
) -> Made:  # fmt: skip
    """The journey ``key`` of a recipe; its templates are called after it.

    ``topic`` is what its messages are about; those of a ``service`` have none.
    """
    own = {local: f"{key}_{local}"[:60] for local in recipe.messages}
    link = answers.get("link", "")
    values = {FIRST_NAME.name: FIRST_NAME.likely[0], **answers, **own}
    templates = {}
    for local, said in recipe.messages.items():
        body = message(said, channel, link, way_out=not recipe.service)
        if topic and not recipe.service:
            body["topic"] = topic
        title = f"{name}: {local.replace('_', ' ')}"
        templates[own[local]] = {"name": title[:100], **filled(body, values)}
    return Made({"name": name, **filled(recipe.journey, values)}, templates)
