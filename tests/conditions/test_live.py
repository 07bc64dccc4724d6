"""The live engine and the plain evaluator are of one opinion, at every instant (law 4)."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.conditions import Context, Evaluator, Event, Person, format_text, parse
from cdp.conditions.ast import (
    Aggregate,
    Compare,
    EventRef,
    Followed,
    Not,
    Path,
    Performed,
    Relative,
    Sequence,
    Step,
    Value,
    Within,
    all_of,
    any_of,
)
from cdp.conditions.live import (
    NEVER,
    TRAITS,
    UNSAID,
    Live,
    Stream,
    Streams,
    Subject,
    compile_person,
)
from cdp.events import event_name
from tests.conditions.stories import AROUND, HISTORIES, LISTS, T, conditions, messages

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "150"))
MOMENTS = st.integers(0, 25)
#: Purchases with figures, and the questions that are asked of them the most.
FIGURES = st.sampled_from([0, 1, 2, 2.5, 2.5, 0.1, -3, None, 10**18])
PURCHASES = st.lists(
    st.builds(
        lambda t, name, x: {
            "t": t, "body": {"type": "track", "event": name, "properties": {"x": x}},
        },
        T, st.sampled_from(["A", "A", "B"]), FIGURES,
    ),
    max_size=6,
)  # fmt: skip
A, B, X = EventRef("A", None), EventRef("B", None), Path(("properties", "x"))
SOON = st.none() | st.integers(1, 20).map(Within)
ORDERS = st.sampled_from(["<", "<=", ">", ">="])
ASKED = st.one_of(
    st.builds(
        lambda op, fn, window, limit: Compare(op, Aggregate(fn, A, X, window), Value(limit)),
        ORDERS, st.sampled_from(["max", "min", "sum"]), SOON, st.sampled_from([0, 1, 2, 2.5, -1]),
    ),
    st.builds(
        lambda op, fn, ago: Compare(op, Aggregate(fn, A, None, None), Relative(-ago)),
        ORDERS, st.sampled_from(["first", "last"]), st.integers(0, 20),
    ),
    st.builds(lambda ms, window: Followed(B, ms, A, window, True), st.integers(1, 20), SOON),
    st.builds(
        lambda ref, within, window: Sequence((Step(A, None), Step(ref, within)), window),
        st.sampled_from([A, B]), st.none() | st.integers(0, 20), SOON,
    ),
    st.builds(lambda ref, window: Performed(ref, window), st.sampled_from([A, B]), SOON),
)  # fmt: skip
QUESTIONS = st.one_of(
    ASKED,
    st.lists(ASKED | ASKED.map(Not), min_size=2, max_size=3).map(all_of),
    st.lists(ASKED | ASKED.map(Not), min_size=2, max_size=3).map(any_of),
)


def person_of(history: list[dict[str, Any]]) -> Person:
    """The person as the plain evaluator wants it."""
    traits: dict[str, Any] = {}
    for item in history:
        for name, value in item["body"].get("traits", {}).items():
            traits.setdefault(name, []).append((item["t"], value))
    events = [Event(item["t"], item["body"]) for item in history if "traits" not in item["body"]]
    return Person(traits=traits, events=events)


def subject_of(history: list[dict[str, Any]], streams: Streams) -> Subject:
    """The same person as the live engine keeps it, told message by message."""
    subject = Subject()
    when: dict[str, int] = {}
    for seq, item in enumerate(history):
        body, t = item["body"], item["t"]
        event = (
            TRAITS
            if body["type"] == "identify"
            else event_name(body["type"], body.get("event", ""))
        )
        for name, value in body.get("traits", {}).items():
            if t >= when.get(name, 0):
                subject.traits[name], when[name] = value, t
        for number, spec in enumerate(streams.specs):
            if spec.event != event or (spec.accepts is not None and not spec.accepts(body)):
                continue
            values = spec.values(body)
            if event == TRAITS and all(value is UNSAID for value in values):
                continue
            stream = subject.streams.setdefault(number, Stream(len(spec.columns)))
            stream.add(t, seq, values)
    return subject


def of_stream(subject: Subject, number: int) -> list[int]:
    """When the events of a stream happened."""
    return subject.streams[number].t if number in subject.streams else []


@settings(max_examples=EXAMPLES * 4, deadline=None)
@given(conditions() | QUESTIONS, HISTORIES | PURCHASES, T, st.lists(st.integers(0, 60), max_size=4))
def test_live_is_plain_and_stays_so_until_it_says(
    tree: Any, history: list[dict[str, Any]], now: int, later: list[int]
) -> None:
    streams = Streams(LISTS)
    live = compile_person(tree, streams)
    subject = subject_of(history, streams)
    person = person_of(history)
    text = format_text(tree)
    value = Evaluator(person, now, None, LISTS).holds(tree)
    assert live.holds(subject, now) is value, text
    end = live.next_change(subject, now)
    assert end > now
    assert live.look(subject, now) == (live.value(subject, now), end), text
    if any(len(of_stream(subject, n)) < least for n, least in live.least.items()):
        assert not value, text
        end = NEVER
    for instant in {min(end - 1, AROUND + 100_000), *(now + ms for ms in later)}:
        if now < instant < end:
            assert Evaluator(person, instant, None, LISTS).holds(tree) is value, (
                text,
                instant,
                end,
            )


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(
    conditions() | QUESTIONS | QUESTIONS, HISTORIES | PURCHASES,
    st.lists(messages(), min_size=1, max_size=2) | PURCHASES, MOMENTS, MOMENTS,
)  # fmt: skip
def test_who_need_not_be_looked_at_stays_where_they_are(
    tree: Any, history: list[dict[str, Any]], new: list[dict[str, Any]], wait: int, ago: int
) -> None:
    """What came last of all, in order, and doesn't touch a condition leaves it as it was."""
    live = compile_person(tree, streams := Streams(LISTS))
    came = sorted((item for item in new if "traits" not in item["body"]), key=lambda i: i["t"])
    latest = max((item["t"] for item in history), default=AROUND - 60)
    came = [{**item, "t": max(item["t"], latest)} for item in came]
    now = max([latest, *(item["t"] for item in came)]) + wait
    before, after = person_of(history), person_of(history + came)
    old = subject_of(history, streams)
    # They were looked at some time ago; time alone has changed nothing since then.
    due = live.next_change(old, max(latest, now - ago))
    subject = subject_of(history + came, streams)
    inside = live.holds(old, now)
    ahead = min(due, AROUND + 100_000)
    if due <= now or touched(live, subject, numbers_of(came, streams), now, due, inside):
        return
    text = format_text(tree)
    for instant in {now, ahead - 1, (now + ahead) // 2, *range(now, min(ahead, now + 40))}:
        assert Evaluator(before, instant, None, LISTS).holds(tree) is inside, text
        assert Evaluator(after, instant, None, LISTS).holds(tree) is inside, (text, instant)


def numbers_of(came: list[dict[str, Any]], streams: Streams) -> dict[int, int]:
    """How many of some messages are in each stream."""
    found: dict[int, int] = {}
    for item in came:
        body = item["body"]
        for number, spec in enumerate(streams.specs):
            if spec.event == event_name(body["type"], body.get("event", "")) and (
                spec.accepts is None or spec.accepts(body)
            ):
                found[number] = found.get(number, 0) + 1
    return found


def touched(
    live: Live, subject: Subject, came: dict[int, int], now: int, due: int, inside: bool
) -> bool:
    """Whether somebody is looked at again, as the pipeline decides it."""
    return any(
        live.least.get(number, 0) <= len(subject.streams[number].t)
        and not (due > now and number in (live.rises if inside else live.falls))
        and (live.moved is None or live.moved(subject, now, number, new, due))
        for number, new in came.items()
        if number in live.stirs
    )


def test_what_time_never_changes_says_so() -> None:
    def end(text: str, *events: tuple[int, str]) -> int:
        streams = Streams()
        live = compile_person(parse(text, Context.PERSON).root, streams)
        history = [{"t": t, "body": {"type": "track", "event": name}} for t, name in events]
        return live.next_change(subject_of(history, streams), 1000)

    assert end('count("A") > 2', (1, "A")) == NEVER
    assert end('count("A" within 10s) >= 2', (1, "A")) == NEVER  # it can only become fewer
    assert end('count("A" within 10s) >= 2', (1, "A"), (5, "A"), (9, "A")) == 10_005
    assert end('traits.x = 1 and performed("A" within 1s)', (500, "A")) == NEVER
    assert end('not performed("A" within 1s)', (500, "A")) == 1500
    assert end('performed("A" since 1s ago)', (500, "A")) == 1501
    assert end('performed("A")', (2000, "A")) == 2000  # a clock that runs ahead
    assert end('last("A") > 2s ago', (500, "A")) == 2500
    assert end('not performed("B") within 3s after "A"', (500, "A")) == 3500
