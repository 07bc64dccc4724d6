"""People and messages as examples and scenario files write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp.conditions import Event, Person
from cdp.events import parse_time


def ms(text: Any) -> int:
    """A time as people write it."""
    found = parse_time(str(text))
    assert found is not None, text
    return found


def event_of(step: Mapping[str, Any]) -> Event:
    """``{"t": …, "name": …, "properties": …}``, or any message with a ``t``."""
    body = {key: value for key, value in step.items() if key not in ("t", "name")}
    if "name" in step and "type" not in step:
        body |= {"type": "track", "event": step["name"]}
    elif "name" in step:
        body["name"] = step["name"]
    return Event(ms(step["t"]), body)


def person_of(subject: Mapping[str, Any]) -> tuple[Person, int]:
    """A person and the instant at which to look."""
    now = ms(subject.get("now", "2026-01-31"))

    def states(name: str) -> dict[str, Any]:
        return {key: [(now, True)] for key in subject.get(name, ())}

    return Person(
        traits={
            key: [(ms(t), value) for t, value in history]
            for key, history in subject.get("traits", {}).items()
        },
        events=[event_of(step) for step in subject.get("events", ())],
        audiences=states("audiences"),
        subscriptions=states("subscriptions"),
        identifiers=subject.get("identifiers", {}),
    ), now
