"""A new journey: from a recipe that asks what things are called here, or from nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.defined import key_of
from cdp.console.journeys.said import KIND
from cdp.console.messages.sent import CHANNELS
from cdp.definitions import DefinitionError, title_of
from cdp.definitions.kind import KEY, KEY_TEXT
from cdp.delivery.journeys.launching import channels_up
from cdp.journeys.recipes import SPOKEN, Ask, Recipe, guess, made, recipes
from cdp.store import definitions
from cdp.store.catalogue import picks as catalogue_picks
from cdp.store.catalogue.picks import EVENTS
from cdp.store.catalogue.reads import DAY_MS
from cdp.store.config_rows import NameTaken
from cdp.store.defined import defining
from cdp.store.journeys import drafts as journey_drafts
from cdp.store.journeys import launched as journeys

#: What an empty journey begins with.
_BLANK: dict[str, Any] = {"trigger": {"event": ""}, "steps": []}
_NAMES = 400
#: The topic of what recipes send, if no other is chosen; it is made where it is missing.
_TOPIC, _TOPIC_BODY = (
    "tips_and_offers",
    {
        "name": "Tips and offers",
        "description": "Now and then something that helps you, or that you may like.",
    },
)
_LINK = ("https://", "http://", "{{")


class Asked(NamedTuple):
    """A question of a recipe: what is filled in, whether that was ever seen, what may be chosen.

    ``some`` are names with a word about each.
    """

    ask: Ask
    value: str
    seen: bool
    some: list[tuple[str, str]]


class Drawn(NamedTuple):
    """A recipe in the list: what it does, in order."""

    recipe: Recipe
    messages: int


def new() -> str:
    """The choice of a recipe."""
    found = [Drawn(recipe, len(recipe.messages)) for recipe in recipes().values()]
    return render_template("console/journey_new.html", found=found)


def recipe(name: str) -> str:
    """What a recipe asks, filled in by what the catalogue has seen."""
    return _page(_recipe(name), request.args, {})


def create(name: str) -> Response | tuple[str, int]:
    """Make the draft, with the messages that the recipe sends."""
    chosen = _recipe(name) if name != "blank" else None
    title = request.form.get("name", "").strip()[:100] or (chosen.name if chosen else "")
    if not title:
        flash("Not made yet: give it a name.", "bad")
        return redirect(url_for("console.journey_new"), 303)
    key = request.form.get("key", "").strip() or key_of(title)
    answers = {ask.name: request.form.get(f"ask-{ask.name}", "").strip()
               for ask in (chosen.asks if chosen else ())}  # fmt: skip
    wrong = _wrong(chosen, answers) if chosen is not None else {}
    if not KEY.fullmatch(key):
        wrong["name"] = KEY_TEXT
    now = console().now()
    with console().store.write() as tx:
        if not wrong and _taken(tx, key):
            if request.form.get("key"):
                wrong["name"] = f"There is a journey {key} already. Choose another name."
            else:
                key = _free(tx, key)
        if not wrong:
            body: dict[str, Any] = {"name": title, **_BLANK}
            if chosen is not None:
                body = _from_recipe(tx, chosen, key, title, answers, now)
            journey_drafts.put(tx, key, body, 0, 0, author(), now)
            return redirect(url_for("console.journey_edit", key=key), 303)
    if chosen is None:
        flash(next(iter(wrong.values())), "bad")
        return redirect(url_for("console.journey_new"), 303)
    return _page(chosen, request.form, wrong), 422


def _wrong(chosen: Recipe, answers: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with answers, by the name of the question."""
    found = {}
    for ask in chosen.asks:
        answer = answers[ask.name]
        if ask.kind != "link" and not answer:
            found[ask.name] = "Say what it is called."
        elif ask.kind == "link" and answer and not answer.startswith(_LINK):
            found[ask.name] = "Write the whole address, such as https://shop.example/cart."
    return found


def _from_recipe(
    tx: Connection, chosen: Recipe, key: str, title: str, answers: dict[str, str], now: int
) -> dict[str, Any]:
    """The body; templates that are not there yet are made."""
    channel, topic = request.form.get("channel", ""), request.form.get("topic", "")
    if channel not in SPOKEN:
        channel = SPOKEN[0]
    if definitions.current(tx, "topic", topic) is None:
        ours = topic == _TOPIC and not chosen.service
        topic = topic if ours and _put(tx, "topic", topic, _TOPIC_BODY, now) else ""
    found = made(chosen, key, title, answers, channel, topic)
    for template, given in found.templates.items():
        if definitions.current(tx, "template", template) is None:
            _put(tx, "template", template, given, now)
    return found.body


def _put(tx: Connection, kind: str, key: str, body: dict[str, Any], now: int) -> bool:
    """Make something that a recipe needs; whether it could be."""
    try:
        defining.put(tx, now, (kind, key), body, author(), 0)
    except (DefinitionError, NameTaken) as error:
        word = "message" if kind == "template" else kind
        flash(f"The {word} {key} could not be made: {error}.", "bad")
        return False
    return True


def _taken(tx: Connection, key: str) -> bool:
    return (
        definitions.current(tx, KIND, key) is not None
        or journey_drafts.one(tx, key) is not None
        or journeys.row(tx, key) is not None
    )


def _free(tx: Connection, key: str) -> str:
    number = 2
    while _taken(tx, f"{key[:56]}_{number}"):
        number += 1
    return f"{key[:56]}_{number}"


def _recipe(name: str) -> Recipe:
    found = recipes().get(name)
    if found is None:
        abort(404, f"There is no recipe {name}.")
    return found


def _page(chosen: Recipe, given: Mapping[str, str], wrong: dict[str, str]) -> str:
    with console().store.read() as tx:
        asked = _asked(tx, chosen, given)
        topics = [(one.key, title_of(one.key, one.body or {}))
                  for one in definitions.all_current(tx, "topic")]  # fmt: skip
        if _TOPIC not in dict(topics):
            topics.append((_TOPIC, f"{_TOPIC_BODY['name']} (a new topic)"))
        plugins = console().services.plugins
        up = channels_up(tx, plugins.destinations()) if plugins is not None else set()
    carried = [channel for channel in SPOKEN if channel in up]
    return render_template(
        "console/journey_recipe.html",
        recipe=chosen,
        title=given.get("name", "") or chosen.name,
        asked=asked,
        wrong=wrong,
        channels=[(channel, CHANNELS[channel]) for channel in carried or SPOKEN[:1]],
        channel=given.get("channel", ""),
        carried=bool(carried),
        topics=() if chosen.service else topics,
        topic=given.get("topic", _TOPIC),
    )


def _asked(tx: Connection, chosen: Recipe, given: Mapping[str, str]) -> list[Asked]:
    """The questions with their answers; of events that answers name, the properties."""
    today = console().now() // DAY_MS
    events = [(event.name, f"{event.lately:,} in 30 days")
              for event in catalogue_picks.events(tx, today)[:_NAMES]]  # fmt: skip
    traits = [(field.path, "") for field in catalogue_picks.fields(tx, ("identify",), limit=_NAMES)
              if "." not in field.path]  # fmt: skip
    found: dict[str, Asked] = {}
    for ask in chosen.asks:
        some = {"event": events, "trait": traits}.get(ask.kind, [])
        if ask.kind == "property":
            fields = catalogue_picks.fields(tx, EVENTS, found[ask.of].value)
            some = [(field.path, "") for field in fields]
        names = [name for name, _ in some]
        value, known = guess(ask, names)
        value = given.get(f"ask-{ask.name}", value)
        found[ask.name] = Asked(ask, value, known or value in names, some)
    return list(found.values())
