"""Journeys: which there are, how one goes, and what can be done with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Response, abort, flash, jsonify, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as Answer

from cdp.console import auth, layout
from cdp.console.auth import author
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.journeys import rollout
from cdp.console.journeys.said import KIND, canvas
from cdp.definitions import title_of
from cdp.delivery.journeys import inside, office
from cdp.delivery.journeys.report import by_exit
from cdp.delivery.journeys.there import MAY, NoSuchJourney, Refused
from cdp.journeys import Read
from cdp.store import definitions
from cdp.store.definitions import Version
from cdp.store.journeys import drafts as journey_drafts
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import requests
from cdp.store.journeys import runs as journey_runs
from cdp.store.journeys import sums as journey_sums
from cdp.store.journeys.drafts import Draft
from cdp.store.journeys.launched import JourneyRow
from cdp.store.journeys.runs import Standing
from cdp.store.journeys.sums import Sum

#: The colour of a state's badge.
TONES = {"draft": "plain", "live": "good", "paused": "wait", "draining": "wait", "stopped": "plain"}
#: What buttons say.
VERBS = {"pause": "Pause", "resume": "Go on", "drain": "Let nobody in", "stop": "Stop for all"}
#: What became of people who are through, by the reason that is kept.
ENDS = {
    "finished": "came to the end", "goal": "reached the goal",
    "exit_when": "met the exit condition", "held_out": "held out", "stopped": "stopped",
    "merged": "became one with somebody inside",
    "outranked": "left for a journey that goes before it",
    "rejected": "refused", "late": "too late", "by_hand": "taken out by hand",
}  # fmt: skip


#: Exits of steps that people know by other words.
EXITS = {"met": "it happened", "timeout": "time was over", "rejected": "refused"}
#: What somebody wanted done, in words.
ORDERS = {
    "begin": "Launched", "enter": "Let people in", "answer": "Approved or refused",
    "move": "Moved", "skip": "Let past the step", "resume": "Let go on",
    "winner": "Decided an experiment", "stage": "Changed the rollout", "grow": "Let more people in",
    "migrate": "Took to the new version", "stop": "Stopped for all", "end": "Taken out",
}  # fmt: skip


class Found(NamedTuple):
    """A journey with all that is kept of it: what was launched, its definition, its draft."""

    key: str
    row: JourneyRow | None
    version: Version | None
    draft: Draft | None

    @property
    def body(self) -> dict[str, Any]:
        """What it is now: as it was saved last, else the draft."""
        kept = self.version.body if self.version is not None else None
        return kept or (self.draft.body if self.draft is not None else {})

    @property
    def name(self) -> str:
        """What people call it."""
        return title_of(self.key, self.body)

    @property
    def state(self) -> str:
        """``draft`` until it was launched."""
        return self.row.state if self.row is not None else "draft"

    @property
    def at(self) -> int:
        """When it was changed last."""
        times = [self.row.changed_at] if self.row else []
        times += [one.at for one in (self.version, self.draft) if one is not None]
        return max(times)


class Line(NamedTuple):
    """A journey in the list."""

    found: Found
    inside: int
    held: int
    entered: int
    done: int
    converted: int


def index() -> str:
    """All journeys, those that run first."""
    with console().store.read() as tx:
        rows = {row.key: row for row in journeys.all_rows(tx)}
        versions = {one.key: one for one in definitions.all_current(tx, KIND)}
        drafts = {one.key: one for one in journey_drafts.all_drafts(tx)}
        sums, inside = journey_sums.overall(tx), journey_sums.inside(tx)
    lines = []
    for key in {**versions, **drafts, **rows}:
        found = Found(key, rows.get(key), versions.get(key), drafts.get(key))
        number = found.row.id if found.row is not None else 0
        lines.append(_line(found, inside.get(number, (0, 0)), sums.get(number, {})))
    order = list(TONES)
    lines.sort(key=lambda line: (order.index(line.found.state) in (0, 4), -line.found.at))
    return render_template("console/journeys.html", lines=lines, tones=TONES)


def _line(found: Found, inside: tuple[int, int], n: Mapping[str, int]) -> Line:
    done, converted = n.get("ended", 0), n.get("converted", 0)
    return Line(found, *inside, n.get("entered", 0), done, converted)


def find(tx: Connection, key: str) -> Found:
    """A journey by its key, or 404."""
    found = Found(
        key,
        journeys.row(tx, key),
        definitions.current(tx, KIND, key),
        journey_drafts.one(tx, key),
    )
    if found == Found(key, None, None, None):
        abort(404, f"There is no journey {key}.")
    return found


def running(tx: Connection, found: Found) -> tuple[int, dict[str, Any]]:
    """The version that is launched with its body; the one saved last if none is."""
    if found.row is not None:
        for one in definitions.versions(tx, KIND, found.key):
            if one.version == found.row.version and one.body is not None:
                return one.version, one.body
    return (found.version.version if found.version else 0), found.body


def page(key: str) -> str:
    """One journey as it goes: its steps with how many are where."""
    with console().store.read() as tx:
        found = find(tx, key)
        version, body = running(tx, found)
        given = canvas(tx, key, body, editable=False)
        sums = _sums(tx, found)
        standings = journey_runs.standings(tx, found.row.id) if found.row is not None else []
        orders = journeys.orders_of(tx, found.row.id, 10) if found.row is not None else []
        launch_asked = requests.waiting(tx, key)
        goes_by = rollout.of(tx, found.row, body)
        newer = _newer(tx, found)
    return render_template(
        "console/journey.html",
        launch_asked=launch_asked,
        rollout=goes_by,
        found=found,
        shown=version,
        given=given,
        line=_line(found, _inside(standings), _by_what(sums)),
        asked=_asked(key, body, standings),
        kept_out=by_exit(sums, "kept_out").most_common(),
        ends=ends_in_words(by_exit(sums, "ended")),
        orders=orders,
        newer=newer,
        can={act for act in VERBS if found.row is not None and found.row.state in MAY[act]},
        verbs=VERBS,
        done=ORDERS,
        tones=TONES,
        tab="overview",
    )


def _newer(tx: Connection, found: Found) -> str:
    """What the newest version is to the one that runs: saved since, or left again; else nothing."""
    if not found.row or not found.version or found.version.version <= found.row.version:
        return ""
    return "left" if journeys.was_launched(tx, found.row, found.version.version) else "saved"


def _sums(tx: Connection, found: Found) -> list[Sum]:
    return journey_sums.sums(tx, found.row.id) if found.row is not None else []


def _by_what(sums: list[Sum]) -> Counter[str]:
    n = Counter[str]()
    for one in sums:
        n[one.what] += one.n
    return n


def _inside(standings: list[Standing]) -> tuple[int, int]:
    return sum(one.n for one in standings), sum(one.held for one in standings)


def _asked(
    key: str, body: Mapping[str, Any], standings: list[Standing]
) -> list[tuple[str, str, int]]:
    """Steps at which people wait for somebody's word: id, question, how many."""
    n = Counter[str]()
    for one in standings:
        n[one.step] += one.n - one.held
    return [
        (step.id, str(step.spec.get("question", "")), n[step.id])
        for step in Read(key, body).steps.values()
        if step.kind.name == "approval" and n[step.id]
    ]


