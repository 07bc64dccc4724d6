"""People on their way: who is at a step, one person's run, the journeys of a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from flask import abort, render_template, request
from sqlalchemy import Connection

from cdp.console import layout
from cdp.console.audiences.reasons import ClauseLine, clause_lines
from cdp.console.context import console
from cdp.console.journeys.overview import TONES, end_word, find
from cdp.console.journeys.said import KIND
from cdp.console.messages import sent as messages
from cdp.console.messages.sent import Letter
from cdp.definitions import title_of
from cdp.journeys import Read, Step
from cdp.journeys.run import Run
from cdp.store import definitions
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys.runs import Placed
from cdp.store.journeys.story import Move
from cdp.store.messages import deliveries
from cdp.store.profiles import faces
from cdp.store.profiles.faces import Face

PAGE = 50
#: What became of a run, in words.
HAPPENED = {
    "entered": "Entered", "waits": "Waits", "left": "Went on", "held": "Held",
    "not_started": "Started nothing",
    "failed": "Held: it failed",
    "ended": "Left the journey", "converted": "Reached the goal", "moved": "Moved by hand",
    "migrated": "Taken along from version",
}  # fmt: skip
_CLAUSES = "clauses"


class Traveller(NamedTuple):
    """A run in a list, with whose it is and what its step does."""

    run: Run
    face: Face | None
    step: str
    tone: str
    state: str


class Why(NamedTuple):
    """What explains a move: a word of ours, and its value, which may say something of a person."""

    word: str
    value: Any


class Came(NamedTuple):
    """Something that became of a run, with what explains it and what was sent."""

    at: int
    what: str
    step: str
    exit: str
    why: list[Why]
    clauses: list[ClauseLine]
    letters: list[Letter]


class Journey(NamedTuple):
    """A run of a person, in the list of their page."""

    key: str
    name: str
    traveller: Traveller


def index(key: str) -> str:
    """Who is in a journey, or was; of one step or all."""
    step, state = request.args.get("step") or None, request.args.get("state", "active")
    before = layout.number_arg("before")
    status = {"active": "active", "ended": "ended"}.get(state)
    with console().store.read() as tx:
        found = find(tx, key)
        items: list[Placed] = []
        if found.row is not None:
            items = journey_runs.listed(
                tx, found.row.id, {found.row.id: key}, status=status,
                step=step if status == "active" else None, before=before, limit=PAGE + 1,
            )  # fmt: skip
        standings = journey_runs.standings(tx, found.row.id) if found.row is not None else []
        shown = {item.run.version for item in items} | {one.version for one in standings}
        steps = _steps(tx, key, shown)
        travellers = _travellers(tx, items[:PAGE], lambda item: steps.get(item.run.version, {}))
    at: dict[str, list[int]] = {}
    for one in standings:
        there = at.setdefault(one.step, [0, 0])
        there[0], there[1] = there[0] + one.n, there[1] + one.held
    known = {id_: item for some in steps.values() for id_, item in some.items()}
    return render_template(
        "console/journey_people.html",
        found=found,
        travellers=travellers,
        more=items[PAGE - 1].run.id if len(items) > PAGE else None,
        step=step,
        state=state,
        at=at,
        called={id_: called(item) for id_, item in known.items()},
        approval=step in known and known[step].kind.name == "approval",
        tones=TONES,
        tab="people",
    )


def _steps(tx: Connection, key: str, versions: Iterable[int]) -> dict[int, Mapping[str, Step]]:
    """The steps of some versions by id."""
    bodies = {number: definitions.body_of(tx, KIND, key, number) for number in versions}
    return {
        number: Read(key, body, number).steps for number, body in bodies.items() if body is not None
    }


def names_of(tx: Connection, key: str, versions: Iterable[int]) -> dict[str, str]:
    """What steps are called, by id; as the newest of some versions calls them."""
    steps = _steps(tx, key, sorted(set(versions)))
    return {id_: called(step) for some in steps.values() for id_, step in some.items()}


def called(step: Step) -> str:
    """What a step is called in lists: what it is, and what it does."""
    label = step.kind.label(step.spec)
    return f"{step.kind.title} {label}".strip()


def _travellers(tx: Connection, items: Sequence[Placed], steps: Any) -> list[Traveller]:
    profiles = list({item.profile for item in items})
    whose = {face.profile: face for face in faces.faces_of_profiles(tx, profiles)}
    return [_traveller(item, whose.get(item.profile), steps(item)) for item in items]


def _traveller(item: Placed, face: Face | None, steps: Mapping[str, Step]) -> Traveller:
    run = item.run
    step = steps.get(run.step or "")
    if run.status != "active":
        tone, state = "plain", end_word(run.reason)
    elif run.error:
        tone, state = "bad", "held: it failed"
    elif run.held:
        tone, state = "wait", "held"
    else:
        tone, state = "good", "inside"
    return Traveller(run, face, called(step) if step else run.step or "", tone, state)


def run(key: str, number: int) -> str:
    """One person's way through a journey: each step, why, when, what was sent."""
    with console().store.read() as tx:
        found = find(tx, key)
        items = journey_runs.by_ids(tx, [number], {found.row.id: key}) if found.row else []
        if not items or found.row is None or items[0].journey != found.row.id:
            abort(404, f"{found.name} has no run {number}.")
        item = items[0]
        steps = _steps(tx, key, {item.run.version}).get(item.run.version, {})
        moves = journey_story.moves_of(tx, [number])
        came = _came(tx, item, moves, steps)
        traveller = _travellers(tx, [item], lambda one: steps)[0]
        here = steps.get(item.run.step or "")
    return render_template(
        "console/journey_run.html",
        found=found,
        traveller=traveller,
        run=item.run,
        came=came,
        dropped=item.run.status != "active" and all(move.what != "entered" for move in moves),
        targets={id_: called(step) for id_, step in steps.items()},
        approval=here is not None and here.kind.name == "approval",
        states=messages.STATES,
        message_tones=messages.TONES,
        tones=TONES,
    )  # fmt: skip


