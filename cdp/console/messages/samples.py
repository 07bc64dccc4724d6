"""The data of an event or a trigger that a template is tried with: typed, or a real event's."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from flask import request
from sqlalchemy import Connection

from cdp.console import auth
from cdp.console.live.events import as_events
from cdp.store.events import console_queries
from cdp.store.events.console_queries import LiveFilter
from cdp.store.profiles import faces
from cdp.store.profiles.faces import Face

_MOST = 100_000
_NAMES = 200


class Sample(NamedTuple):
    """Texts as the form has them, what they say, and what is wrong with them."""

    name: str = ""
    event: str = ""
    trigger: str = ""
    wrong: str = ""
    #: Whether the event was just found, and is new to the form.
    taken: bool = False
    #: The names of events to choose from.
    names: tuple[str, ...] = ()

    @property
    def scope(self) -> dict[str, Any]:
        """What Liquid sees of it."""
        found: dict[str, Any] = {"event": _read(self.event)[0], "trigger": _read(self.trigger)[0]}
        return {**found, "event_name": self.name} if self.name else found


def sample(tx: Connection, face: Face | None) -> Sample:
    """What the form says, or a real event if it asks for one: the person's, else anybody's."""
    name, event, trigger = (
        request.values.get(f"sample_{part}", "").strip()[:_MOST]
        for part in ("name", "event", "trigger")
    )
    wrong, taken = "", False
    if request.values.get("go") == "event" and auth.current().sees_personal:
        properties = _newest(tx, name, face)
        if properties is None:
            wrong = f"No event {name or 'of no name'} was seen lately."
        else:
            event, taken = json.dumps(properties, ensure_ascii=False, indent=2), True
    for part, text in (("event", event), ("trigger", trigger)):
        wrong = wrong or _wrong(part, text)
    names = tuple(console_queries.event_names(tx, _NAMES))
    return Sample(name, event, trigger, wrong, taken, names)


def _newest(tx: Connection, name: str, face: Face | None) -> dict[str, Any] | None:
    nodes = faces.nodes_of(tx, [face.profile]) if face is not None else []
    for of in (nodes, None):
        if of == []:
            continue
        rows = console_queries.live_rows(tx, LiveFilter(name=name, node_ids=of), 1).rows
        for event in as_events(tx, rows):
            found = event.body.get("properties")
            return found if isinstance(found, dict) else {}
    return None


def _read(text: str) -> tuple[dict[str, Any], str]:
    """An object of JSON, and what is wrong with it."""
    if not text:
        return {}, ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        return {}, f"is no JSON{where}"
    return (found, "") if isinstance(found, dict) else ({}, 'is no object, such as {"total": 5}')


def _wrong(part: str, text: str) -> str:
    fault = _read(text)[1]
    return f"The data of the {part} {fault}." if fault else ""
