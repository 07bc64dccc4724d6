"""The steps and other fields of journeys, read from their schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from marshmallow import Schema, fields

from cdp.journeys.schema import GoalSchema, JourneyBody
from cdp.journeys.steps import STEPS
from cdp.journeys.steps.brought import BroughtStep
from cdp.journeys.triggers import TriggerSchema
from tests.docs.markdown import prose, table

_HEAD = ("Field", "Is", "Default", "Meaning")
_TYPES: tuple[tuple[type[fields.Field[Any]], str], ...] = (
    (fields.Boolean, "`true` or `false`"),
    (fields.List, "list"),
    (fields.Dict, "mapping"),
    (fields.Nested, "mapping"),
    (fields.Integer, "whole number"),
    (fields.Float, "number"),
    (fields.String, "text"),
    (fields.Raw, "any"),
)
_FORMATS = {
    "condition": "condition",
    "expression": "expression",
    "steps": "steps",
    "values": "values",
    "event": "event",
    "audience": "audience",
    "template": "template",
    "topic": "topic",
    "journey": "journey",
    "trait": "trait",
}


def _rows(schema: Schema, above: str = "") -> Iterator[tuple[str, str, str, str]]:
    for attribute, field in schema.fields.items():
        name = f"{above}{field.data_key or attribute}"
        kind = _FORMATS.get(field.metadata.get("format", ""))
        kind = kind or next(text for type_, text in _TYPES if isinstance(field, type_))
        if isinstance(field, fields.List) and kind in ("template",):
            kind = "templates"
        default = field.load_default
        shown = "required" if field.required else ""
        if isinstance(default, bool | str | int | float) and default not in ("", False):
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        yield f"`{name}`", kind, shown, field.metadata.get("description", "")
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            several = "[]" if isinstance(field, fields.List) else ""
            yield from _rows(inner.schema, f"{name}{several}.")


def steps() -> str:
    """A section a step: what it does, its short form, its fields."""
    parts = []
    for kind in STEPS.values():
        if isinstance(kind, BroughtStep):
            continue
        part = f"### {kind.name}\n\n{prose(kind.__doc__)}"
        if kind.short is not None:
            part += f"\n\nIn short `{kind.name}: …`, where `…` is its `{kind.short}`."
        parts.append(f"{part}\n\n{table(_HEAD, _rows(kind.schema()))}")
    return "\n\n".join(parts)


def journey() -> str:
    """The fields of a journey, those of its trigger and goal by themselves."""
    own = [row for row in _rows(JourneyBody()) if "." not in row[0]]
    return table(_HEAD, own)


def trigger() -> str:
    """The fields of a trigger."""
    return table(_HEAD, _rows(TriggerSchema()))


def goal() -> str:
    """The fields of a goal."""
    return table(_HEAD, _rows(GoalSchema()))


BLOCKS: dict[str, Callable[[], str]] = {
    "journey-steps": steps,
    "journey-fields": journey,
    "journey-trigger": trigger,
    "journey-goal": goal,
}
