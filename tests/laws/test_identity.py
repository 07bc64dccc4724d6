"""Identity under rules and cuts: a naive model, any order, rules that change, un-merges."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cdp.identity import public_id
from cdp.pipeline import sweep
from cdp.pipeline.unmerge import unmerge
from cdp.store.profiles import people
from cdp.store.tables import USERS
from tests.laws.naive import Ident, Model
from tests.laws.world import BASE, World, messages, splits
from tests.postgres import emptied_database

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
ON_POSTGRES = EXAMPLES if EXAMPLES > 100 else 10
RUNS = st.lists(st.integers(1, 5), min_size=1, max_size=4)
#: Hours between two moments of a history, so that windows of days matter.
HOURS = st.sampled_from([1, 9, 30])


@st.composite
def rules(draw: st.DrawFn, windows: bool = True) -> dict[str, Any]:
    """Rules as their file has them."""
    per = st.sampled_from(["ever", "day", "week"] if windows else ["ever"])
    limit = st.fixed_dictionaries({"count": st.integers(1, 3), "per": per})
    return {
        "limits": draw(
            st.fixed_dictionaries(
                {"user_id": limit}, optional={"email": limit, "anonymous_id": limit}
            )
        ),
        "blocked": draw(st.lists(st.sampled_from(["a1", "e2@x.org", "u3"]), max_size=2)),
        "max_merges": draw(st.sampled_from([0, 1, 100])),
        "priority": draw(st.sampled_from([["user_id", "email"], ["email", "user_id"], []])),
    }


IDENTS = st.sampled_from(
    [("user_id", f"u{n}") for n in range(4)]
    + [("anonymous_id", f"a{n}") for n in range(4)]
    + [("email", f"e{n}@x.org") for n in range(4)]
)


@st.composite
def cuts(draw: st.DrawFn) -> list[tuple[set[Ident], set[Ident]]]:
    """Pairs of sides that have nothing in common."""
    found = []
    for _ in range(draw(st.integers(0, 2))):
        left = set(draw(st.lists(IDENTS, min_size=1, max_size=2)))
        right = set(draw(st.lists(IDENTS, min_size=1, max_size=3))) - left
        if right:
            found.append((left, right))
    return found


def spread(sent: list[dict[str, Any]], hours: int) -> list[dict[str, Any]]:
    """The same history at another pace."""
    return [
        {**m, "timestamp": BASE - 900 * 3_600_000 + (m["timestamp"] - BASE) * 3600 * hours}
        for m in sent
    ]


def model_of(file: dict[str, Any], parted: list[tuple[set[Ident], set[Ident]]]) -> Model:
    days = {"ever": None, "day": 1, "week": 7}
    limits = {name: (one["count"], days[one["per"]]) for name, one in file["limits"].items()}
    return Model(
        limits,
        blocked=set(file["blocked"]),
        most_merges=file["max_merges"],
        cuts=parted,
        priority=tuple(file["priority"]),
    )


def shown(world: World) -> dict[frozenset[Ident], dict[str, Any]]:
    """People as the model has them."""
    users = ("user_id", "anonymous_id", "email")
    return {
        ids: person["traits"]
        for ids, person in world.people().items()
        if next(iter(ids))[0] in users
    }


def check_against_model(
    sent: list[dict[str, Any]],
    file: dict[str, Any],
    parted: list[tuple[set[Ident], set[Ident]]],
    runs: list[int],
    url: str | None,
) -> None:
    world = World(url, rules=file, cuts=parted).take(splits(sent, runs))
    try:
        assert shown(world) == model_of(file, parted).people(sent)
    finally:
        world.close()


@settings(max_examples=EXAMPLES, deadline=None)
@given(messages(), rules(), cuts(), RUNS, HOURS, st.randoms(use_true_random=False))
def test_people_are_those_of_a_naive_model_in_any_order_under_any_rules(
    sent: list[dict[str, Any]],
    file: dict[str, Any],
    parted: list[tuple[set[Ident], set[Ident]]],
    runs: list[int],
    hours: int,
    draw: random.Random,
) -> None:
    sent = spread(sent, hours)
    shuffled = [*sent, *draw.sample(sent, len(sent) // 2)]
    draw.shuffle(shuffled)
    check_against_model(shuffled, file, parted, runs, None)


@pytest.mark.postgres
@settings(max_examples=ON_POSTGRES, deadline=None)
@given(messages(), rules(), cuts(), RUNS, HOURS, st.randoms(use_true_random=False))
def test_on_postgres_people_are_those_of_a_naive_model(
    sent: list[dict[str, Any]],
    file: dict[str, Any],
    parted: list[tuple[set[Ident], set[Ident]]],
    runs: list[int],
    hours: int,
    draw: random.Random,
) -> None:
    sent = spread(sent, hours)
    draw.shuffle(sent)
    check_against_model(sent, file, parted, runs, emptied_database())


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    messages(),
    st.lists(rules(windows=False), min_size=2, max_size=3),
    RUNS,
    st.randoms(use_true_random=False),
)
def test_rules_that_change_while_events_flow_hold_for_the_past_as_well(
    sent: list[dict[str, Any]],
    files: list[dict[str, Any]],
    runs: list[int],
    draw: random.Random,
) -> None:
    for file in files[:-1]:
        file["blocked"] = []  # what was blocked when it came in is not in the facts
    changed, waiting = World(rules=files[0]), files[1:]
    for batch in splits(sent, runs):
        changed.take([batch])
        if waiting and draw.random() < 0.4:
            changed.change_rules(waiting.pop(0))
        if draw.random() < 0.6:
            sweep.step(changed.store, BASE, piece=1)
    for file in waiting:
        changed.change_rules(file)
    changed.sweep()
    straight = World(rules={**files[-1], "blocked": []}).take([sent])
    straight.change_rules(files[-1])
    straight.sweep()
    try:
        assert shown(changed) == model_of(files[-1], []).people(sent)
        assert changed.people() == straight.people()
    finally:
        changed.close()
        straight.close()


@st.composite
def met_again(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Few sets of identifiers over many days, so that windows close and open again."""
    sets = st.sampled_from([("u0", 0, 0), ("u0", 1, 0), ("u0", 2, 0), ("u0", None, 1),
                            (None, 1, 1), (None, 2, 1), ("u1", 2, 0)])  # fmt: skip
    made = []
    for number, (user, device, email) in enumerate(draw(st.lists(sets, min_size=3, max_size=10))):
        hours = draw(st.integers(0, 12 * 24))
        message: dict[str, Any] = {
            "type": "track", "event": "Seen", "messageId": f"m{number}", "context": {},
            "timestamp": BASE - hours * 3_600_000,
        }  # fmt: skip
        if user is not None:
            message["userId"] = user
        if device is not None:
            message["anonymousId"] = f"a{device}"
        if email:
            message["context"] = {"traits": {"email": "e@x.org"}}
        made.append(message)
    return made


