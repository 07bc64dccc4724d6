"""Random conditions as trees, for the property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from cdp.conditions.ast import (
    Aggregate,
    Between,
    Call,
    Changed,
    Compare,
    EventRef,
    Followed,
    In,
    Instant,
    Items,
    Not,
    Path,
    Performed,
    Relative,
    Sequence,
    Since,
    StartOf,
    Step,
    Uploaded,
    Value,
    Within,
    all_of,
    any_of,
)
from cdp.conditions.durations import UNITS
from cdp.conditions.functions import FUNCTIONS

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
KEYS = st.one_of(
    st.sampled_from(["plan", "total", "0", "a.b", "product 1", "in", "null", "-x", "1st"]),
    TEXT.filter(bool),
)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.decimals(-(10**9), 10**9, places=4).map(float).filter(lambda x: not x.is_integer()),
)
VALUES = st.one_of(TEXT, NUMBERS, st.booleans(), st.none()).map(Value)
OPS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
MS = st.one_of(
    st.integers(1, 10**9),
    st.builds(lambda n, unit: n * UNITS[unit], st.integers(1, 60), st.sampled_from(list(UNITS))),
)


def paths(*roots: str) -> st.SearchStrategy[Path]:
    """Paths below the roots."""
    rest = st.lists(st.one_of(KEYS, st.just("")), min_size=1, max_size=2)
    return st.builds(lambda root, keys: Path((root, *keys)), st.sampled_from(roots), rest)


MESSAGE_PATHS = st.one_of(
    paths("properties", "context", "traits"),
    st.sampled_from([Path(("type",)), Path(("event",)), Path(("null",)), Path(("within",))]),
    st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: Path(tuple(keys))),
)
CALLS = [f for f in FUNCTIONS.values() if not f.of_a_person and f.name != "regex"]
TIMES: Any = st.one_of(
    st.builds(Relative, st.one_of(st.just(0), MS, MS.map(lambda ms: -ms))),
    st.builds(
        StartOf,
        st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]),
        st.sampled_from(["UTC", "person", "Europe/Warsaw"]),
    ),
)
INSTANTS = st.integers(-(10**12), 10**13).map(Instant)


def _calls(args: Any, functions: list[Any]) -> Any:
    return st.sampled_from(functions).flatmap(
        lambda f: st.lists(args, min_size=len(f.params), max_size=len(f.params)).map(
            lambda given: Call(f.name, tuple(given))
        )
    )


def _grown(leaves: Any, functions: list[Any]) -> Any:
    def grow(inner: Any) -> Any:
        many = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(
            many.map(all_of),
            many.map(any_of),
            inner.map(Not),
            st.builds(Compare, OPS, inner, inner),
            st.builds(In, inner, st.lists(inner, max_size=3).map(lambda i: Items(tuple(i)))),
            st.builds(In, inner, TEXT.map(Uploaded)),
            _calls(inner, functions),
        )

    return st.recursive(leaves, grow, max_leaves=8)


def messages(fql: bool = False) -> Any:
    """Conditions over one message; only what FQL has, if so wanted."""
    functions = [f for f in CALLS if f.fql or not fql]
    leaves = st.one_of(VALUES, MESSAGE_PATHS) if fql else st.one_of(VALUES, MESSAGE_PATHS, INSTANTS)
    return _grown(leaves, functions)


WHERE = st.one_of(
    st.builds(Compare, OPS, MESSAGE_PATHS, VALUES), st.builds(Compare, OPS, MESSAGE_PATHS, TIMES)
)
EVENTS = st.builds(EventRef, TEXT.filter(bool), st.one_of(st.none(), WHERE))
WINDOWS = st.one_of(
    st.none(),
    MS.map(Within),
    st.builds(lambda a, b: Between(a + b, a), MS, MS),
    st.one_of(TIMES, INSTANTS).map(Since),
)
OF = paths("properties", "person")


def _aggregates() -> Any:
    valued = ["sum", "avg", "min", "max", "first", "last", "unique", "most_frequent"]
    return st.one_of(
        st.builds(Aggregate, st.sampled_from(valued), EVENTS, OF, WINDOWS),
        st.builds(
            Aggregate, st.sampled_from(["count", "first", "last"]), EVENTS, st.none(), WINDOWS
        ),
    )


STEPS = st.lists(st.builds(Step, EVENTS, st.one_of(st.none(), MS)), min_size=1, max_size=3)
LITERALS = st.one_of(st.none(), VALUES)
FORMS = st.one_of(
    _aggregates(),
    st.builds(Performed, EVENTS, WINDOWS),
    st.builds(Followed, EVENTS, MS, EVENTS, WINDOWS, st.booleans()),
    st.builds(
        lambda first, steps, window: Sequence((Step(first), *steps), window), EVENTS, STEPS, WINDOWS
    ),
    st.builds(Changed, paths("traits"), LITERALS, LITERALS, WINDOWS),
    st.builds(
        lambda name, key: Call(name, (Value(key),)),
        st.sampled_from(["audience", "subscribed"]),
        TEXT,
    ),
)


def people() -> Any:
    """Conditions over a person."""
    compared = st.builds(Compare, OPS, st.one_of(paths("traits"), FORMS, INSTANTS), TIMES)
    leaves = st.one_of(VALUES, paths("traits"), INSTANTS, compared, FORMS)
    return _grown(leaves, CALLS)
