"""Traits against a naive model: messages one after the other, in the order of their stamps."""

from __future__ import annotations

import copy
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.events import Stamp
from cdp.profiles.trait_rules import DEFAULT_TRAITS, TraitRules
from cdp.profiles.traits import TraitMap, clean, rank

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "300"))

Said = tuple[dict[str, Any], Stamp]

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["x", 1.0, 0.1 + 0.2, 2**63, ""])
)
keys = st.sampled_from(["a", "b", "c1", ""])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.dictionaries(keys, inner, max_size=3), st.lists(inner, max_size=2)),
    max_leaves=5,
)
names = st.sampled_from(["address", "plan", "n1", "name", "visits", "zz"])


@st.composite
def histories(draw: st.DrawFn) -> list[Said]:
    drafts = draw(
        st.lists(st.tuples(st.dictionaries(names, values, max_size=3), st.integers(0, 5)))
    )
    return [(traits, Stamp(t, 1 + n % 2, f"m{n}")) for n, (traits, t) in enumerate(drafts)]


def merge(old: Any, new: dict[str, Any]) -> dict[str, Any]:
    """Merge the object ``new`` into ``old``, which it replaces if that is no object."""
    found: dict[str, Any] = dict(old) if isinstance(old, dict) else {}
    for key, value in new.items():
        if isinstance(value, dict):
            found[key] = merge(found.get(key), value)
        elif value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found


def naive(history: list[Said], rules: TraitRules) -> dict[str, Any]:
    """One message after the other, and at the end the names that may stay."""
    seen: dict[str, Any] = {}
    for traits, _ in sorted(history, key=lambda item: item[1]):
        for name, value in traits.items():
            if isinstance(value, dict) and rules.merges(name):
                seen[name] = merge(seen.get(name), value)
            else:
                seen[name] = copy.deepcopy(value)
    kept = sorted(seen, key=rank)[: rules.max_profile_traits]
    return {name: seen[name] for name in sorted(kept) if seen[name] is not None}


def folded(history: list[Said], rules: TraitRules) -> TraitMap:
    made = TraitMap()
    for traits, stamp in history:
        made.assign(clean(traits, rules)[0], stamp, rules)
    return made


every_rule = st.sampled_from(
    [
        DEFAULT_TRAITS,
        TraitRules(merge_objects=True),
        TraitRules(merge_objects=frozenset({"address"})),
        TraitRules(merge_objects=frozenset({"address"}), max_profile_traits=3),
        TraitRules(merge_objects=True, max_object_keys=3),
    ]
)