WINDOWED = st.fixed_dictionaries(
    {"count": st.integers(1, 2), "per": st.sampled_from(["day", "week"])}
)


@settings(max_examples=max(EXAMPLES, 60), deadline=None)
@given(met_again(), WINDOWED, RUNS)
def test_sets_that_are_met_again_when_a_window_is_over_join_in_any_order(
    sent: list[dict[str, Any]], limit: dict[str, Any], runs: list[int]
) -> None:
    file = {
        "limits": {"user_id": {"count": 1, "per": "ever"}, "anonymous_id": limit},
        "blocked": [], "max_merges": 100, "priority": ["user_id", "email"],
    }  # fmt: skip
    check_against_model(sent, file, [], runs, None)


def side(name: str, count: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Messages about one person's own identifiers, ``count`` of each type."""
    numbers = st.integers(0, count - 1)
    one = st.fixed_dictionaries(
        {"t": st.integers(0, 20), "a": numbers, "identify": st.booleans()},
        optional={"u": numbers, "e": numbers, "plan": st.integers(0, 5)},
    )

    def build(drafts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        made = []
        for number, draft in enumerate(drafts):
            message: dict[str, Any] = {
                "type": "identify" if draft["identify"] else "track",
                "messageId": f"{name}{number}",
                "timestamp": BASE - 60_000 + draft["t"] * 1000,
                "anonymousId": f"{name}-a{draft['a']}",
                "context": {},
            }
            if "u" in draft:
                message["userId"] = f"{name}-u{draft['u']}"
            if "e" in draft:
                message["context"] = {"traits": {"email": f"{name}-e{draft['e']}@x.org"}}
            if draft["identify"]:
                message["traits"] = {"plan": draft.get("plan")}
            else:
                message["event"] = "Seen"
            made.append(message)
        return made

    return st.lists(one, min_size=1, max_size=7).map(build)


ROOMY: dict[str, Any] = {
    "limits": {"user_id": 9},
    "default_limit": 50,
    "blocked": [],
    "max_merges": 100,
}


@settings(max_examples=max(EXAMPLES, 60), deadline=None)
@given(
    side("p", 3), side("q", 3), st.integers(0, 20), st.data(), RUNS,
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_an_undone_merge_leaves_both_as_if_the_link_had_never_been(
    ours: list[dict[str, Any]],
    theirs: list[dict[str, Any]],
    t: int,
    data: st.DataObject,
    runs: list[int],
    draw: random.Random,
) -> None:
    """un-merge(merge(A, B)) = A, B, at the moment and at every later one."""
    model = Model({"user_id": (9, None)}, default=(50, None))
    mine = sorted({i for m in ours for i in model.identifiers(m)})
    other = sorted({i for m in theirs for i in model.identifiers(m)})
    take, keep = data.draw(st.sampled_from(mine)), data.draw(st.sampled_from(other))
    link = linking(take, keep, BASE - 60_000 + t * 1000)
    assume(link is not None)
    everything = [*ours, *theirs]
    draw.shuffle(everything)
    at = data.draw(st.integers(0, len(everything)))
    world = World(rules=ROOMY).take(splits([*everything[:at], link], runs))
    try:
        with world.store.read() as tx:
            profile = people.resolve(tx, USERS, *keep)
            twin = people.resolve(tx, USERS, *take)
            assert profile is not None and twin is not None and profile.id == twin.id
        cut = unmerge(world.store, profile, [take], "test", BASE, keep=keep)
        assert shown(world) == expected(model, everything[:at], cut, link, take, keep)
        # The link comes once more, and all that happens later on either side.
        again = {**link, "messageId": "link-again", "timestamp": link["timestamp"] + 5000}
        world.take(splits([again, *everything[at:]], runs))
        now = shown(world)
        assert now == expected(model, everything, cut, link, take, keep)
        for one in now:
            assert not (take in one and keep in one)
    finally:
        world.close()


def expected(
    model: Model, sent: list[dict[str, Any]], cut: Any, link: Any, take: Ident, keep: Ident
) -> dict[frozenset[Ident], dict[str, Any]]:
    """People without the link; of the link's two only the higher can be known by it alone."""
    found = model.people(sent)
    known = {i for ids in found for i in ids}
    first = model.identifiers(link)[0]
    if first not in known:
        found[frozenset({first})] = {}
    return found


def linking(take: Ident, keep: Ident, t: int) -> dict[str, Any] | None:
    """A message that names both; None where one message can't."""
    message: dict[str, Any] = {
        "type": "track", "event": "Linked", "messageId": "link", "timestamp": t, "context": {},
    }  # fmt: skip
    for type_, value in (take, keep):
        if type_ == "user_id" and "userId" not in message:
            message["userId"] = value
        elif type_ == "anonymous_id" and "anonymousId" not in message:
            message["anonymousId"] = value
        elif type_ == "email" and not message["context"]:
            message["context"] = {"traits": {"email": value}}
        elif type_ == "anonymous_id":
            message |= {"type": "alias", "previousId": value}
            message.setdefault("userId", None)
        else:
            return None
    if "userId" not in message and "anonymousId" not in message:
        return None
    if message["type"] == "alias" and not message.get("userId"):
        return None
    return {name: value for name, value in message.items() if value is not None}


def test_an_undone_cut_brings_the_person_back_together() -> None:
    world = World().take(
        [[
            {"type": "track", "event": "A", "messageId": "1", "anonymousId": "a7"},
            {"type": "identify", "messageId": "2", "anonymousId": "a7", "userId": "u1",
             "traits": {"plan": "pro"}},
            {"type": "track", "event": "B", "messageId": "3", "anonymousId": "a7"},
        ]]
    )  # fmt: skip
    from cdp.pipeline.unmerge import undo

    before = world.facts()
    with world.store.read() as tx:
        profile = people.resolve(tx, USERS, "user_id", "u1")
    assert profile is not None
    name = public_id(USERS, profile.anchor)
    cut = unmerge(world.store, profile, [("anonymous_id", "a7")], "test", BASE)
    assert set(shown(world)) == {
        frozenset({("user_id", "u1")}), frozenset({("anonymous_id", "a7")})
    }  # fmt: skip
    with world.store.read() as tx:
        assert people.by_public_id(tx, name) is not None, "ids that were given keep answering"
    assert undo(world.store, cut.number, "test", BASE)
    assert not undo(world.store, cut.number, "test", BASE)
    assert world.facts() == before
    world.close()
