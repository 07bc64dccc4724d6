"""Random people with a short history, and random conditions that have something to say of them.

Few names, few values and few milliseconds, so that things meet: ties, edges of windows,
values of other types.
"""

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

#: Instants lie around here: the last second of a quarter in UTC, so that days begin nearby.
AROUND = 1_790_726_399_990
EVENTS = ("A", "B", "Page Viewed")
NAMES = st.sampled_from(EVENTS)
T = st.integers(AROUND - 30, AROUND + 30)
MS = st.integers(1, 20)
OPS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
JSON = st.sampled_from(
    [0, 1, 2, 2.5, 0.1, -3, True, False, None, "a", "b", "2", "", [1, "a"], {"x": 1}, 10**18 + 1]
)
TIMES = st.builds(lambda t: t, T)


@st.composite
def messages(draw: Any) -> dict[str, Any]:
    """A message of the person, with ``t`` beside it; traits were said before all else."""
    kind = draw(st.sampled_from(["track", "track", "track", "page", "identify"]))
    body: dict[str, Any] = {"type": kind}
    if kind == "identify":
        body["traits"] = draw(
            st.dictionaries(st.sampled_from(["p", "q"]), JSON | TIMES, min_size=1)
        )
        return {"t": draw(st.integers(AROUND - 60, AROUND - 31)), "body": body}
    if kind == "track":
        body["event"] = draw(NAMES)
    properties = draw(st.dictionaries(st.sampled_from(["x", "y"]), JSON | TIMES))
    if properties:
        body["properties"] = properties
    return {"t": draw(T), "body": body}


HISTORIES = st.lists(messages(), max_size=12)
#: What is uploaded.
LISTS = {"some": frozenset({"a", "2"})}
LITERALS = st.sampled_from([0, 1, 2, 2.5, "a", "b", "2", True, None, 10**18]).map(Value)
RELATIVE = st.integers(-20, 20).map(Relative)
STARTS = st.builds(
    StartOf,
    st.sampled_from(["hour", "day", "week", "month", "quarter", "year"]),
    st.sampled_from(["UTC", "person", "Europe/Warsaw"]),
)
INSTANTS = T.map(Instant)
PROPERTY = st.sampled_from(["x", "y"]).map(lambda key: Path(("properties", key)))
TRAIT = st.sampled_from(["p", "q"]).map(lambda key: Path(("traits", key)))
OWN = st.sampled_from(["p", "q"]).map(lambda key: Path(("person", "traits", key)))
WINDOWS = st.one_of(
    st.none(),
    MS.map(Within),
    st.builds(lambda newer, more: Between(newer + more, newer), st.integers(0, 15), MS),
    st.one_of(INSTANTS, RELATIVE, STARTS).map(Since),
)


def _comparisons(paths: Any, times: Any) -> Any:
    return st.one_of(
        st.builds(Compare, OPS, paths, LITERALS),
        st.builds(Compare, OPS, paths, times),
        st.builds(lambda p: Call("contains", (p, Value("a"))), paths),
        st.builds(In, paths, st.sampled_from([Uploaded("some"), Uploaded("gone")])),
        st.builds(In, paths, st.lists(LITERALS, max_size=3).map(lambda i: Items(tuple(i)))),
    )


def _where(simple: bool) -> Any:
    fixed = _comparisons(PROPERTY, INSTANTS)
    if simple:
        return fixed
    return st.one_of(
        fixed,
        fixed,
        st.builds(Compare, OPS, PROPERTY, RELATIVE),
        st.builds(Compare, OPS, PROPERTY, OWN),
        st.builds(lambda a, b: all_of([a, Not(b)]), fixed, st.builds(Compare, OPS, PROPERTY, OWN)),
    )


def conditions(simple: bool = False) -> Any:
    """Conditions over a person; ``simple``: without what only some engines decide alone."""
    refs = st.builds(EventRef, NAMES, st.one_of(st.none(), _where(simple)))
    valued = ["sum", "avg", "min", "max", "first", "last", "unique", "most_frequent"]
    figures = st.one_of(
        st.builds(Aggregate, st.just("count"), refs, st.none(), WINDOWS),
        st.builds(Aggregate, st.sampled_from(["first", "last"]), refs, st.none(), WINDOWS),
        st.builds(Aggregate, st.sampled_from(valued), refs, PROPERTY, WINDOWS),
    )
    steps = st.builds(Step, refs, st.one_of(st.none(), MS))
    performed = st.builds(Performed, refs, WINDOWS)
    leaves = st.one_of(
        _comparisons(TRAIT, st.one_of(RELATIVE, INSTANTS, STARTS)),
        st.builds(Compare, OPS, figures, LITERALS),
        st.builds(Compare, OPS, figures, st.one_of(RELATIVE, INSTANTS, STARTS)),
        st.builds(Compare, OPS, figures, TRAIT),
        performed,
        st.builds(Followed, refs, MS, refs, WINDOWS, st.booleans()),
        st.builds(
            lambda first, more, window: Sequence((Step(first.event), *more), window),
            steps, st.lists(steps, min_size=1, max_size=2), WINDOWS,
        ),
        st.builds(
            Changed, TRAIT, st.one_of(st.none(), LITERALS), st.one_of(st.none(), LITERALS), WINDOWS
        ),
    )  # fmt: skip

    def grow(inner: Any) -> Any:
        many = st.lists(inner, min_size=2, max_size=3)
        return st.one_of(many.map(all_of), many.map(any_of), inner.map(Not))

    return st.recursive(leaves, grow, max_leaves=4)
