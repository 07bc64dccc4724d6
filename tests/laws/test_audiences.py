"""Law 4: who is in an audience is what a plain look at all that happened says, at any instant."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.conditions import Context, Evaluator, Event, Person, format_text, parse
from cdp.conditions.ast import Call, walk
from cdp.events import decode_json, format_time
from cdp.pipeline.audiences import compute
from cdp.store import definitions, meta
from cdp.store.audiences import evaluated as audiences
from cdp.store.audiences import membership
from cdp.store.events import history
from cdp.store.tables import computed_values, identifiers, member_changes, members, nodes
from tests.conditions.stories import AROUND, conditions, messages
from tests.laws.towns import condition, steps
from tests.laws.world import World
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))


@pytest.fixture(scope="module", autouse=True)
def small_pieces() -> Iterator[None]:
    """Whoever a new condition is asked of, they are more than fit into one piece."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compute, "PEOPLE", 2)
        patch.setattr(compute, "SETTLED", 2)
        yield


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
        self.pipeline.settle()

    def begin(self, pieces: int) -> None:
        """Do some of what is to be computed, and leave the rest."""
        while pieces and self.pipeline.compute():
            pieces -= self.pipeline._chooser._choosing is None

    def persons(self) -> dict[int, Person]:
        """Everybody as the plain evaluator wants them, from all that is stored."""
        with self.store.read() as tx:
            owner = {row.id: row.profile for row in tx.execute(nodes.select())}
            named: dict[int, dict[str, list[str]]] = {}
            order = [identifiers.c.first_t, identifiers.c.first_source, identifiers.c.id]
            for row in tx.execute(identifiers.select().order_by(*order)):
                if row.profile is not None:
                    named.setdefault(row.profile, {}).setdefault(row.type, []).append(row.value)
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
        return {
            profile: Person(traits=t, events=e, identifiers=named.get(profile, {}))
            for profile, (t, e) in found.items()
        }

    def roots(self) -> dict[int, Any]:
        """The conditions that are evaluated, by their rows."""
        memory = self.pipeline._memory
        assert memory is not None
        return memory.stage.plan.roots

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
SOME = st.lists(conditions(), min_size=4, max_size=8)
STEPS = st.lists(
    st.one_of(
        st.lists(SAID, min_size=1, max_size=4),
        st.lists(SAID, min_size=1, max_size=4),
        st.integers(1, 25),
        st.integers(1, 25),
        st.just("restart"),
        st.tuples(st.just("define"), st.sampled_from(["a0", "a1", "new"]), conditions()),
        st.tuples(
            st.just("define"), st.sampled_from(["a0", "new"]), conditions(), st.integers(1, 6)
        ),
    ),
    min_size=3, max_size=9,
)  # fmt: skip


def plainly(town: Town, trees: dict[str, Any], persons: dict[int, Person]) -> dict[str, set[int]]:
    """Who is in what; ``a0`` and ``a1`` come first, the others may ask for them."""
    found = dict[str, set[int]]()
    for key in sorted(trees):
        inside = {
            profile: {other: [(0, True)] for other, those in found.items() if profile in those}
            for profile in persons
        }
        found[key] = {
            profile
            for profile, person in persons.items()
            if Evaluator(person._replace(audiences=inside[profile]), town.now).holds(trees[key])
        }
    return found


def check(town: Town, trees: dict[str, Any], seen: int) -> int:
    """Compare everything with the plain evaluator; returns how many changes there are now."""
    persons, found = town.persons(), {key: town.members(key) for key in trees}
    for key, wanted in plainly(town, trees, persons).items():
        assert found[key] == wanted, (key, format_text(trees[key]), town.now)
    with town.store.read() as tx:  # what is told of entries and exits comes to the same
        for profile in persons:
            inside = {key for key in trees if profile in found[key]}
            assert membership.keys_of(tx, profile) == inside
            assert membership.keys_of(tx, profile, town.now) == inside
    changes, roots = town.changes(), town.roots()
    for row in changes[seen:]:
        assert row.at <= town.now
        tree = roots.get(row.audience)
        if row.cause != "timer" or row.profile not in persons or asks_audiences(tree):
            continue
        person = persons[row.profile]
        assert Evaluator(person, row.at).holds(tree) is row.entered, format_text(tree)
        assert Evaluator(person, row.at - 1).holds(tree) is not row.entered, format_text(tree)
    return len(changes)


def asks_audiences(tree: Any) -> bool:
    return any(isinstance(node, Call) and node.name == "audience" for node in walk(tree))


def live(steps: list[Any], some: list[Any], database_url: str | None = None) -> None:
    town = Town(database_url)
    try:
        trees = {f"a{number}": tree for number, tree in enumerate(some)}
        for key, tree in trees.items():
            town.define(key, {"name": key, "who": format_text(tree)})
        town.settle()
        seen, defined = check(town, trees, 0), False
        for step in steps:
            if isinstance(step, int):
                town.now += step
            elif step == "restart":
                town.pipeline._memory = None
            elif step == "remove":
                trees.pop("a2", None)
                town.define("a2", None)
            elif isinstance(step, tuple):
                trees[step[1]] = step[2]
                town.define(step[1], {"name": step[1], "who": format_text(step[2])})
                defined = True
                if len(step) > 3:  # what comes next finds it half done
                    town.begin(step[3])
                    continue
            else:
                town.say(step)
            town.settle()
            if defined or step == "remove":
                seen, defined = len(town.changes()), False
            seen = check(town, trees, seen)
    finally:
        town.close()


def busy(seed: int, database_url: str | None = None) -> None:
    rnd = Random(seed)

    def tree(text: str) -> Any:
        return parse(text, Context.PERSON).root

    some = [tree(condition(rnd, number)) for number in range(8)]
    what = [
        (*step[:2], tree(step[2]), *step[3:]) if isinstance(step, tuple) else step
        for step in steps(rnd, AROUND - 30)
    ]
    live(what, some, database_url)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_members_are_who_a_plain_look_says(seed: int) -> None:
    busy(seed)


@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(1000, 1000 + max(2, EXAMPLES // 10)))
def test_members_are_who_a_plain_look_says_on_postgres(seed: int) -> None:
    busy(seed, emptied_database())


@settings(max_examples=EXAMPLES, deadline=None)
@given(STEPS, SOME)
def test_whatever_the_conditions(steps: list[Any], some: list[Any]) -> None:
    live(steps, some)
