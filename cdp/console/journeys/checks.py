"""What should hold of a journey before it is launched."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from flask import url_for
from sqlalchemy import Connection

from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.journeys.people import called
from cdp.console.messages.sent import CHANNELS
from cdp.delivery.journeys import launching
from cdp.delivery.journeys.linting import findings
from cdp.journeys import Read
from cdp.journeys.program import Step
from cdp.store.defined import defining

GOOD, CAREFUL, BAD = "good", "wait", "bad"
_START = ("Start", "start")


class Check(NamedTuple):
    """Something that should hold: ``state`` is good, wait (look at it) or bad (it can't go)."""

    state: str
    text: str
    #: Where it can be mended: what a step is called and its place on the canvas.
    places: tuple[tuple[str, str], ...] = ()
    #: Or another address.
    address: str | None = None


def checks_of(tx: Connection, key: str, body: dict[str, Any]) -> Iterator[Check]:
    """All that should hold; what is to be said of several steps is said once."""
    told = findings(tx, key, body)
    steps = _steps(key, body)
    places: dict[tuple[str, str], dict[str, str]] = {}
    for one in told:
        name, place = _place(steps, one.field)
        tone = BAD if one.level == "error" else CAREFUL
        places.setdefault((tone, as_sentence(one.text)), {})[place] = name
    for (tone, text), at in places.items():
        yield Check(tone, text, tuple((name, place) for place, name in at.items()))
    if any(one.level == "error" for one in told):
        return
    yield Check(GOOD, "Every step is filled in.")
    sent = launching.channels_of(body, defining.bodies(defining.load(tx)))
    plugins = plugins_there()
    up = launching.channels_up(tx, plugins) if plugins is not None else set()
    for channel in dict.fromkeys(channel for _, channel in sent if plugins is not None):
        word = CHANNELS.get(channel, channel)
        if channel in up:
            yield Check(GOOD, f"{word}: somebody carries it.")
        else:
            yield Check(
                BAD, f"{word}: nothing sends it yet. Add a destination for it.",
                address=url_for("console.destination_catalogue"),
            )  # fmt: skip
    calling = next((step for step in steps if step.kind.name == "webhook"), None)
    if calling is not None and plugins is not None and "webhook" not in up:
        yield Check(
            BAD, f"The step {calling.id} calls an address, and nothing makes such calls yet. "
            "Add the destination “Webhook messages”.",
            address=url_for("console.destination_catalogue"),
        )  # fmt: skip
    if body.get("goal"):
        yield Check(GOOD, f"Its goal is {body['goal']['event']}.")
    else:
        yield Check(CAREFUL, "It has no goal, so that nobody will know what it was good for.",
                    (_START,))  # fmt: skip


def _steps(key: str, body: dict[str, Any]) -> Collection[Step]:
    """The steps that could be read."""
    return Read(key, body).steps.values()


def _place(steps: Collection[Step], field: str) -> tuple[str, str]:
    """The step in which a field is: what it is called, and where it is on the canvas."""
    within = [step for step in steps if field == step.field or field.startswith(f"{step.field}.")]
    if within:
        step = max(within, key=lambda item: len(item.field))
        return called(step), step.field
    return ("A step", field.partition(".")[0]) if field.startswith("steps[") else _START


def plugins_there() -> Mapping[str, Any] | None:
    """The classes of destinations; None where no plugins are, so that nothing can be said."""
    plugins = console().services.plugins
    return plugins.destinations() if plugins is not None else None
