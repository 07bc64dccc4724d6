"""Trying a journey before it is launched: one person walked through it, and everybody's past."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, abort, jsonify, render_template, request
from sqlalchemy import Connection

from cdp.conditions import ConditionError
from cdp.console import layout, persons
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.journeys.editor import given_json
from cdp.console.journeys.overview import TONES, Found, ends_in_words, find
from cdp.console.journeys.said import canvas
from cdp.definitions.walk import BadScript, walk
from cdp.journeys import JourneyError
from cdp.journeys.replay import Life, NeverEnds
from cdp.pipeline.journeys import backtest
from cdp.pipeline.journeys.trying import scene_for, somebody
from cdp.store.audiences import lists
from cdp.store.profiles import people as known

#: A script has so many items at the most, and an answer so many things that happened.
ITEMS, TOLD = 200, 2000
#: Over so many days a back-test goes, and at so many people it looks at first.
DAYS, PEOPLE = (7, 30, 90), 2000
DAY_MS = 86_400_000


def play(key: str) -> Response:
    """What a body does to somebody by a script, step by step, as JSON; or what is ``wrong``."""
    given = given_json()
    body, script, who = given.get("body"), given.get("script"), given.get("person")
    if not isinstance(body, dict) or not isinstance(script, list) or len(script) > ITEMS:
        abort(400, f"A try is a body and a script of at most {ITEMS} items.")
    if not all(isinstance(item, Mapping) for item in script):
        abort(400, "Each item of a script is an object.")
    try:
        with console().store.read() as tx:
            return jsonify(told=_played(tx, key, body, script, str(who or "").strip()[:500]))
    except JourneyError as error:
        return jsonify(wrong=_unfinished(error))
    except (BadScript, NeverEnds, LookupError, ConditionError) as error:
        return jsonify(wrong=as_sentence(str(error)))


def _unfinished(error: JourneyError) -> str:
    return f"Not everything is filled in yet. {as_sentence(error.wrong[0].text)}"


def _played(
    tx: Connection, key: str, body: dict[str, Any], script: list[Any], who: str
) -> list[dict[str, Any]]:
    scene, program = scene_for(tx, key, body, lists.ListsAt(tx))
    setting = scene.setting([program])
    now = console().now()
    life = Life(setting, "somebody", now)
    if who:
        found = persons.profiles_called(tx, who, 1)
        profile = known.by_id(tx, found[0]) if found else None
        if profile is None:
            raise LookupError(f"nobody is called {who}")
        life = somebody(tx, setting, program, profile, now)
    made = []
    for item in walk(life, scene, script):
        made.append(item)
        if len(made) >= TOLD:
            break
    return made


def past(key: str) -> str:
    """What the journey would have done, had it run: painted on its edges."""
    days = layout.number_arg("days") or 30
    days = days if days in DAYS else 30
    everybody = request.args.get("all") == "1"
    with console().store.read() as tx:
        found = find(tx, key)
        body = found.draft.body if found.draft is not None else found.body
        given = canvas(tx, key, body, editable=False)
        for name in ("counts", "people", "edit"):
            given["addresses"].pop(name, None)
        made, wrong = _tested(tx, found, body, days, None if everybody else PEOPLE)
    tally = made.tallies[0][1] if made is not None else None
    if tally is not None:
        left: dict[str, dict[str, int]] = {}
        for (step, exit), n in tally.edges.items():
            left.setdefault(step, {})[exit] = n
        inside = {step: [n, 0] for step, n in tally.inside.items()}
        given["painted"] = {"entered": tally.entered, "left": left, "standing": inside}
    return render_template(
        "console/journey_backtest.html",
        found=found,
        given=given,
        made=made,
        tally=tally,
        ends=ends_in_words(tally.ended) if tally is not None else [],
        wrong=wrong,
        days=days,
        spans=DAYS,
        tones=TONES,
        tab="backtest",
    )


def _tested(
    tx: Connection, found: Found, body: Mapping[str, Any], days: int, limit: int | None
) -> tuple[backtest.Backtested | None, str]:
    now = console().now()
    known_lists = lists.ListsAt(tx)
    try:
        _, program = scene_for(tx, found.key, body, known_lists)
        start = now - days * DAY_MS
        return backtest.backtest(tx, [("", program)], start, now, known_lists, limit), ""
    except JourneyError as error:
        return None, _unfinished(error)
    except (LookupError, ConditionError) as error:
        return None, as_sentence(str(error))
