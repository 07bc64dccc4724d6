"""The forms of a journey's steps, as the canvas draws them: made of the steps' own schemas."""

from __future__ import annotations

from functools import cache
from typing import Any

from marshmallow import Schema, fields, validate

from cdp.journeys.schema import JourneyBody
from cdp.journeys.steps import STEPS, StepKind
from cdp.messaging.pressure import DAYS

#: What a field is called where its name in files says too little.
LABELS = {
    "for": "How long", "until": "Until the time of day", "on": "On these days", "if": "Condition",
    "where": "Only those for which", "when": "Who takes it", "any": "The first of these",
    "first_of": "Templates, the first that reaches", "unread_for": "Send the next if unread for",
    "same": "With the same", "timeout": "At most for", "per": "In", "count": "How many people",
    "share": "Share in per cent", "url": "Address", "save_as": "Keep the answer as",
    "step": "To the step", "most": "At most so often", "reason": "What it is called in reports",
    "enters": "Audience", "leaves": "Audience", "trait": "Trait", "date": "Date",
    "every": "How often",
    "day": "Day of the month", "at": "At", "from": "From the value", "to": "To the value",
    "person": "Where the user id is", "zone": "Time zone", "hours": "Business hours",
    "while_in": "Who is in it already", "enter": "Who enters at the launch",
    "rollout": "Share of people who may enter", "exit_when": "Leave at once when",
    "entry": "How often a person may enter", "value": "Property with its worth",
    "exit": "Reaching it ends the journey", "winner": "Decide for a winner",
    "late": "If it is late", "limits": "Pause itself when too much goes wrong",
    "stop": "Pause itself", "failed": "Failed in per cent",
    "bounced": "Bounced in per cent", "complained": "Complaints in per cent",
    "unsubscribed": "Unsubscribed in per cent", "least": "Not before so many",
    "confidence": "How sure, in per cent", "data": "More data",
    "then": "Then", "variables": "What to remember", "priority": "Priority of messages",
}  # fmt: skip
#: Fields whose values are names of something, by kind of it.
PICKS = {
    "event": "event", "trait": "trait", "enters": "audience", "leaves": "audience",
    "audience": "audience", "template": "template", "first_of": "template", "journey": "journey",
    "topic": "topic",
}  # fmt: skip
#: What one sets first; all else of a schema folds away.
FIRST = {
    "send": ("template", "first_of"), "wait": ("for", "until", "on"),
    "wait_until": ("event", "where", "if", "any", "timeout"),
    "experiment": ("name", "variants", "goal"), "webhook": ("url", "method", "save_as"),
    "journey": ("trigger", "if", "entry", "goal", "exit_when"),
}  # fmt: skip
#: Schemas that say one of several things: (field, what people call it, fields that go with it).
Mode = tuple[str, str, tuple[str, ...]]
MODES: dict[str, tuple[Mode, ...]] = {
    "TriggerSchema": (
        ("event", "Somebody does something", ("event", "where")),
        ("enters", "Somebody enters an audience", ("enters",)),
        ("leaves", "Somebody leaves an audience", ("leaves",)),
        ("trait", "A trait changes", ("trait", "from", "to")),
        ("date", "A date of a person", ("date", "before", "after", "yearly", "at", "zone")),
        ("every", "A schedule", ("every", "audience", "on", "day", "at", "zone")),
        ("api", "A call of the API", ("where", "person")),
        ("webhook", "A call from outside", ("where", "person")),
        ("group", "Somebody joins an account", ("where",)),
        ("called", "Another journey starts it", ()),
    ),
    "SendSchema": (
        ("template", "One message", ("template",)),
        ("first_of", "The first that reaches them", ("first_of", "unread_for")),
    ),
    "WaitSchema": (
        ("for", "For a time", ("for",)),
        ("date", "Until a date", ("date", "before", "after", "yearly")),
    ),
    "WaitUntilSchema": (
        ("event", "They do something", ("event", "where", "same")),
        ("if", "A condition holds", ("if",)),
        ("any", "The first of several things", ("any",)),
    ),
    "PathSchema": (
        ("event", "They do something", ("event", "where", "same")),
        ("if", "A condition holds", ("if",)),
    ),
}
_MESSAGE = frozenset({"where"})
_EXPRESSION = frozenset({"date"})
Shape = dict[str, Any]


