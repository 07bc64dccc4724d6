"""What must hold before a version of a journey is launched, and what it means for those inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.definitions import KINDS, Body, DefinitionError, check, difference
from cdp.definitions.journey import program_of
from cdp.definitions.space import Space
from cdp.delivery.journeys import linting
from cdp.delivery.journeys.there import KIND, Refused, body_of, program_at
from cdp.journeys import JourneyError, Program
from cdp.journeys.places import own_settings
from cdp.plugin import Channel
from cdp.store import config_rows
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs


class Inside(NamedTuple):
    """People who stand at a step of a version that is left, and what becomes of them.

    ``becomes``: ``same`` (the new version has the step as it is), ``changed`` (it has one of
    this id that says something else) or ``vanished``. ``held`` of them stand still.
    """

    version: int
    step: str
    people: int
    held: int
    becomes: str


def refuse_faulty(
    tx: Connection, key: str, body: Body, destinations: Mapping[str, Any] | None
) -> None:
    """Raise `Refused` for the first thing that keeps a version from being launched."""
    if body.get("archived"):
        raise Refused(f"the journey {key} is archived")
    bodies = defining.bodies(defining.load(tx))
    try:
        draft = KINDS[KIND].read(key, body)
        errors = check(bodies, {(KIND, key): draft}, defining.look(tx))[KIND, key].errors
    except DefinitionError as error:
        errors = error.faults
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise Refused(f"{errors[0].field}: {errors[0].located}{more}")
    try:
        program = program_of(key, body, 0, Space(bodies).made_of())
    except JourneyError as error:
        raise Refused(f"{error.wrong[0].field}: {error.wrong[0].text}") from None
    for item in linting.stops(program, body):
        raise Refused(f"{item.field}: {item.text}")
    if destinations is None:
        return
    up = channels_up(tx, destinations)
    for template, channel in channels_of(body, bodies):
        if channel not in up:
            raise Refused(
                f"the template {template} goes by {channel}, and no destination for {channel} "
                "is set up and switched on"
            )
    calling = [step.id for step in program.steps.values() if step.kind.name == "webhook"]
    if calling and "webhook" not in up:
        raise Refused(
            f"the step {calling[0]} calls an address, and nothing does so for messages: "
            "cdp destinations add webhook_message"
        )


def channels_of(body: Body, bodies: Mapping[tuple[str, str], Body]) -> list[tuple[str, str]]:
    """The templates that a journey sends with the channel of each, in its order."""
    used = [use.word.text for use in KINDS[KIND].uses(body) if use.word.of == "template"]
    found = []
    for key in dict.fromkeys(used):
        template = bodies.get(("template", key))
        if template is not None:
            found.append((key, template["channel"]))
    return found


def channels_up(tx: Connection, destinations: Mapping[str, Any]) -> set[str]:
    """The channels that have a destination which is switched on; by classes of destinations."""
    found = set()
    for item in config_rows.all_destinations(tx):
        cls = destinations.get(item.plugin)
        if item.enabled and isinstance(cls, type) and issubclass(cls, Channel):
            found.add(cls.channel)
    return found


def insiders(tx: Connection, key: str, version: int | None = None) -> list[Inside]:
    """Who stands where in other versions, and what a launch of this one would mean to them."""
    row = journeys.row(tx, key)
    if row is None:
        return []
    number, body = body_of(tx, key, version)
    return of_body(tx, row, number, body)


def of_body(tx: Connection, row: journeys.JourneyRow, number: int, body: Body) -> list[Inside]:
    """The same of a body that may not be kept yet."""
    new = _steps(tx, row.key, body)
    old: dict[int, Mapping[str, Any]] = {}
    found = []
    for at in journey_runs.standings(tx, row.id):
        if at.version == number:
            continue
        if at.version not in old:
            program = program_at(tx, row.key, at.version)
            old[at.version] = _specs(program) if program is not None else {}
        if at.step not in new:
            becomes = "vanished"
        else:
            same = old[at.version].get(at.step) == new[at.step]
            becomes = "same" if same else "changed"
        found.append(Inside(at.version, at.step, at.n, at.held, becomes))
    return sorted(found)


def _steps(tx: Connection, key: str, body: Body) -> Mapping[str, Any]:
    made = Space(defining.bodies(defining.load(tx))).made_of()
    try:
        return _specs(program_of(key, body, 0, made))
    except JourneyError:
        return {}


def _specs(program: Program) -> Mapping[str, Any]:
    """What each step says, without the steps inside of it."""
    return {
        id_: (step.kind.name, own_settings(step.kind, step.spec))
        for id_, step in program.steps.items()
    }


def differences(
    tx: Connection, key: str, before: int, after: int | None = None
) -> list[dict[str, Any]]:
    """What differs between two versions: steps by their ids, all else by field."""
    (_, old), (_, new) = body_of(tx, key, before), body_of(tx, key, after)
    found = [
        {"what": "changed", "field": change.field, "before": change.before, "after": change.after}
        for change in difference(old, new)
        if change.field != "steps"
    ]
    were, are = _steps(tx, key, old), _steps(tx, key, new)
    for id_ in dict.fromkeys((*were, *are)):
        one, other = were.get(id_), are.get(id_)
        if one != other:
            what = "added" if one is None else "removed" if other is None else "changed"
            found.append(
                {"what": what, "field": id_, "before": _written(one), "after": _written(other)}
            )
    if list(were) != list(are) and set(were) == set(are):
        found.append({"what": "moved", "field": "steps", "before": None, "after": ", ".join(are)})
    return found


def _written(step: tuple[str, Any] | None) -> Any:
    return {step[0]: step[1]} if step is not None else None