def ends_in_words(n: Counter[str]) -> list[tuple[str, int]]:
    """Why runs ended in words, the most frequent first."""
    return [(end_word(why), k) for why, k in n.most_common()]


def end_word(reason: str | None) -> str:
    """Why a run is over, in words."""
    return ENDS.get(reason or "", (reason or "over").removeprefix("exit:").replace("_", " "))


def counts(key: str) -> Response:
    """How many are where, and how many went which way: what the canvas asks every few seconds."""
    standing: dict[str, list[int]] = {}
    left: dict[str, dict[str, int]] = {}
    with console().store.read() as tx:
        found = find(tx, key)
        standings = journey_runs.standings(tx, found.row.id) if found.row is not None else []
        sums = _sums(tx, found)
    for at in standings:
        there = standing.setdefault(at.step, [0, 0])
        there[0], there[1] = there[0] + at.n, there[1] + at.held
    for one in sums:
        if one.what == "left":
            left.setdefault(one.step, {})[one.exit] = one.n
    n = _by_what(sums)
    return jsonify(
        standing=standing, left=left, entered=n["entered"], done=n["ended"],
        converted=n["converted"], inside=_inside(standings)[0],
    )  # fmt: skip


def act(key: str) -> Answer:
    """Do what the form says to a journey, or to people inside."""
    action, now, by = request.form.get("action", ""), console().now(), author()
    step = request.form.get("step") or None
    run = request.form.get("run", type=int)
    reason = request.form.get("reason", "").strip()
    to = request.form.get("to") or None
    whom: dict[str, Any] = {"run": run, "step": step, "role": auth.current().role}
    does: dict[str, Callable[[Connection], Any]] = {
        "pause": lambda tx: office.pause(tx, key, by, now),
        "resume": lambda tx: office.resume(tx, key, by, now),
        "drain": lambda tx: office.drain(tx, key, by, now),
        "stop": lambda tx: office.stop(tx, key, by, now),
        "approve": lambda tx: inside.answer(tx, key, by, now, "approved", **whom),
        "reject": lambda tx: inside.answer(tx, key, by, now, "rejected", **whom),
        "move": lambda tx: inside.move(tx, key, by, now, to, reason, run=run, step=step),
        "skip": lambda tx: inside.skip(tx, key, by, now, reason, run=run, step=step),
        "go_on": lambda tx: inside.go_on(tx, key, by, now, run=run, step=step),
        "end": lambda tx: inside.end(tx, key, by, now, run or 0, reason),
    }
    if action not in does:
        abort(400, "Unknown action.")
    answer = layout.back(url_for("console.journey", key=key))
    if action == "stop" and not layout.confirmed(key, "Nothing was done"):
        return answer
    try:
        with console().store.write() as tx:
            does[action](tx)
    except NoSuchJourney:
        abort(404, f"There is no journey {key}.")
    except Refused as error:
        flash(as_sentence(str(error)), "bad")
        return answer
    flash(_DONE.get(action, "It is done within a few seconds."), "good")
    return answer


_DONE = {
    "pause": "Paused. Nobody takes a next step until it goes on.",
    "resume": "It goes on.",
    "drain": "Nobody enters any more. Those inside go on to their end.",
    "stop": "Stopped. Those inside leave it within a few seconds.",
}
