"""Laws 2, 5 and 6 of journeys: the pipeline does what `Life` does, and each thing once.

`tests.journeys.test_laws` shows that `Life` is what steps plainly mean; here random journeys
run through the real pipeline over a real store, which is cut off and taken over at random.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.events import format_time
from cdp.identity import public_id
from cdp.journeys import Read
from cdp.journeys.program import Program
from cdp.journeys.replay import Life
from cdp.journeys.run import Emit, Send, Update
from cdp.journeys.setting import Setting
from cdp.pipeline.run import Pipeline
from cdp.store import definitions, meta
from cdp.store.audiences import timers
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import story as journey_story
from cdp.store.messages import emissions
from cdp.store.profiles import graph
from cdp.store.tables import deliveries, journey_moves, nodes
from cdp.store.tables import journey_runs as runs_table
from tests.conditions.stories import AROUND
from tests.journeys.bodies import histories
from tests.journeys.bodies import journeys as bodies
from tests.laws.world import World
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "25"))
ON_POSTGRES = max(3, EXAMPLES // 5)
START, END = AROUND - 31, AROUND + 45
USERS = ("u1", "u2")


class Town(World):
    """A world with journeys; what they say goes back into the log."""

    def __init__(self, url: str | None, some: list[dict[str, Any]]) -> None:
        super().__init__(url)
        self.now = START
        with self.store.write() as tx:
            for key in ("welcome", "nudge"):
                body = {"channel": "email", "subject": key, "body": "Hi"}
                definitions.put(tx, START, "template", key, body, "test")
            for journey in some:
                body = {name: journey[name] for name in journey if name != "key"}
                made = definitions.put(tx, START, "journey", journey["key"], body, "test")
                journeys.launch(tx, journey["key"], made.version, "test", START)
            meta.bump(tx)
        self.pipeline.settle()

    def again(self) -> None:
        """Another process takes over."""
        self.pipeline = Pipeline(self.store, self, self.settings, clock=lambda: self.now / 1000)

    def until(self, t: int) -> None:
        """Let time go on, from one thing that is due to the next."""
        while True:
            with self.store.read() as tx:
                due = timers.due_timers(tx, t, 1)
            if not due:
                break
            self.now = max(self.now, due[0].due)
            self.pipeline.settle()
            self.heard()
        self.now = max(self.now, t)

    def heard(self) -> None:
        """What journeys said comes into the log, each by itself."""
        while True:
            with self.store.write() as tx:
                found = emissions.oldest(tx, 1)
                emissions.gone(tx, [item.id for item in found])
            if not found:
                return
            self.take([[msgspec.json.decode(item.body)] for item in found])

    def came(self, user: str, keys: dict[str, int]) -> tuple[list[Any], list[Any]]:
        """What became of a person's runs: moves and effects, without numbers of the store."""
        with self.store.read() as tx:
            [profile] = {row.profile for row in tx.execute(nodes.select()) if user in row.ids} or {
                0
            }
            by_id = {number: key for key, number in keys.items()}
            rows = tx.execute(runs_table.select().where(runs_table.c.profile == profile))
            order = sorted((row.id, by_id[row.journey]) for row in rows)
            name = {id_: (key, at) for at, (id_, key) in enumerate(order)}
            moves = [
                (*name[m.run], m.at, m.step, m.what, m.exit)
                for m in journey_story.moves_of(tx, sorted(name))
            ]
            sent = [
                (row.template, row.created_at, *_placed(row.key, name))
                for row in tx.execute(deliveries.select().order_by(deliveries.c.id))
                if int(row.key.split(":")[1]) in name
            ]
        return sorted(moves, key=lambda m: m[:2]), sent

    def person(self, user: str) -> str | None:
        """Somebody's public id."""
        with self.store.read() as tx:
            ids = [row.profile for row in tx.execute(nodes.select()) if user in row.ids]
            heads = graph.profiles_by_id(tx, ids[:1])
        return public_id(heads[0].collection, heads[0].anchor) if heads else None


def _placed(key: str, name: dict[int, tuple[str, int]]) -> tuple[Any, ...]:
    _, run, *rest = key.split(":")
    return (*name[int(run)], *rest)


