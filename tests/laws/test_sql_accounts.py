"""By the account of each person: SQL, the plain evaluator and a naive model say the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from cdp.conditions import Context, parse
from cdp.store.audiences import counting, matching, persons, quickest, whose
from cdp.store.profiles import trait_values
from cdp.store.tables import ACCOUNTS, USERS, profiles
from tests.laws import naive_objects
from tests.laws.naive import Model
from tests.laws.objects import ids_of, object_messages
from tests.laws.world import BASE, World, splits
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "30"))
ON_POSTGRES = EXAMPLES if EXAMPLES > 100 else 10
RUNS = st.lists(st.integers(1, 5), min_size=1, max_size=4)
MODEL = Model({"user_id": (1, None)})
PLAN = "account.traits.plan"
#: Each with what it says of the account's plan; None is no account, or none said.
QUESTIONS: dict[str, Callable[[Any], bool]] = {
    f"{PLAN} = 1": lambda plan: plan == 1,
    f"{PLAN} != 1": lambda plan: plan != 1,
    f"!({PLAN} > 1)": lambda plan: plan is None or plan <= 1,
    f"{PLAN} = null": lambda plan: plan is None,
    f"{PLAN} in [0, 3] or {PLAN} = 2": lambda plan: plan in (0, 2, 3),
    f"{PLAN} < 3 and {PLAN} >= 1": lambda plan: plan in (1, 2),
}  # fmt: skip


def check(world: World, sent: list[dict[str, Any]], earlier: int) -> None:
    by_person = naive_objects.accounts(MODEL, sent)
    with world.store.read() as tx:
        ids = ids_of(tx)
        c = profiles.c
        everyone = list(tx.execute(select(c.id).where(c.collection == USERS)).scalars())
        for text, meant in QUESTIONS.items():
            root = parse(text, Context.PERSON).root
            for match in (matching.match, quickest.match_gathered):
                made = match(tx, root, BASE)
                assert not matching.members_among(tx, made, made.open, everyone), text
                found = matching.members_among(tx, made, made.found.sure, everyone)
                for profile in everyone:
                    named = by_person.get(ids[profile], [{}])
                    assert (profile in found) in {meant(a.get("plan")) for a in named}, text
                # Of an earlier time, and of two at one time, the plain evaluator decides.
                for now in (BASE, earlier):
                    made = match(tx, root, now)
                    found = matching.members_among(tx, made, made.found.sure, everyone)
                    wants = persons.asked(root)
                    assert found == set(counting.decide(tx, root, everyone, wants, now)), (
                        text,
                        now,
                    )


def check_sent(
    sent: list[dict[str, Any]], runs: list[int], earlier: int, url: str | None = None
) -> None:
    world = World(url)
    try:
        with world.store.write() as tx:
            trait_values.keep(tx, [(ACCOUNTS, ("plan",))], BASE)
        world.take(splits(sent, runs))
        for few in (0, whose.FEW):  # as of very many, and as of few
            with mock.patch.object(whose, "FEW", few):
                check(world, sent, BASE - 60_000 + earlier)
    finally:
        world.close()


EARLIER = st.integers(-1, 11_000)


@settings(max_examples=EXAMPLES, deadline=None)
@given(object_messages(), RUNS, EARLIER)
def test_accounts_decide_the_same(sent: list[dict[str, Any]], runs: list[int], at: int) -> None:
    check_sent(sent, runs, at)


@pytest.mark.postgres
@settings(max_examples=ON_POSTGRES, deadline=None)
@given(object_messages(), RUNS, EARLIER)
def test_accounts_decide_the_same_on_postgres(
    sent: list[dict[str, Any]], runs: list[int], at: int
) -> None:
    check_sent(sent, runs, at, emptied_database())
