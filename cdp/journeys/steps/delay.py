"""A delay: fixed, until a time of day, a weekday or a date, within business hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from msgspec.structs import replace

from cdp.audiences import plain
from cdp.conditions.values import to_time
from cdp.events import format_time
from cdp.journeys import wall
from cdp.journeys.lots import lot
from cdp.journeys.run import NEXT, Due, Input
from cdp.journeys.steps import fields as own
from cdp.journeys.steps.base import DONE, At, End, Leave, Result, Stay, StepKind
from cdp.journeys.texts import Texts
from cdp.messaging.pressure import DAYS, minutes_of


class LateSchema(Schema):
    """What happens when its time is noticed late: after the server was down."""

    after = own.duration("How much later counts as late.", required=True)
    then = fields.String(
        required=True,
        validate=validate.OneOf(("go", "skip", "again", "exit")),
        metadata={
            "description": "go on all the same; skip the step that follows; wait again for its "
            "time; or exit the journey."
        },
    )


class WaitSchema(Schema):
    """How long to wait."""

    for_ = own.duration("How long.", data_key="for", attribute="for")
    until = own.clock("Then until this time of day.")
    on = own.days("Then until one of these days of the week.")
    zone = own.zone()
    date = own.expression("Until the date that this is worth, such as traits.renews_at.")
    before = own.duration("So long before the date; a date that has a time of day is exact.")
    after = own.duration("So long after the date.")
    yearly = fields.Boolean(
        load_default=False, metadata={"description": "The date comes again every year."}
    )
    hours = fields.Nested(own.HoursSchema, metadata={"description": "Then until business hours."})
    jitter = own.duration("Up to so much longer, by lot, so that not all go at once.")
    late = fields.Nested(LateSchema, metadata={"description": "What if it is noticed late."})

    @validates_schema
    def _some(self, data: dict[str, Any], **_: Any) -> None:
        if not any(data.get(name) for name in ("for", "until", "on", "date", "hours", "jitter")):
            raise ValidationError("It must say how long: for, until, on, date, hours or jitter.")
        if data.get("date") and data.get("for"):
            raise ValidationError("It waits for a time or until a date, not both.", "date")


class _Wait(NamedTuple):
    ms: int
    minutes: int | None
    days: frozenset[int]
    zone: str
    date: Any
    offset: int
    yearly: bool
    hours: wall.Hours | None
    jitter: int
    late: tuple[int, str] | None
    #: It only says how long.
    plain: bool


class Wait(StepKind):
    """A delay: fixed, until a time of day, a weekday, a date, within business hours."""

    name, title, schema, short, waits = "wait", "Wait", WaitSchema, "for", True

    def label(self, spec: Mapping[str, Any]) -> str:
        return str(next((spec[n] for n in ("for", "until", "date") if spec.get(n)), ""))

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> _Wait:
        date = spec.get("date")
        hours, late = spec.get("hours"), spec.get("late")
        return _Wait(
            own.ms(spec.get("for")),
            minutes_of(spec["until"]) if spec.get("until") else None,
            own.days_of(spec.get("on")),
            spec.get("zone", "person"),
            texts.expression(date, f"{field}.date") if date else None,
            own.ms(spec.get("after")) - own.ms(spec.get("before")),
            bool(spec.get("yearly")),
            wall.Hours(
                minutes_of(hours["start"]) or 0,
                minutes_of(hours["end"]) or 0,
                own.days_of(hours.get("days") or DAYS[:5]),
            )
            if hours
            else None,
            own.ms(spec.get("jitter")),
            (own.ms(late["after"]), late["then"]) if late else None,
            not any(spec.get(name) for name in ("until", "on", "date", "hours", "jitter")),
        )

    def enter(self, at: At) -> Result:
        asked: _Wait = at.args
        date = plain(at.moment.value(asked.date, at.run)) if asked.date is not None else None
        try:
            due = self._until(at, date)
        except (OverflowError, ValueError):  # beyond the calendar
            due = None
        if due is None:
            return Leave(why={"skipped": "there is no such date"})
        return Stay(due, why={"until": format_time(due)}) if due > at.now else DONE

    def resume(self, at: At, cause: Input) -> Result | None:
        if not isinstance(cause, Due):
            return None
        late: tuple[int, str] | None = at.args.late
        if late is None or at.now - cause.at <= late[0]:
            return DONE
        why = {"late_ms": at.now - cause.at}
        if late[1] == "again":
            again = self.enter(at)
            return replace(again, why={**(again.why or {}), **why})
        if late[1] == "exit":
            return End("late", why=why)
        return Leave("skip" if late[1] == "skip" else NEXT, why=why)

    def _until(self, at: At, date: Any) -> int | None:
        args: _Wait = at.args
        due = at.now + args.ms
        if args.plain:
            return due
        zone = at.moment.zone(at.zone) if args.zone == "person" else wall.zone(args.zone)
        if args.date is not None:
            found = self._date(at, date, zone)
            if found is None or found < at.now:
                return found
            due = found
        if args.minutes is not None:
            # Of a date it is that time already, on its own day.
            due = wall.next_wall(due, args.minutes, zone, args.days)
        elif args.days != wall.EVERY_DAY:
            due = wall.next_day(due, zone, args.days)
        if args.hours is not None:
            due = wall.in_hours(due, args.hours, zone)
        if args.jitter:
            due += int(lot(at.run.journey, at.step, at.moment.person, at.run.key) * args.jitter)
        return due

    def _date(self, at: At, value: Any, zone: ZoneInfo) -> int | None:
        args: _Wait = at.args
        day = wall.date_of(value, zone)
        if day is None:
            return None
        # Days by the calendar, so that a time of day stays when clocks change.
        days = int(args.offset / wall.DAY_MS)
        rest, minutes = args.offset - days * wall.DAY_MS, args.minutes or 0
        if args.yearly:
            return wall.next_yearly(day, days, minutes, zone, at.now - rest) + rest
        time = to_time(value)
        if time is not None and not wall.is_day(value) and args.minutes is None:
            return time.ms + args.offset
        return wall.on_date(day, days, minutes, zone) + rest
