"""Law 4: who is in an audience is what a plain look at all that happened says, at any instant."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.conditions import Evaluator, Event, Person, format_text
from cdp.events import decode_json, format_time
from cdp.store import audiences, definitions, history, meta
from cdp.store.tables import computed_values, member_changes, members, nodes
from tests.conditions.stories import AROUND, conditions, messages
from tests.laws.world import World
from tests.postgres import new_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "60"))


class Town(World):
    """A world with audiences, whose clock one can move."""

    def __init__(self, database_url: str | None = None) -> None:
        super().__init__(database_url)
        self.now = AROUND - 30
        self.said = 0

    def define(self, key: str, body: dict[str, Any] | None, kind: str = "audience") -> None:
        with self.store.write() as tx:
            definitions.put(tx, self.now, kind, key, body, "test")
            meta.bump(tx)

    def say(self, batch: list[dict[str, Any]]) -> None:
        made = []
        for item in batch:
            self.said += 1
            made.append(
                {
                    **item["body"], "messageId": f"m{self.said:06}",
                    "timestamp": format_time(item["t"]), **item["who"],
                }
            )  # fmt: skip
        self.take([made])

    def settle(self) -> None:
        """Let everything be done that is due at this instant."""
        self.pipeline.drain()
        for _ in range(10_000):
            if not self.pipeline.fire() and not self.pipeline.compute():
                return
        raise AssertionError("it never ends")

    def persons(self) -> dict[int, Person]:
        """Everybody as the plain evaluator wants them, from all that is stored."""
        with self.store.read() as tx:
            owner = {row.id: row.profile for row in tx.execute(nodes.select())}
            rows = history.rows_after(tx, 0, 10_000)
            bodies = history.bodies_of(tx, rows)
        found: dict[int, tuple[dict[str, Any], list[Event]]] = {
            profile: ({}, []) for profile in owner.values() if profile
        }
        for row in rows:
            traits, events = found.get(owner.get(row.node, 0), ({}, []))
            body = decode_json(bodies[row.seq].raw)
            if body["type"] == "identify":
                for name, value in body.get("traits", {}).items():
                    traits.setdefault(name, []).append((row.t, value))
            else:
                events.append(Event(row.t, body))
        return {profile: Person(traits=t, events=e) for profile, (t, e) in found.items()}

    def members(self, key: str) -> set[int]:
        with self.store.read() as tx:
            row = audiences.live_row(tx, "audience", key)
            assert row is not None, key
            found = tx.execute(members.select().where(members.c.audience == row.id))
            inside = {item.profile for item in found}
            assert row.size == len(inside)
            return inside

    def values(self, key: str) -> dict[int, Any]:
        with self.store.read() as tx:
            row = audiences.live_row(tx, "computed_trait", key)
            assert row is not None, key
            found = tx.execute(computed_values.select().where(computed_values.c.trait == row.id))
            return {item.profile: decode_json(item.value.encode()) for item in found}

    def changes(self) -> list[Any]:
        with self.store.read() as tx:
            return list(tx.execute(member_changes.select().order_by(member_changes.c.seq)))


WHO = st.fixed_dictionaries(
    {"userId": st.sampled_from(["u1", "u2"])},
    optional={"anonymousId": st.sampled_from(["a1", "a2"])},
) | st.fixed_dictionaries({"anonymousId": st.sampled_from(["a1", "a2"])})
SAID = st.builds(lambda item, who: {**item, "who": who}, messages(), WHO)
STEPS = st.lists(
    st.one_of(
        st.lists(SAID, min_size=1, max_size=4),
        st.lists(SAID, min_size=1, max_size=4),
        st.integers(1, 25),
        st.integers(1, 25),
        st.just("restart"),
        st.tuples(st.just("define"), st.sampled_from(["a0", "a1", "new"]), conditions()),
    ),
    min_size=3, max_size=9,
)  # fmt: skip


def check(town: Town, trees: dict[str, Any], seen: int) -> int:
    """Compare everything with the plain evaluator; returns how many changes there are now."""
    persons = town.persons()
    for key, tree in trees.items():
        wanted = {p for p, person in persons.items() if Evaluator(person, town.now).holds(tree)}
        assert town.members(key) == wanted, (key, format_text(tree), town.now)
    changes = town.changes()
    for row in changes[seen:]:
        assert row.at <= town.now
        if row.cause == "timer" and row.profile in persons:
            tree = trees_by_id(town)[row.audience]
            person = persons[row.profile]
            assert Evaluator(person, row.at).holds(tree) is row.entered
            assert Evaluator(person, row.at - 1).holds(tree) is not row.entered
    return len(changes)


def trees_by_id(town: Town) -> dict[int, Any]:
    with town.store.read() as tx:
        rows = audiences.rows(tx, "live", "gone", "computing", "waiting")
    stage = town.pipeline._memory
    assert stage is not None
    known = stage.stage.plan.roots
    return {row.id: known[row.id] for row in rows if row.id in known}


def live(steps: list[Any], some: list[Any], database_url: str | None = None) -> None:
    town = Town(database_url)
    try:
        trees = {f"a{number}": tree for number, tree in enumerate(some)}
        for key, tree in trees.items():
            town.define(key, {"name": key, "who": format_text(tree)})
        town.settle()
        seen = check(town, trees, 0)
        for step in steps:
            if isinstance(step, int):
                town.now += step
            elif step == "restart":
                town.pipeline._memory = None
            elif isinstance(step, tuple):
                trees[step[1]] = step[2]
                town.define(step[1], {"name": step[1], "who": format_text(step[2])})
            else:
                town.say(step)
            town.settle()
            if isinstance(step, tuple):
                seen = len(town.changes())
            seen = check(town, trees, seen)
    finally:
        town.close()


SOME = st.lists(conditions(), min_size=4, max_size=8)


@settings(max_examples=EXAMPLES, deadline=None)
@given(STEPS, SOME)
def test_members_are_who_a_plain_look_says(steps: list[Any], some: list[Any]) -> None:
    live(steps, some)


@pytest.mark.postgres
@settings(max_examples=max(2, EXAMPLES // 10), deadline=None)
@given(STEPS, SOME)
def test_members_are_who_a_plain_look_says_on_postgres(steps: list[Any], some: list[Any]) -> None:
    live(steps, some, new_database())
