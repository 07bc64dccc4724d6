"""Why somebody is where they are in a journey, what they got, or why they aren't in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from cdp.audiences import Book
from cdp.events import format_time
from cdp.identity import public_id
from cdp.journeys import Program, Run, explain
from cdp.journeys.groups import Groups
from cdp.journeys.lots import lot
from cdp.journeys.run import ACTIVE
from cdp.pipeline.audiences.definitions import KINDS
from cdp.pipeline.audiences.explain import subject_at
from cdp.pipeline.journeys.plan import JourneyPlan
from cdp.pipeline.journeys.seen import Seen, triggers_seen
from cdp.store import definitions
from cdp.store.audiences import lists
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import story as journey_story
from cdp.store.journeys.launched import DRAINING, LIVE, PAUSED, JourneyRow
from cdp.store.messages import deliveries
from cdp.store.messages import reads as message_reads
from cdp.store.profiles import people

KIND = "journey"
#: Runs that are told of, the newest.
MOST_RUNS = 20


class NoJourney(LookupError):
    """There is no such journey, or its definition can't be read; the text says which."""


class Check(NamedTuple):
    """Something that decides whether somebody enters: whether it lets them, and why."""

    name: str
    ok: bool
    text: str
    clauses: Sequence[dict[str, Any]] = ()


class Explained(NamedTuple):
    """How somebody stands in a journey: their runs, the newest first, and what lets them in."""

    journey: str
    state: str
    version: int
    person: str
    runs: list[dict[str, Any]]
    checks: list[Check]
    seen: list[Seen]

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        seen = [
            {"what": item.what, "at": format_time(item.at), "counts": item.counts,
             "text": item.text or None, "event": item.seq}
            for item in self.seen
        ]  # fmt: skip
        checks = [{**check._asdict(), "clauses": list(check.clauses)} for check in self.checks]
        return {**self._asdict(), "checks": checks, "seen": seen}


def explained(tx: Connection, key: str, profile: people.Profile, now: int) -> Explained:
    """Explain how a profile stands in a journey; `NoJourney`."""
    row = journeys.row(tx, key)
    program, version, plan = _program(tx, key, row)
    person = public_id(profile.collection, profile.anchor)
    every = [item.run for item in journey_runs.of_people(tx, [profile.id], plan.keys)]
    every.sort(key=lambda run: -run.id)
    runs = [run for run in every if run.journey == key][:MOST_RUNS]
    seen = triggers_seen(tx, program, profile, row.launched_at if row is not None else None)
    return Explained(
        key,
        row.state if row is not None else "draft",
        version,
        person,
        [run_told(tx, run) for run in runs],
        [
            *_checks(tx, program, row, profile, person, runs, seen, now),
            *_group(plan.groups, key, every, seen, now),
        ],
        seen,
    )


def whose(tx: Connection, key: str, run: int) -> people.Profile:
    """The profile of a run of a journey, by its number; `NoJourney`."""
    row = journeys.row(tx, key)
    found = journey_runs.by_ids(tx, [run], {row.id: key}) if row is not None else []
    profile = people.by_id(tx, found[0].profile) if found and found[0].run.journey else None
    if profile is None:
        raise NoJourney(f"the journey {key} has no run {run}")
    return profile


def _program(tx: Connection, key: str, row: JourneyRow | None) -> tuple[Program, int, JourneyPlan]:
    current = definitions.current(tx, KIND, key)
    version = row.version if row is not None else (current.version if current is not None else 0)
    body = definitions.body_of(tx, KIND, key, version) if version else None
    if body is None:
        raise NoJourney(f"there is no journey {key}")
    plan = JourneyPlan(tx, definitions.all_current(tx, *KINDS))
    program = plan.read(key, body, version)
    if program is None:
        raise NoJourney(f"the journey {key} can't be read: {plan.broken[key]}")
    return program, version, plan


def run_told(tx: Connection, run: Run) -> dict[str, Any]:
    """A run step by step, as JSON: what was decided and why, and what became of its messages."""
    found = explain.told(journey_story.moves_of(tx, [run.id]))
    steps = []
    for visit in found.visits:
        delivery = deliveries.by_key(tx, visit.key(run.id))
        steps.append(
            {
                "step": visit.step,
                "visit": visit.visit,
                "what": visit.what,
                "exit": visit.exit,
                "came": format_time(visit.came),
                "left": _time(visit.left),
                "until": visit.until,
                "why": visit.why,
                "message": message_reads.shown(tx, [delivery])[0] if delivery else None,
            }
        )
    return {
        "run": run.id,
        "version": run.version,
        "key": run.key or None,
        "started": format_time(run.started),
        "event": run.data.get("event"),
        "entered": found.entered,
        "status": run.status,
        "step": run.step,
        "due": _time(run.due),
        "held": run.held,
        "error": run.error,
        "steps": steps,
        "reason": run.reason,
        "ended": _time(found.ended[0]) if found.ended else None,
        "ended_why": found.ended[2] if found.ended else None,
        "converted": _time(found.converted[0]) if found.converted else None,
    }


def _time(at: int | None) -> str | None:
    return format_time(at) if at is not None else None


# Why somebody did, or didn't, come in.

_STATES = {
    LIVE: "it is live",
    PAUSED: "it is paused: nobody goes on, and nobody enters",
    DRAINING: "it is draining: nobody enters any more",
    "stopped": "it was stopped",
}


