"""Journeys of a few steps, played for tests."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML

from cdp.definitions.scene import Scene
from cdp.testing.stage import Person, Stage

_YAML = YAML(typ="safe")


def stage(steps: str, more: str = "", start: str | None = None, **bodies: Any) -> Stage:
    """A journey of these steps that begins with Go; other definitions by kind__key."""
    body = {"trigger": {"event": "Go"}, "entry": "every_time", **(_YAML.load(more) or {})}
    made: dict[tuple[str, str], Any] = {("journey", "j"): {**body, "steps": _YAML.load(steps)}}
    for key in ("hello", "again", "text"):
        made["template", key] = {"channel": "sms", "body": "Hi {{ customer.name }}"}
    made["audience", "vip"] = {"static": True}
    for name, value in bodies.items():
        kind, _, key = name.partition("__")
        made[kind, key] = value
    return Stage(Scene(made), None, start)


def begin(made: Stage, **properties: Any) -> Person:
    person = made.person("u1")
    person.track("Go", **properties)
    return person


def effects(person: Person, kind: type[Any]) -> list[Any]:
    return [item.effect for item in person.done if isinstance(item.effect, kind)]