def shapes() -> dict[str, Shape]:
    """The form of each kind of step, by name, in the order in which they are offered."""
    return _shapes(tuple(STEPS.values()))


@cache
def _shapes(kinds: tuple[StepKind, ...]) -> dict[str, Shape]:
    return {
        kind.name: {
            "title": kind.title,
            "about": (kind.__doc__ or kind.title).strip().splitlines()[0],
            "short": kind.short,
            **of_schema(kind.schema(), FIRST.get(kind.name)),
        }
        for kind in kinds
    }


@cache
def journey_shape() -> Shape:
    """The form of the journey itself: all but its steps."""
    found = of_schema(JourneyBody(), FIRST["journey"])
    found["fields"] = [field for field in found["fields"] if field["name"] != "steps"]
    return found


def of_schema(schema: Schema, first: tuple[str, ...] | None = None) -> Shape:
    """Fields of a schema, each as a dict with ``name``, ``label``, ``type`` and what it needs."""
    modes = MODES.get(type(schema).__name__, ())
    made = []
    for name, field in schema.fields.items():
        shown = field.data_key or name
        one = _field(type(schema).__name__, shown, field)
        fold = first is not None and shown not in first and not field.required
        made.append({**one, "more": True} if fold else one)
    told = [{"key": key, "label": label, "fields": list(some)} for key, label, some in modes]
    return {"fields": made, "modes": told}


def _field(schema: str, name: str, field: Any) -> Shape:
    about = str(field.metadata.get("description", ""))
    label = LABELS.get(name) or name.replace("_", " ").capitalize()
    made: Shape = {"name": name, "label": label, "about": about, "required": bool(field.required)}
    if isinstance(field.load_default, str | bool | int | float):
        made["default"] = field.load_default
    return {**made, **_type(schema, name, field)}


def _type(schema: str, name: str, field: Any) -> Shape:
    form = field.metadata.get("format", "")
    if name in ("entry", "rollout"):
        return {"type": name}
    if form == "condition":
        if name in _EXPRESSION:
            return {"type": "expression"}
        return {"type": "condition", "context": "message" if name in _MESSAGE else "branch"}
    if form == "steps" and isinstance(field, fields.Dict):
        return {"type": "outs", "outs": list(field.metadata.get("exits", ()))}
    if form == "steps":
        return {"type": "steps"}
    if isinstance(field, fields.Nested):
        return {"type": "group", **of_schema(field.schema)}
    if isinstance(field, fields.List):
        if isinstance(field.inner, fields.Nested):
            return {"type": "many", **of_schema(field.inner.schema)}
        choices = _choices(field.inner)
        if choices == list(DAYS):
            return {"type": "days", "choices": choices}
        return {"type": "lines", "pick": PICKS.get(name)}
    if isinstance(field, fields.Dict):
        return {"type": "values"}
    if isinstance(field, fields.Boolean):
        return {"type": "yes"}
    if isinstance(field, fields.Integer | fields.Float):
        return {"type": "number"}
    if isinstance(field, fields.Raw) and not isinstance(field, fields.String):
        return {"type": "json"}
    choices = _choices(field)
    if choices:
        return {"type": "choice", "choices": choices}
    if name == "trait" or (schema == "TriggerSchema" and name == "date"):
        return {"type": "pick", "pick": "trait"}
    if name == "step":
        return {"type": "step"}
    if name in PICKS:
        return {"type": "pick", "pick": PICKS[name]}
    if name == "zone":
        return {"type": "zone"}
    return {"type": "clock" if name in ("until", "at", "start", "end") else "text"}


def _choices(field: Any) -> list[str]:
    for check in field.validators:
        if isinstance(check, validate.OneOf):
            return [str(choice) for choice in check.choices]
    return []
