"""Who set which trait, and what traits were: always the fold of a filtered list."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.events import Stamp
from cdp.profiles.trait_rules import TraitRules
from cdp.profiles.traits import TraitMap, clean
from cdp.store.profiles import people, trait_history
from cdp.store.profiles.trait_rules import put_trait_rules
from cdp.store.tables import ACCOUNTS, USERS
from tests.factories import Space, ana

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
BASE = 1_790_000_000_000
RULES = (
    {},
    {"merge_objects": True},
    {"merge_objects": ["address"], "max_profile_traits": 3, "max_traits": 2},
)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def space(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Space]:
    url = None
    if request.param == "postgres":
        from tests.postgres import new_database

        url = new_database()
    made = Space(tmp_path_factory.mktemp("history"), url, partition_messages=max(60, 2 * EXAMPLES))
    yield made
    made.close()


values = st.one_of(
    st.none(), st.integers(0, 2), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2))
)
said = st.tuples(
    st.integers(0, 9),
    st.sampled_from(["user", "device", "both"]),
    st.dictionaries(st.sampled_from(["plan", "address", "n1", "tier"]), values, max_size=3),
)
numbers = itertools.count()


def naive(history: list[tuple[dict[str, Any], Stamp]], rules: TraitRules) -> TraitMap:
    made = TraitMap()
    for traits, stamp in sorted(history, key=lambda item: item[1]):
        made.assign(clean(traits, rules)[0], stamp, rules)
    return made


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(said, min_size=1, max_size=10), st.sampled_from(RULES), st.integers(1, 3))
def test_traits_at_a_time_are_the_fold_of_what_had_been_said_by_then(
    space: Space, drawn: list[tuple[int, str, dict[str, Any]]], data: dict[str, Any], cuts: int
) -> None:
    number = next(numbers)
    with space.store.write() as tx:
        rules = put_trait_rules(tx, 0, data, "test")
    space.pipeline._memory = None  # the rules hold within half a second; here at once
    history: list[tuple[dict[str, Any], Stamp]] = []
    messages: list[dict[str, Any]] = []
    join = {"type": "identify", "userId": f"hu{number}", "anonymousId": f"ha{number}"}
    for index, (t, who, traits) in enumerate(drawn):
        message_id = f"h{number}-{index}"
        message = {**join, "messageId": message_id, "timestamp": BASE + t, "traits": traits}
        if who != "both":
            del message["anonymousId" if who == "user" else "userId"]
        messages.append(message)
        history.append((traits, Stamp(BASE + t, 1, message_id)))
    messages.append({**join, "messageId": f"h{number}-join", "timestamp": BASE})
    for cut in range(cuts):
        space.send(*messages[cut::cuts])
    with space.store.read() as tx:
        person = people.resolve(tx, USERS, "user_id", f"hu{number}")
        assert person is not None
        assert person.traits.values() == naive(history, rules).values()
        for at in range(BASE - 1, BASE + 11):
            then = naive([item for item in history if item[1].t <= at], rules)
            found = trait_history.traits_at(tx, person.id, USERS, person.traits, at)
            assert list(found.items()) == list(then.items()), at
        for name in (None, "plan"):
            expected = [
                (trait, value, stamp.t, stamp.message_id)
                for traits, stamp in sorted(history, key=lambda item: item[1].t, reverse=True)
                for trait, value in clean(traits, rules)[0].items()
                if name in (None, trait)
            ]
            rows, after = [], None
            while True:
                page = trait_history.trait_history(tx, person.id, USERS, name, 2, after)
                rows += [(r.name, r.value, r.t, r.message_id) for r in page.rows]
                assert len(page.rows) <= 2
                if (after := page.next) is None:
                    break
            assert sorted(rows, key=repr) == sorted(expected, key=repr)
            assert [row[2] for row in rows] == [row[2] for row in expected]


def test_a_page_of_history_ends_somewhere_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trait_history, "SCAN", 10)
    space = Space(tmp_path)
    try:
        space.send(
            *(
                {
                    "type": "identify",
                    "userId": "u1",
                    "timestamp": BASE + n // 4,
                    "traits": {"rare": n} if n % 25 == 3 else {"often": n},
                }
                for n in range(100)
            )
        )
        with space.store.read() as tx:
            person = people.resolve(tx, USERS, "user_id", "u1")
            assert person is not None
            found: list[Any] = []
            pages, after = 0, None
            while True:
                page = trait_history.trait_history(tx, person.id, USERS, "rare", 50, after)
                found += [row.value for row in page.rows]
                pages += 1
                if (after := page.next) is None:
                    break
        assert found == [78, 53, 28, 3] and pages == 11
    finally:
        space.close()


def test_history_is_of_a_persons_identify_and_of_an_accounts_group_calls(space: Space) -> None:
    with space.store.write() as tx:
        put_trait_rules(tx, 0, {}, "test")
    space.pipeline._memory = None
    space.send(*ana())
    with space.store.read() as tx:
        person = people.resolve(tx, USERS, "user_id", "u1")
        account = people.resolve(tx, ACCOUNTS, "group_id", "acme")
        assert person and account
        plans = trait_history.trait_history(tx, person.id, USERS, "plan").rows
        assert [(s.value, s.message_id, s.source) for s in plans] == [
            ("pro", "m4", 1),
            ("free", "m2", 1),
        ]
        every = trait_history.trait_history(tx, person.id, USERS).rows
        assert [s.name for s in every] == ["plan", "email", "name", "plan"]
        seats = trait_history.trait_history(tx, account.id, ACCOUNTS, "seats").rows
        assert [(s.value, s.message_id) for s in seats] == [(7, "m5")]
        then = trait_history.traits_at(tx, account.id, ACCOUNTS, account.traits, seats[0].t)
        assert then.values() == {"name": "Acme Ltd", "seats": 7}
        before = trait_history.traits_at(tx, account.id, ACCOUNTS, account.traits, seats[0].t - 1)
        assert before.values() == {}
