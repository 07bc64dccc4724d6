"""Definitions and people of the store, for trying journeys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.conditions.lists import Lists
from cdp.definitions.scene import Scene
from cdp.journeys.program import Program
from cdp.journeys.replay import Life
from cdp.journeys.setting import Setting
from cdp.pipeline.journeys import past
from cdp.pipeline.journeys.backtest import live
from cdp.store import definitions
from cdp.store.defined import defining
from cdp.store.profiles.people import Profile

KIND = "journey"


def scene_for(
    tx: Connection, key: str, body: Mapping[str, Any] | None, lists: Lists
) -> tuple[Scene, Program]:
    """All definitions of the store, and a journey: its newest version, or another ``body``.

    `JourneyError` if it can't be read, `LookupError` if there is none.
    """
    bodies = defining.bodies(defining.load(tx))
    if body is None:
        found = definitions.current(tx, KIND, key)
        if found is None or found.body is None:
            raise LookupError(f"there is no journey {key}")
        body = found.body
    scene = Scene({**bodies, (KIND, key): dict(body)}, lists)
    return scene, scene.program(key, body)


def program_for(
    tx: Connection, key: str, version: int | None = None, body: Mapping[str, Any] | None = None
) -> tuple[int, Program]:
    """A version of a journey (the newest; or a ``body`` that is none yet) with its number."""
    current = definitions.current(tx, KIND, key)
    number = version or (current.version if current is not None else 0)
    if body is None:
        body = definitions.body_of(tx, KIND, key, number) if number else None
    if body is None:
        which = f"the journey {key} has no version {number}" if current is not None else ""
        raise LookupError(which or f"there is no journey {key}")
    scene = Scene(defining.bodies(defining.load(tx)))
    return number, scene.program(key, body, number)


def somebody(
    tx: Connection, setting: Setting, program: Program, profile: Profile, now: int
) -> Life:
    """A person of the store as of an instant, with all that they did before."""
    reads = past.Reads([setting], [program])
    reads.audiences |= {item.key for item in setting.book.items}
    [lived] = past.lives(tx, [profile.id], reads, now, now - 1, program.key)
    life = Life(setting, lived.person, now)
    live(life, lived, now, now)
    return life
