"""What a journey would have done to people's past: begun, watched, given up, looked at again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from flask import Response as Answer
from flask import abort, flash, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from cdp.console import layout
from cdp.console.auth import author
from cdp.console.context import console
from cdp.console.journeys.overview import EXITS, TONES, Found, ends_in_words, find
from cdp.console.journeys.people import called
from cdp.console.journeys.said import KIND, canvas, titles, unfinished
from cdp.console.journeys.versions import marks
from cdp.journeys import JourneyError, Read
from cdp.pipeline.journeys.backtests import Backtesting
from cdp.pipeline.journeys.trying import program_for
from cdp.store import definitions
from cdp.store.journeys import backtests
from cdp.store.journeys.backtests import CANCELLED, Backtest
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import NoSuchBroadcast

#: Over so many days a back-test goes, and at so many people it looks at first.
DAYS, PEOPLE = (7, 30, 90, 365), 2000
#: What stands for the draft in the address, beside numbers of versions.
DRAFT = "draft"
WORDS = {"running": "running", "done": "done", "failed": "failed", "cancelled": "given up"}
COLOURS = {"running": "wait", "done": "good", "failed": "bad", "cancelled": "plain"}
#: Figures of a side: what they are called, and the field of the result.
FIGURES = (
    ("people would have entered", "people"), ("times in all", "runs"), ("messages", "messages"),
    ("reached the goal", "converted"), ("messages at most in a week", "most_in_a_week"),
    ("could not have gone on", "held"),
)  # fmt: skip


class Row(NamedTuple):
    """A line of the comparison: what of each side, and the difference of two."""

    what: str
    values: list[int]
    more: int | None


def page(key: str) -> str:
    """The form, and what was found before."""
    with console().store.read() as tx:
        found = find(tx, key)
        sides = _sides(tx, found)
        kept = backtests.of_journey(tx, key)
    names = {name: side[0] for name, side in sides.items()}
    one = request.args.get("of", "")
    return render_template(
        "console/journey_backtest.html",
        found=found,
        names=names,
        of=one if one in names else next(iter(names), ""),
        against=request.args.get("against", ""),
        days=layout.number_arg("days") or 30,
        spans=DAYS,
        most=PEOPLE,
        kept=kept,
        words=WORDS,
        colours=COLOURS,
        tones=TONES,
        tab="backtest",
    )


def _sides(tx: Connection, found: Found) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """What can be tested: the draft, and all versions, the newest first."""
    made: dict[str, tuple[str, Mapping[str, Any]]] = {}
    if found.draft is not None:
        made[DRAFT] = ("The draft", found.draft.body)
    for one in definitions.versions(tx, KIND, found.key):
        if one.body is not None:
            made[str(one.version)] = (f"Version {one.version}", one.body)
    return made


def begin(key: str) -> Response:
    """Begin one, as the form says."""
    days = layout.number_arg("days") or 30
    here = console()
    with here.store.read() as tx:
        known = _sides(tx, find(tx, key))
    one, other = request.form.get("of", ""), request.form.get("against", "")
    if one not in known or (other and other not in known) or days not in DAYS:
        flash("Nothing was begun: choose a version that is there.", "bad")
        return redirect(url_for("console.journey_backtest", key=key), 303)
    sides = [known[one], *([known[other]] if other and other != one else [])]
    with here.store.read() as tx:
        for name, body in sides:
            try:
                program_for(tx, key, 0, body)
            except JourneyError as error:
                flash(f"{name}: {unfinished(body, error)}", "bad")
                return redirect(url_for("console.journey_backtest", key=key), 303)
    people = None if request.form.get("all") == "1" else PEOPLE
    made = Backtesting(here.store).begin(key, sides, days, people, author(), here.now())
    return redirect(url_for("console.journey_backtested", key=key, number=made.id), 303)


def cancel(key: str, number: int) -> Response:
    """Give one up; what it has found so far is not kept."""
    here = console()
    with here.store.write() as tx:
        _one(tx, key, number)
        if backtests.end(tx, number, CANCELLED, here.now()):
            flash("Given up.", "good")
    return redirect(url_for("console.journey_backtest", key=key), 303)


def _one(tx: Connection, key: str, number: int) -> Backtest:
    found = backtests.one(tx, number) if number < 2**31 else None
    if found is None or found.journey != key:
        abort(404, "There is no such back-test; the oldest are forgotten.")
    return found


def one(key: str, number: int) -> str | Answer:
    """One of them: how far it is, or what it found; for htmx how far alone, and when it is over."""
    now = console().now()
    with console().store.read() as tx:
        found, item = find(tx, key), _one(tx, key, number)
        running = item.runs(now)
        shown = _shown(tx, key, item) if item.result is not None else {}
    if layout.is_partial() and not running:
        return Answer("", headers={"HX-Refresh": "true"})
    name = "journey_backtest_state" if layout.is_partial() else "journey_backtested"
    return render_template(
        f"console/{name}.html",
        found=found,
        item=item,
        running=running,
        silent=item.state == "running" and not running,
        names=[side["name"] for side in item.asked["sides"]],
        days=round((item.asked["to"] - item.asked["from"]) / 86_400_000),
        tones=TONES,
        tab="backtest",
        **{"result": None, "sides": [], "rows": [], **shown},
    )


def _shown(tx: Connection, key: str, item: Backtest) -> dict[str, Any]:
    result, asked = item.result or {}, item.asked["sides"]
    versions, bodies = result["versions"], [side["body"] for side in asked]
    marked = marks(key, *bodies) if len(bodies) == 2 else ({}, {})
    sides = []
    for body, told, mark in zip(bodies, versions, marked, strict=False):
        given = canvas(tx, key, body, editable=False)
        for name in ("counts", "people", "edit"):
            given["addresses"].pop(name, None)
        given["painted"], given["marks"] = _painted(told), mark
        sides.append(given)
    return {"result": result, "sides": sides, "rows": _rows(tx, key, bodies, versions)}


def _painted(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a side would have done, as the canvas has counts."""
    left: dict[str, dict[str, int]] = {}
    for edge in told["edges"]:
        left.setdefault(edge["step"], {})[edge["exit"]] = edge["runs"]
    inside = {step: [n, 0] for step, n in told["inside"].items()}
    return {"entered": told["runs"], "left": left, "standing": inside}


