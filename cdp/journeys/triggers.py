"""What begins a run: the triggers, and how often a person may enter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.conditions.durations import parse_duration
from cdp.conditions.picked import Picked, picked
from cdp.conditions.predicate import Predicate, compile_message
from cdp.journeys.steps import fields as own
from cdp.journeys.texts import Texts
from cdp.messaging.pressure import DAYS, minutes_of

#: The event by which the API and inbound webhooks begin runs; ``properties.journey`` says which.
TRIGGERED = "Journey Triggered"
#: The kinds of triggers, each by the field that names it.
KINDS = (
    "event", "enters", "leaves", "trait", "date", "every", "api", "webhook", "group", "called",
)  # fmt: skip
EVERY = ("hour", "day", "week", "month")


class TriggerSchema(Schema):
    """What begins a run."""

    event = own.event("An event that a person does.")
    where = own.condition("Of which events; of a group call, which.")
    enters = own.text("The audience that a person enters.", 60, format="audience")
    leaves = own.text("The audience that a person leaves.", 60, format="audience")
    trait = own.text("The trait of a person that changes.", 200, format="trait")
    from_ = fields.Raw(
        data_key="from", attribute="from", metadata={"description": "From this value."}
    )
    to = fields.Raw(metadata={"description": "To this value."})
    date = own.text("A trait with a date, such as birthday.", 200, format="trait")
    before = own.duration("So many days before the date.")
    after = own.duration("So many days after the date.")
    yearly = fields.Boolean(load_default=False, metadata={"description": "It comes every year."})
    every = fields.String(
        validate=validate.OneOf(EVERY), metadata={"description": "A schedule: hour day week month."}
    )
    audience = own.text("Who enters by the schedule.", 60, format="audience")
    on = own.days("On which days of the week (week), for the schedule.")
    day = own.count("On which day of the month; the last, if it has fewer.", 1, 31)
    at = own.clock("At what time of day, for dates and schedules.")
    zone = own.zone()
    api = fields.Boolean(metadata={"description": "Begun by calls of the API, with data."})
    webhook = fields.Boolean(metadata={"description": "Begun by calls from outside."})
    person = own.text("Where in the body of such a call the person's user id is.", 200)
    group = fields.Boolean(metadata={"description": "Begun by a group call of a person."})
    called = fields.Boolean(metadata={"description": "Begun by other journeys alone."})

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        said = [name for name in KINDS if data.get(name)]
        if len(said) != 1:
            raise ValidationError(f"It needs one of {', '.join(KINDS)}.")
        if data.get("where") and said[0] not in ("event", "group", "api", "webhook"):
            raise ValidationError("A where is of an event or of a group call.", "where")
        if bool(data.get("audience")) != (said[0] == "every"):
            raise ValidationError("A schedule, and only that, needs an audience.", "audience")
        for name in ("before", "after"):
            if data.get(name) and (parse_duration(data[name]) or 0) % 86_400_000:
                raise ValidationError("It must be whole days.", name)
            if data.get(name) and said[0] != "date":
                raise ValidationError("It is of a date.", name)


class Trigger(NamedTuple):
    """A trigger as it is asked: of which ``kind``, and the name that it listens to.

    ``picked`` is what a message must say at one path for its ``where`` to hold.
    """

    kind: str
    name: str = ""
    where: Predicate | None = None
    values: tuple[Any, Any] = (None, None)
    spec: Mapping[str, Any] = {}
    picked: Picked | None = None

    @property
    def event(self) -> str | None:
        """The event that may begin a run, as streams call it."""
        if self.kind == "event":
            return self.name
        return TRIGGERED if self.kind in ("api", "webhook") else None

    @property
    def minutes(self) -> int:
        """The time of day, in minutes after midnight."""
        return minutes_of(self.spec.get("at") or "00:00") or 0

    @property
    def days(self) -> frozenset[int]:
        """The days of the week; all of them, if none is named."""
        return frozenset(DAYS.index(name) for name in self.spec.get("on") or DAYS)

    @property
    def offset_days(self) -> int:
        """How many days from the date."""
        ms = own.ms(self.spec.get("after")) - own.ms(self.spec.get("before"))
        return ms // 86_400_000


def read_trigger(spec: Mapping[str, Any], texts: Texts) -> Trigger:
    """A trigger of settings that were checked."""
    kind = next(name for name in KINDS if spec.get(name))
    name = spec[kind] if isinstance(spec[kind], str) else ""
    if kind == "event":
        name, root = texts.event_ref(name, spec.get("where"), "trigger.where")
    else:
        root = texts.message_root(spec.get("where"), "trigger.where")
    where = compile_message(root) if root is not None else None
    values = (spec.get("from"), spec.get("to"))
    return Trigger(kind, name, where, values, spec, picked(root))


ENTRY_TEXT = "It must be once, every_time, {once_per: PATH} or {again_after: 30d}."


class Entry(NamedTuple):
    """How often a person may enter: ``once``, ``every_time``, ``once_per``, ``again_after``."""

    rule: str = "once"
    path: tuple[str, ...] = ()
    ms: int = 0


def read_entry(value: Any) -> Entry:
    """An `Entry` of what a file says; `ValidationError`."""
    if value in ("once", "every_time"):
        return Entry(value)
    if isinstance(value, Mapping) and len(value) == 1:
        if isinstance(value.get("once_per"), str) and value["once_per"]:
            return Entry("once_per", tuple(value["once_per"].split(".")))
        ms = parse_duration(str(value.get("again_after", "")))
        if ms:
            return Entry("again_after", ms=ms)
    raise ValidationError(ENTRY_TEXT)
