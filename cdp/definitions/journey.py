"""``kind: journey``: a way that people go, step by step. Which version runs is another matter."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields

from cdp.conditions import Context, format_text
from cdp.conditions.errors import nearest_or_all
from cdp.conditions.expand import Made, expand
from cdp.definitions.calls import calls_in_circles
from cdp.definitions.kind import (
    KEY,
    KEY_TEXT,
    Body,
    DefinitionError,
    Draft,
    Fault,
    Id,
    Kind,
    Said,
    Text,
    line,
    prose,
    yes_or_no,
)
from cdp.definitions.words import Use, Word, parsed, reworded
from cdp.journeys import Program, Read
from cdp.journeys import read as read_journey
from cdp.journeys.limits import LimitsSchema
from cdp.journeys.places import EXPRESSION, NAMES, WHERE, Place, places
from cdp.journeys.schema import GoalSchema, JourneyBody, LaunchRuleSchema
from cdp.journeys.triggers import TriggerSchema

MAX_DEPTH, MAX_PARTS = 100, 50_000
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class _Own(Schema):
    name = line(metadata={"description": "What people call it; made of the key if unset."})
    description = prose("What it is for.")
    archived = yes_or_no("Kept and no longer offered; it can't be launched.")


class _AsWritten(fields.Nested):
    """A mapping that is checked and then kept as it was written."""

    def _deserialize(
        self, value: Any, attr: Any, data: Any, partial: Any = None, **kwargs: Any
    ) -> Any:
        super()._deserialize(value, attr, data, partial, **kwargs)
        return value


JourneySchema = Schema.from_dict(
    {
        **_Own._declared_fields,
        **JourneyBody._declared_fields,
        "trigger": _AsWritten(
            TriggerSchema, required=True, metadata={"description": "What begins a run."}
        ),
        "goal": _AsWritten(GoalSchema, metadata={"description": "What it is for."}),
        "approval": _AsWritten(
            LaunchRuleSchema, metadata=JourneyBody._declared_fields["approval"].metadata
        ),
        "limits": _AsWritten(
            LimitsSchema, metadata=JourneyBody._declared_fields["limits"].metadata
        ),
    },
    name="JourneySchema",
)


class JourneyKind(Kind):
    """Journeys are read as a whole, and kept as they are written: short forms stay short."""

    @property
    def defaults(self) -> dict[str, Any]:
        """What a field that is left out stands for."""
        kept = (str, bool, int, float)
        return {
            field.data_key or name: field.load_default
            for name, field in self.schema().fields.items()
            if isinstance(field.load_default, kept)
        }

    def read(self, key: str, given: Body) -> Draft:
        """The body as it is kept; `DefinitionError` with all that is wrong."""
        faults = [] if KEY.fullmatch(key) else [Fault("key", KEY_TEXT)]
        odd = list(_no_json(given))
        if odd:
            raise DefinitionError([*faults, *odd])
        names = [field.data_key or name for name, field in self.schema().fields.items()]
        own = set(_Own().fields)
        try:
            _Own(unknown=RAISE).load({n: v for n, v in given.items() if n in own})
        except ValidationError as error:
            faults += [Fault(n, str(t)) for n, ts in error.messages_dict.items() for t in ts]
        for name in given:
            if name not in names:
                hint = nearest_or_all(name, names)
                faults.append(Fault(name, f"a journey has no such field. {hint}"))
        found = Read(key, {n: v for n, v in given.items() if n not in own})
        faults += [Fault(*wrong) for wrong in found.wrong]
        if faults:
            raise DefinitionError(faults)
        default = {name: value for name, value in self.defaults.items() if name in own}
        body = {
            name: deepcopy(given[name])
            for name in names
            if given.get(name) not in (None, [], {})
            and not (name in default and given[name] == default[name])
        }
        return Draft(body, body)


def _no_json(given: Body) -> Iterator[Fault]:
    """What no JSON is, or too much of it."""
    stack: list[tuple[Any, str, int]] = [(item, name, 1) for name, item in given.items()]
    parts = 0
    while stack:
        value, field, depth = stack.pop()
        parts += 1
        if depth > MAX_DEPTH or parts > MAX_PARTS:
            yield Fault(field[:100], "it is nested too deeply" if depth > MAX_DEPTH else "too much")
            return
        if isinstance(value, Mapping):
            for name, item in value.items():
                if not isinstance(name, str) or _UNPRINTABLE.search(name):
                    yield Fault(field, f"the name {name!r} must be a text; put it in quotes")
                else:
                    stack.append((item, f"{field}.{name}", depth + 1))
        elif isinstance(value, list):
            stack += [(item, f"{field}[{at}]", depth + 1) for at, item in enumerate(value)]
        elif isinstance(value, str):
            if _UNPRINTABLE.search(value):
                yield Fault(field, "It must not hold control characters.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield Fault(field, "It must be a number.")
        elif value is not None and not isinstance(value, bool | int | float):
            text = f"{str(value)[:60]!r} is no text, number, true or false; put it in quotes"
            yield Fault(field, text)


def _word(place: Place) -> Word:
    return Word(place.role, place.text)  # type: ignore[arg-type]


def _refers(body: Body) -> tuple[Use, ...]:
    return tuple(
        Use(_word(place), place.field, 0, 0) for place in places(body) if place.role in NAMES
    )


def _within(body: Body) -> tuple[Said, ...]:
    trigger = body.get("trigger")
    began = trigger.get("event") if isinstance(trigger, Mapping) else None
    called = isinstance(trigger, Mapping) and bool(trigger.get("api") or trigger.get("webhook"))
    found = []
    for place in places(body):
        if place.role == WHERE:
            is_call = called and place.field == "trigger.where"
            text = Text(place.field, Context.MESSAGE, event=place.event, is_call=is_call)
        elif place.role not in NAMES:
            text = Text(place.field, Context.BRANCH, place.role == EXPRESSION, began)
        else:
            continue
        found.append(Said(text, place.text))
    return tuple(found)


def _renamed(body: dict[str, Any], new: Mapping[Word, Word]) -> None:
    copied = deepcopy(body)
    for place in list(places(copied)):
        if place.role in NAMES:
            word = _word(place)
            place.holder[place.key] = new.get(word, word).text
            continue
        context = Context.MESSAGE if place.role == WHERE else Context.BRANCH
        root = parsed(place.text).root
        changed = reworded(root, context, new)
        if changed != root:
            place.holder[place.key] = format_text(changed)
    body.update(copied)


def _whole(id_: Id, bodies: Mapping[Id, Body]) -> list[Fault]:
    found = list(calls_in_circles(id_, bodies))
    for place in places(bodies[id_]):
        listed = place.field.endswith(("add_to.audience", "remove_from.audience"))
        audience = bodies.get(("audience", place.text)) if listed else None
        if audience is not None and not audience.get("static"):
            text = f"the audience {place.text} is worked out of a condition, not kept by hand"
            found.append(Fault(place.field, text))
    return found


JOURNEY = JourneyKind(
    "journey",
    "journey",
    "journeys",
    JourneySchema,
    lambda key, body: (Word("journey", key),),
    (),
    refers=_refers,
    within=_within,
    whole=_whole,
    scope="journeys",
    as_written=True,
    renamed=_renamed,
)


def program_of(key: str, body: Body, version: int, made: Made) -> Program:
    """A journey as it runs: virtual events and computed traits are what they stand for.

    `JourneyError`, if it can't be.
    """
    return read_journey(key, body, version, lambda root: expand(root, made))