def exact(value: Any) -> str:
    """Equal only if of the same types too: 1 is neither 1.0 nor true."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{exact(value[key])}" for key in sorted(value)) + "}"
    return repr(value)


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories(), every_rule, st.randoms(use_true_random=False), st.integers(1, 4))
def test_traits_are_the_same_in_every_order_and_grouping(
    history: list[Said], rules: TraitRules, random: Any, parts: int
) -> None:
    straight = folded(history, rules)
    shuffled = history + history[: len(history) // 2]
    random.shuffle(shuffled)
    joined = TraitMap()
    for part in range(parts):
        some = folded(shuffled[part::parts], rules)
        joined.join(TraitMap.decode(some.encode()), rules)
    assert joined.encode() == straight.encode()
    if rules.max_object_keys > 3:
        assert exact(straight.values()) == exact(naive(history, rules))


def test_objects_replace_each_other_unless_a_rule_names_them() -> None:
    history = [
        ({"address": {"city": "Oslo", "zip": 1}}, Stamp(1, 1, "a")),
        ({"address": {"city": "Rome"}}, Stamp(2, 1, "b")),
    ]
    assert folded(history, DEFAULT_TRAITS).values() == {"address": {"city": "Rome"}}
    rules = TraitRules.from_dict({"merge_objects": ["address"]})
    assert folded(history, rules).values() == {"address": {"city": "Rome", "zip": 1}}
    history.append(({"address": {"zip": None, "geo": {"lat": 1}}}, Stamp(3, 1, "c")))
    assert folded(history, rules).values() == {"address": {"city": "Rome", "geo": {"lat": 1}}}
    history.append(({"address": "Main St 1"}, Stamp(4, 1, "d")))
    assert folded(history, rules).values() == {"address": "Main St 1"}
    history.append(({"address": {"city": "Bern"}}, Stamp(5, 1, "e")))
    assert folded(history, rules).values() == {"address": {"city": "Bern"}}
    history.append(({"address": None}, Stamp(6, 1, "f")))
    assert folded(history, rules).values() == {}


def test_a_rule_that_changes_later_keeps_what_is_there() -> None:
    merging = TraitRules(merge_objects=True)
    traits = folded([({"a": {"x": 1, "y": 1}}, Stamp(1, 1, "a"))], DEFAULT_TRAITS)
    traits.assign({"a": {"x": 2}}, Stamp(2, 1, "b"), merging)
    assert traits.values() == {"a": {"x": 2, "y": 1}}
    traits.assign({"a": {"z": 3}}, Stamp(3, 1, "c"), DEFAULT_TRAITS)
    assert TraitMap.decode(traits.encode()).values() == {"a": {"z": 3}}


def test_what_a_call_may_not_set_is_named_with_the_reason() -> None:
    rules = TraitRules(max_traits=2, max_value_bytes=20)
    kept, dropped = clean(
        {"": 1, "n" * 501: 1, "big": "x" * 30, "deep": {"list": [1] * 30}, "a": 1, "b": 2, "c": 3},
        rules,
    )
    assert kept == {"a": 1, "b": 2}
    assert dropped == [
        ("", "it has no name"),
        ("n" * 500, "its name has 501 characters, 500 are allowed"),
        ("big", "its value has 32 bytes, 20 are allowed"),
        ("deep", "its value has 70 bytes, 20 are allowed"),
        ("c", "a call may set 2 traits"),
    ]


def test_too_many_names_leave_the_specs_and_the_plain_ones() -> None:
    rules = TraitRules(max_profile_traits=3)
    traits = TraitMap()
    traits.assign({"viewed_1": 1, "viewed_22": 1, "lifetime_value": 5}, Stamp(1, 1, "a"), rules)
    dropped = traits.assign({"email": "a@b.c"}, Stamp(2, 1, "b"), rules)
    assert [(d.name, d.reason, d.stamp.message_id) for d in dropped] == [
        ("viewed_22", "a profile may have 3 traits", "a")
    ]
    again = traits.assign({"viewed_22": 2}, Stamp(3, 1, "c"), rules)
    assert [(d.name, d.stamp.message_id, d.value) for d in again] == [("viewed_22", "c", 2)]
    assert traits.values() == {"email": "a@b.c", "lifetime_value": 5, "viewed_1": 1}


def test_maps_from_before_objects_merged_can_still_be_read() -> None:
    old = b'[[[5,1,"m"]],{"plan":[0,"pro"]}]'
    assert TraitMap.decode(old).stamps() == {"plan": Stamp(5, 1, "m")}
    assert TraitMap.decode(old).encode() == old


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"merge_objects": "address"}, "merge_objects must be true, false or a list of names"),
        ({"max_traits": 0}, "max_traits must be a number from 1 on, not 0"),
        ({"max_traits": True}, "max_traits must be a number"),
        ({"max_trait": 3}, "there is no rule 'max_trait'"),
    ],
)
def test_wrong_rules_are_refused_with_the_key(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match="^" + said):
        TraitRules.from_dict(data)


def test_rules_are_values_that_a_file_can_hold() -> None:
    rules = TraitRules.from_dict(
        {"merge_objects": ["b", "a"], "max_traits": 10, "max_value_bytes": 100}
    )
    assert rules.to_dict()["merge_objects"] == ["a", "b"]
    assert TraitRules.from_dict(rules.to_dict()) == rules == TraitRules.from_dict(rules.to_dict())
