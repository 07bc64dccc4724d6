"""Where a journey's body says what: every condition and every name, as it is written.

The schemas tell which field is what (``format``), so that a new kind of step needs nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from marshmallow import Schema, fields

from cdp.journeys.schema import JourneyBody
from cdp.journeys.steps import STEPS, StepKind

#: What a text may be, beside a condition over one message (``where``).
CONDITION, EXPRESSION, WHERE = "condition", "expression", "where"
NAMES = ("event", "trait", "audience", "template", "topic", "journey")
_KNOWN = frozenset((CONDITION, EXPRESSION, *NAMES))


class Place(NamedTuple):
    """A text in a body: ``holder[key]`` is it, ``role`` what it is.

    ``field`` is called as `cdp.journeys.read` calls it; ``event`` names the event that a
    ``where`` is asked of.
    """

    holder: Any
    key: Any
    field: str
    role: str
    event: str | None = None

    @property
    def text(self) -> str:
        """What is written there."""
        found: str = self.holder[self.key]
        return found


def places(body: Any) -> Iterator[Place]:
    """Each condition, expression and name in a journey's body; what is no text is passed over."""
    return _fields(_made(JourneyBody), body, "")


@cache
def _made(schema: type[Schema]) -> Schema:
    return schema()


def _fields(schema: Any, value: Any, field: str) -> Iterator[Place]:
    if not isinstance(value, Mapping):
        return
    for name, item in schema.fields.items():
        key = item.data_key or name
        if key in value:
            yield from _one(item, value, key, f"{field}{key}")


def _one(item: Any, holder: Any, key: Any, field: str, inherited: str = "") -> Iterator[Place]:
    value, format_ = holder[key], item.metadata.get("format", inherited)
    if format_ == "steps":
        yield from _steps(value, field)
    elif format_ == "values":
        yield from _values(value, field)
    elif isinstance(item, fields.Nested):
        yield from _fields(item.schema, value, f"{field}.")
    elif isinstance(item, fields.List) and isinstance(value, list):
        for at in range(len(value)):
            yield from _one(item.inner, value, at, f"{field}[{at}]", format_)
    elif format_ in _KNOWN and isinstance(value, str):
        if key == "where":
            event = holder.get("event")
            yield Place(holder, key, field, WHERE, event if isinstance(event, str) else None)
        else:
            yield Place(holder, key, field, format_)


def _steps(value: Any, field: str) -> Iterator[Place]:
    if isinstance(value, Mapping):  # by way out
        for exit, inner in value.items():
            yield from _steps(inner, f"{field}.{exit}")
        return
    for at, step in enumerate(value if isinstance(value, list) else ()):
        for name in step if isinstance(step, Mapping) else ():
            if name in STEPS:
                yield from _step(step, name, f"{field}[{at}].{name}")


def _step(step: Any, name: str, field: str) -> Iterator[Place]:
    kind, value = STEPS[name], step[name]
    spec = kind.spec(value)
    if spec is value:
        yield from _fields(_made(kind.schema), value, f"{field}.")
        return
    # A short form: what is written is the value of one field.
    for attribute, item in _made(kind.schema).fields.items():
        key = item.data_key or attribute
        if isinstance(spec, Mapping) and key in spec:
            yield from _one(item, step, name, f"{field}.{key}")


def own_settings(kind: StepKind, spec: Mapping[str, Any]) -> Any:
    """What a step says, without the steps inside of it."""
    return _bare(_made(kind.schema), spec)


def _bare(schema: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    found = dict(value)
    for name, item in schema.fields.items():
        key = item.data_key or name
        if key not in found:
            continue
        inner = item.inner if isinstance(item, fields.List) else item
        if item.metadata.get("format") == "steps":
            del found[key]
        elif isinstance(inner, fields.Nested):
            several = isinstance(found[key], list)
            made = [_bare(inner.schema, one) for one in (found[key] if several else [found[key]])]
            found[key] = made if several else made[0]
    return found


def _values(value: Any, field: str) -> Iterator[Place]:
    if isinstance(value, Mapping):
        if set(value) == {"value"} and isinstance(value["value"], str):
            yield Place(value, "value", f"{field}.value", EXPRESSION)
            return
        for key, item in value.items():
            if isinstance(item, Mapping | list):
                yield from _values(item, f"{field}.{key}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _values(item, f"{field}[{at}]")
