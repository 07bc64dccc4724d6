"""Trying a journey before it is launched: one person walked through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, abort, jsonify
from sqlalchemy import Connection

from cdp.conditions import ConditionError
from cdp.console import persons
from cdp.console.conditions import as_sentence
from cdp.console.context import console
from cdp.console.journeys.editor import given_json
from cdp.console.journeys.said import unfinished
from cdp.definitions.walk import BadScript, walk
from cdp.journeys import JourneyError
from cdp.journeys.replay import Life, NeverEnds
from cdp.pipeline.journeys.trying import scene_for, somebody
from cdp.store.audiences import lists
from cdp.store.profiles import people as known

#: A script has so many items at the most, and an answer so many things that happened.
ITEMS, TOLD = 200, 2000


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
        return jsonify(wrong=unfinished(body, error))
    except (BadScript, NeverEnds, LookupError, ConditionError) as error:
        return jsonify(wrong=as_sentence(str(error)))


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