def _rows(
    tx: Connection, key: str, bodies: list[Mapping[str, Any]], versions: list[Mapping[str, Any]]
) -> list[tuple[str, list[Row]]]:
    """All figures, by what they are about."""
    steps: dict[str, str] = {}
    for body in bodies:
        read = Read(key, body).steps
        steps.update({id_: called(step) for id_, step in read.items()})
    letters, origins = titles(tx, "template"), titles(tx, "journey")
    weeks = [_numbers(one["messages_per_person_and_week"]) for one in versions]
    found = [
        ("In all", [_row(word, [one[field] for one in versions]) for word, field in FIGURES]),
        ("Messages a person got in one week", _of(weeks, lambda n: f"{n} message{'s' * (n != '1')}",
                                                  key=int)),
        ("Messages", _of([one["sent"] for one in versions],
                         lambda name: letters.get(name, {}).get("name", name))),
        ("Within a day of another message", _of(
            [one["near_other_messages"] for one in versions],
            lambda name: _origin(tx, name, origins))),
        ("Ways", _of(
            [{(e["step"], e["exit"]): e["runs"] for e in one["edges"]} for one in versions],
            lambda at: f"{steps.get(at[0], at[0])}{_exit(at[1])}")),
        ("How it would have ended", _of(
            [dict(ends_in_words(Counter(one["ended"]))) for one in versions], str.capitalize)),
    ]  # fmt: skip
    return [(title, rows) for title, rows in found if rows]


def _numbers(weeks: Mapping[str, int]) -> dict[str, int]:
    return {str(n): count for n, count in weeks.items() if int(n)}


def _exit(exit: str) -> str:
    return f" → {EXITS.get(exit, exit)}" if exit not in ("next", "end", "goto") else ""


def _origin(tx: Connection, name: str, journeys: Mapping[str, Mapping[str, str]]) -> str:
    """From where another message was, by its title."""
    kind, _, key = name.partition(" ")
    if kind == "journey":
        key = journeys.get(key, {}).get("name", key)
    elif kind == "broadcast" and key.isdecimal():
        with suppress(NoSuchBroadcast):  # taken away; its messages stay
            key = broadcasts.get(tx, int(key)).name
    return f"{kind} {key}".strip()


def _of(sides: list[Any], word: Any, key: Any = None) -> list[Row]:
    names = list(dict.fromkeys(name for side in sides for name in side))
    if key is not None:
        names.sort(key=key)
    return [_row(word(name), [side.get(name, 0) for side in sides]) for name in names]


def _row(what: str, values: list[int]) -> Row:
    return Row(what, values, values[1] - values[0] if len(values) == 2 else None)