def _checks(
    tx: Connection,
    program: Program,
    row: JourneyRow | None,
    profile: people.Profile,
    person: str,
    runs: list[Run],
    seen: list[Seen],
    now: int,
) -> list[Check]:
    return [
        _state(row),
        _trigger(program, seen),
        *_filter(tx, program, profile, seen, now),
        *_rollout(program, person),
        _entry(program, runs, now),
    ]


def _state(row: JourneyRow | None) -> Check:
    if row is None:
        return Check("launched", False, "it was never launched")
    since = format_time(row.launched_at)
    text = f"{_STATES.get(row.state, row.state)}; version {row.version} was launched at {since}"
    if row.error:
        return Check("launched", False, f"{text}, and can't be entered: {row.error}")
    return Check("launched", row.state == LIVE, text)


def _trigger(program: Program, seen: list[Seen]) -> Check:
    if program.trigger.kind == "called":
        return Check("trigger", True, "other journeys begin it")
    counting = [item for item in seen if item.counts]
    if counting:
        at = format_time(counting[0].at)
        return Check("trigger", True, f"{counting[0].what} at {at}")
    if seen:
        return Check("trigger", False, f"{seen[0].what} at {format_time(seen[0].at)}, but "
                     f"{seen[0].text}")  # fmt: skip
    return Check("trigger", False, f"nothing began it: {wanted(program)} was not seen")


def wanted(program: Program) -> str:
    """What begins a journey, in words."""
    trigger = program.trigger
    return {
        "event": f"the event {trigger.name}",
        "enters": f"an entry into the audience {trigger.name}",
        "leaves": f"an exit from the audience {trigger.name}",
        "trait": f"a change of the trait {trigger.name}",
        "date": f"a day by the trait {trigger.name}",
        "every": f"its schedule, for members of {trigger.spec.get('audience')},",
        "api": "a call of the API",
        "webhook": "a call from outside",
        "group": "a group call",
    }.get(trigger.kind, trigger.kind)


def _filter(
    tx: Connection, program: Program, profile: people.Profile, seen: list[Seen], now: int
) -> list[Check]:
    """Whether the filter let them in, when what begins it was seen last; or would now."""
    if program.condition is None:
        return []
    last = next((item for item in seen if item.counts), None)
    at = last.at if last is not None and last.at < now else None
    names = {item.key for item in lists.all_lists(tx)}
    at_lists = lists.ListsAt(tx)
    texts = {name: values for name in names if (values := at_lists.get(name)) is not None}
    book = Book((), now, texts, asked=[program.condition])
    events = book.events_asked([program.condition])
    subject = subject_at(tx, book, profile, events, at)
    subject.journey = {"event": last.message if last is not None else {}}
    then = at if at is not None else now
    holds = book.asked[program.condition].holds(subject, then)
    clauses = [clause.told(subject, then) for clause in book.asked.clauses[program.condition]]
    when = f"at {format_time(at)}" if at is not None else "now"
    said = "let" if at is not None else "would let"
    text = f"its filter {said} them in {when}" if holds else f"its filter keeps them out {when}"
    return [Check("filter", holds, text, clauses)]


def _rollout(program: Program, person: str) -> list[Check]:
    if program.rollout >= 1:
        return []
    inside = lot("rollout", program.key, person) < program.rollout
    share = f"{program.rollout * 100:g} per cent of people may enter"
    return [Check("rollout", inside, f"{share}, and they are {'' if inside else 'not '}of them")]


def _group(groups: Groups, key: str, runs: list[Run], seen: list[Seen], now: int) -> list[Check]:
    """Whether another journey of its groups kept them out when what begins it was seen last.

    Whoever came in then is asked about now.
    """
    if not groups.mates(key):
        return []
    last = next((item.at for item in seen if item.counts), now)
    if any(run.journey == key and run.started == last for run in runs):
        last = now
    # What ended before is over; what ended since was still going on.
    then = [
        msgspec.structs.replace(run, status=ACTIVE)
        for run in runs
        if run.started <= last and (run.status == ACTIVE or run.since > last)
    ]
    kept, _ = groups.judge(key, then)
    if kept is None:
        return [Check("group", True, "no other journey of its groups keeps them out")]
    at = "are" if last == now else "were"
    text = (
        f"they {at} in {kept.journey}, and the group {kept.group} lets them into nothing after it"
    )
    return [Check("group", False, text)]


def _entry(program: Program, runs: list[Run], now: int) -> Check:
    inside = next((run for run in runs if run.status == "active"), None)
    if not runs:
        return Check("entry", True, "they have not been in it")
    last = f"they entered at {format_time(runs[0].started)} (run {runs[0].id})"
    rule = program.entry.rule
    if rule == "once":
        return Check("entry", False, f"{last}, and may once")
    if rule == "again_after" and now - runs[0].started < program.entry.ms:
        again = format_time(runs[0].started + program.entry.ms)
        return Check("entry", False, f"{last}, and may again from {again} on")
    if program.while_in == "ignore" and inside is not None and rule != "once_per":
        return Check("entry", False, f"run {inside.id} goes on, and meanwhile nothing begins")
    if rule == "once_per":
        keys = ", ".join(sorted(run.key for run in runs))
        return Check("entry", True, f"they were in it for {keys}; each may be once")
    return Check("entry", True, f"{last}, and may again")
