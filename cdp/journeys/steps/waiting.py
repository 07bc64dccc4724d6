"""Waiting until the person does something, or a condition holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cdp.conditions.live import NEVER
from cdp.conditions.predicate import Predicate
from cdp.conditions.values import same
from cdp.events import at_path, format_time
from cdp.journeys.run import NEXT, Due, Happened, Input, Run
from cdp.journeys.steps import fields as own
from cdp.journeys.steps.base import At, Branch, Leave, Result, Stay, StepKind
from cdp.journeys.texts import Texts


class PathSchema(Schema):
    """One of the things that are waited for."""

    name = own.text("What it is called.", 60)
    event = own.event("An event that the person does.")
    where = own.condition("Of which events.")
    same = own.text("A path that must be the same as in the event that began this.", 200)
    if_ = own.condition("A condition that holds of the person.", data_key="if", attribute="if")
    then = own.steps("What happens then; if unset, what follows.")

    @validates_schema
    def _one(self, data: dict[str, Any], **_: Any) -> None:
        if bool(data.get("event")) == bool(data.get("if")):
            raise ValidationError("It must wait for an event, or for an if.")
        if data.get("if") and (data.get("where") or data.get("same")):
            raise ValidationError("where and same are of an event.", "where")


class WaitUntilSchema(Schema):
    """What to wait for, and for how long."""

    event = own.event("An event that the person does.")
    where = own.condition("Of which events.")
    same = own.text("A path that must be the same as in the event that began this.", 200)
    if_ = own.condition("A condition that holds of the person.", data_key="if", attribute="if")
    any = fields.List(
        fields.Nested(PathSchema),
        validate=validate.Length(1, 10),
        metadata={"description": "Several things; the first that comes decides."},
    )
    then = own.steps("What happens then; if unset, what follows.")
    timeout = own.duration("For how long at the most; for ever, if unset.")
    on_timeout = own.steps("What happens when the time is over; if unset, what follows.")

    @validates_schema
    def _some(self, data: dict[str, Any], **_: Any) -> None:
        said = [name for name in ("event", "if", "any") if data.get(name)]
        if len(said) != 1:
            raise ValidationError("It must wait for an event, an if, or any of several.")
        if data.get("any") and data.get("then"):
            raise ValidationError("With any, each has a then of its own.", "then")


class _Path(NamedTuple):
    exit: str
    event: str | None
    where: Predicate | None
    same: tuple[str, ...]
    root: Any


class _Until(NamedTuple):
    """What is waited for: all ``paths``, the ``events`` of some, the conditions of others."""

    paths: tuple[_Path, ...]
    timeout: int
    events: tuple[str, ...]
    asked: tuple[_Path, ...]


class WaitUntil(StepKind):
    """Until the person does something or a condition holds, or the time is over."""

    name, title, schema, short = "wait_until", "Wait until", WaitUntilSchema, "event"
    waits = True

    def spec(self, value: Any) -> Any:
        return {"event": value} if isinstance(value, str) else value

    def label(self, spec: Mapping[str, Any]) -> str:
        return str(spec.get("event") or "")

    def branches(self, spec: Mapping[str, Any]) -> list[Branch]:
        found = []
        if spec.get("then"):
            found.append(Branch("met", spec["then"], "then"))
        for at, path in enumerate(spec.get("any") or ()):
            exit = path.get("name") or f"met-{at + 1}"
            found.append(Branch(exit, path.get("then") or (), f"any[{at}].then"))
        if spec.get("timeout"):
            found.append(Branch("timeout", spec.get("on_timeout") or (), "on_timeout"))
        return found

    def compile(self, spec: Mapping[str, Any], texts: Texts, field: str) -> Any:
        if spec.get("any"):
            paths = [
                self._path(path, path.get("name") or f"met-{at + 1}", texts, f"{field}.any[{at}]")
                for at, path in enumerate(spec["any"])
            ]
        else:
            paths = [self._path(spec, "met" if spec.get("then") else NEXT, texts, field)]
        return _Until(
            tuple(paths),
            own.ms(spec.get("timeout")),
            tuple(path.event for path in paths if path.event),
            tuple(path for path in paths if path.root is not None),
        )

    def _path(self, spec: Mapping[str, Any], exit: str, texts: Texts, field: str) -> _Path:
        text = spec.get("if")
        same_path = tuple(spec["same"].split(".")) if spec.get("same") else ()
        event, where = spec.get("event"), None
        if event:
            event, where = texts.of_event(event, spec.get("where"), f"{field}.where")
        return _Path(
            exit,
            event,
            where,
            same_path,
            texts.condition(text, f"{field}.if") if text else None,
        )

    def enter(self, at: At) -> Result:
        timeout = at.args.timeout
        return self._look(at, at.now + timeout if timeout else None)

    def resume(self, at: At, cause: Input) -> Result | None:
        if isinstance(cause, Happened):
            for path in at.args.paths:
                if path.event == cause.name and _meets(path, cause.message, at.run):
                    return Leave(path.exit, why={"event": path.event, "seq": cause.seq})
        end = at.run.note
        looked = self._look(at, end)
        if isinstance(looked, Leave):
            return looked
        if end is not None and isinstance(cause, Due) and cause.at >= end:
            return Leave("timeout", why=self._unmet(at))
        return looked

    def _unmet(self, at: At) -> Mapping[str, Any]:
        """What was waited for and didn't come."""
        asked: _Until = at.args
        clauses = [clause for path in asked.asked for clause in at.moment.why(path.root, at.run)]
        return {"events": list(asked.events), "clauses": clauses}

    def _look(self, at: At, end: int | None) -> Result:
        waits: _Until = at.args
        due = end
        for path in waits.asked:
            if at.moment.holds(path.root, at.run):
                return Leave(path.exit, why={"clauses": at.moment.why(path.root, at.run)})
            change = at.moment.next_change(path.root, at.run)
            if change < NEVER:
                due = change if due is None else min(due, change)
        why = {"until": format_time(end)} if end is not None else None
        return Stay(due, waits.events, bool(waits.asked), end, why=why)


def _meets(path: _Path, message: Mapping[str, Any], run: Run) -> bool:
    if path.where is not None and not path.where(message):
        return False
    if not path.same:
        return True
    mine = at_path(dict(run.data.get("event") or {}), path.same)
    return mine is not None and same(mine, at_path(dict(message), path.same))