def program_of(body: dict[str, Any]) -> Program:
    read = Read(body["key"], {k: v for k, v in body.items() if k != "key"}, 1, lambda root: root)
    assert read.program is not None, read.wrong
    return read.program


def lived(
    some: list[dict[str, Any]], person: str, history: list[tuple[int, dict[str, Any]]]
) -> tuple[list[Any], list[Any]]:
    """What the same person's journeys come to by themselves."""
    life = Life(Setting([program_of(body) for body in some]), person, START)
    for t, message in history:
        life.say(message, t)
    life.until(END)
    order = sorted(life.course.runs)
    name = {id_: (life.course.runs[id_].journey, at) for at, id_ in enumerate(order)}
    moves = [(*name[m.run], m.at, m.step, m.what, m.exit) for m in life.course.transitions]
    sent = [
        (item.effect.templates[0], item.at, *_placed(item.effect.key, name))
        for item in life.done
        if isinstance(item.effect, Send)
    ]
    assert all(isinstance(item.effect, Send | Emit | Update) for item in life.done)
    return sorted(moves, key=lambda m: m[:2]), sent


def once_updating(some: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The journeys with one step that updates traits.

    Which of several updates of one instant holds is decided by their ``messageId``s (law 3),
    and a `Life` has none.
    """
    found = 0

    def look(value: Any) -> Any:
        nonlocal found
        if isinstance(value, dict):
            if "update" in value:
                found += 1
                if found > 1:
                    rest = {name: item for name, item in value.items() if name != "update"}
                    return {**rest, "set": {"v": 1}}
            return {name: look(item) for name, item in value.items()}
        return [look(item) for item in value] if isinstance(value, list) else value

    return [look(body) for body in some]


TWO = st.tuples(bodies("one"), bodies("two")).map(list)
LIVES = st.tuples(histories(), histories())
AGAIN = st.sets(st.integers(0, 19), max_size=4)


def check(
    url: str | None,
    some: list[dict[str, Any]],
    lives: tuple[list[tuple[int, dict[str, Any]]], ...],
    again: set[int],
    twice: bool,
) -> None:
    told = [
        # Of one instant what a journey says comes later: by its ``messageId``, as it happens.
        (t, user, {**message, "messageId": f"a-{user}-{message['messageId']}"})
        for user, history in zip(USERS, lives, strict=True)
        for t, message in history
    ]
    told.sort(key=lambda item: item[0])
    some = once_updating(some)
    town = Town(url, some)
    try:
        for number, (t, user, message) in enumerate(told):
            town.until(t - 1)
            town.now = t
            if number in again:
                town.again()
            said = {**message, "userId": user, "timestamp": format_time(t)}
            town.take([[said]])
            if twice:
                town.take([[said]])
            town.heard()
        town.until(END)
        with town.store.read() as tx:
            keys = {row.key: row.id for row in journeys.all_rows(tx)}
            counted = Counter[tuple[int, str, str]]()
            for key in keys.values():
                for count in journey_story.counts(tx, key):
                    counted[key, count.what, count.exit] += count.n
            of = {row.id: row.journey for row in tx.execute(runs_table.select())}
            assert counted == Counter(
                (of[row.run], row.what, row.exit or "")
                for row in tx.execute(journey_moves.select())
            )
        for user, history in zip(USERS, lives, strict=True):
            person = town.person(user)
            if person is None:
                continue
            mine = [(t, m) for t, u, m in told if u == user]
            assert len(mine) == len(history)
            assert town.came(user, keys) == lived(some, person, mine)
    finally:
        town.close()


SOME = settings(
    max_examples=EXAMPLES, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@SOME
@given(TWO, LIVES, AGAIN, st.booleans())
def test_the_pipeline_does_what_a_life_does(
    some: list[dict[str, Any]], lives: Any, again: set[int], twice: bool
) -> None:
    check(None, some, lives, again, twice)


@pytest.mark.postgres
@settings(SOME, max_examples=ON_POSTGRES)
@given(TWO, LIVES, AGAIN, st.booleans())
def test_on_postgres_as_well(
    some: list[dict[str, Any]], lives: Any, again: set[int], twice: bool
) -> None:
    check(emptied_database(), some, lives, again, twice)
