"""What becomes of people inside when another version is launched: the choice for each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from cdp.console.journeys.people import called, names_of
from cdp.delivery.journeys.launching import Inside
from cdp.journeys import Read

_FIELD = "fate:"
#: What the new version has in place of a step, in words; what weighs most comes last.
BECOMES = {
    "same": "stay at the step", "changed": "the step says something else now",
    "vanished": "the step is gone",
}  # fmt: skip


class Fate(NamedTuple):
    """Those who stand at a step of ``versions``; ``chosen`` is stay, exit or to:STEP."""

    step: str
    name: str
    versions: list[int]
    people: int
    becomes: str
    chosen: str


def fates(tx: Connection, key: str, there: Iterable[Inside], kept: Mapping[str, Any]) -> list[Fate]:
    """A choice for each step at which somebody is; ``kept`` were made already."""
    at: dict[str, list[Inside]] = {}
    for one in there:
        at.setdefault(one.step, []).append(one)
    names = names_of(tx, key, {one.version for some in at.values() for one in some})
    found = []
    for step, some in at.items():
        becomes = max((one.becomes for one in some), key=list(BECOMES).index)
        usual = f"to:{step}" if becomes == "same" else "stay"
        versions, people = [one.version for one in some], sum(one.people for one in some)
        chosen = _word(kept[step]) if step in kept else usual
        found.append(Fate(step, names.get(step, step), versions, people, becomes, chosen))
    return found


def targets(key: str, body: dict[str, Any]) -> dict[str, str]:
    """The steps to which people may be sent, by id, with what they are called."""
    steps = Read(key, body).steps
    return {id_: called(step) for id_, step in steps.items()}


def chosen(form: MultiDict[str, str]) -> dict[str, Any]:
    """What a form says, by step, as `cdp.delivery.journeys.office.launch` takes it."""
    return {
        name.removeprefix(_FIELD): {"to": fate.removeprefix("to:")}
        if fate.startswith("to:")
        else fate
        for name, fate in form.items()
        if name.startswith(_FIELD)
    }


def _word(fate: Any) -> str:
    return f"to:{fate['to']}" if isinstance(fate, Mapping) else str(fate)