def _came(
    tx: Connection, item: Placed, moves: Sequence[Move], steps: Mapping[str, Step]
) -> list[Came]:
    visits: defaultdict[str, int] = defaultdict(int)
    found = []
    for move in moves:
        step = steps.get(move.step or "")
        letters: list[Letter] = []
        if move.what == "left" and step is not None and step.kind.name in ("send", "webhook"):
            visits[step.id] += 1
            sent = deliveries.by_key(tx, f"journey:{item.run.id}:{step.id}:{visits[step.id]}")
            letters = messages.letters(tx, [sent]) if sent is not None else []
        why = dict(move.why) if isinstance(move.why, Mapping) else {}
        clauses = why.pop(_CLAUSES, None)
        exit = end_word(move.exit) if move.what == "ended" else move.exit or ""
        found.append(
            Came(
                move.at,
                HAPPENED.get(move.what, move.what),
                called(step) if step is not None else move.step or "",
                "" if exit == "next" else exit,
                [_why(name, value) for name, value in why.items()
                 if value is not None and name not in ("way", "seq")],
                clause_lines(clauses) if isinstance(clauses, list) else [],
                letters,
            )
        )  # fmt: skip
    return found


def _why(name: str, value: Any) -> Why:
    if name == "until" and isinstance(value, str):
        return Why("until", f"{value[:10]} {value[11:16]} UTC")
    return Why(name.replace("_", " "), value)


def of_person(tx: Connection, profile: int) -> dict[str, Any]:
    """The tab of a person's page: every journey that they entered, the newest first."""
    keys = {row.id: row.key for row in journeys.all_rows(tx)}
    items = journey_runs.of_people(tx, [profile], keys)
    items.sort(key=lambda item: -item.run.id)
    names = {one.key: title_of(one.key, one.body or {})
             for one in definitions.all_current(tx, KIND)}  # fmt: skip
    steps: dict[str, dict[int, Mapping[str, Step]]] = {}
    for key in {item.run.journey for item in items[:PAGE]}:
        some = {item.run.version for item in items[:PAGE] if item.run.journey == key}
        steps[key] = _steps(tx, key, some)
    travellers = _travellers(
        tx, items[:PAGE], lambda item: steps.get(item.run.journey, {}).get(item.run.version, {})
    )
    return {
        "journeys": [
            Journey(one.run.journey, names.get(one.run.journey, one.run.journey), one)
            for one in travellers
        ],
        "others": sorted(
            (name, key) for key, name in names.items()
            if key not in {item.run.journey for item in items}
        ),
    }  # fmt: skip
