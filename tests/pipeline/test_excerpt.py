"""As much of a message as definitions read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdp.events import Message, at_path
from cdp.events.paths import Path
from cdp.pipeline.excerpt import excerpts, reads_of
from cdp.store.events.kept import TRAITS

KEYS = st.sampled_from(["a", "b", "0", "1"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(st.lists(KEYS, min_size=1, max_size=4).map(tuple), max_size=5)


def message(body: dict[str, Any], type_: str = "track", name: str = "Bought") -> Message:
    return Message(type_, name, "m", 1, 0, 0, body)


@given(st.dictionaries(KEYS, VALUES), PATHS)
def test_what_is_read_is_there_as_in_the_whole(body: dict[str, Any], paths: list[Path]) -> None:
    [made] = excerpts([message(body)], reads_of([("Bought", path) for path in paths]))
    for path in paths:
        assert at_path(made, path) == at_path(body, path), path


def test_nothing_else_is_and_each_event_has_its_own() -> None:
    body = {"properties": {"total": 3, "note": "long"}, "context": {"ip": "1.2.3.4"}}
    reads = reads_of([("Bought", ("properties", "total")), ("Bought", ()), ("Seen", ("context",))])
    sent = [message(body), message(body, name="Seen"), message(body, name="Other")]
    assert excerpts(sent, reads) == [
        {"properties": {"total": 3}}, {"context": {"ip": "1.2.3.4"}}, {},
    ]  # fmt: skip


def test_calls_that_set_traits_have_all_of_these() -> None:
    body = {"traits": {"plan": "pro", "age": 3}, "context": {}}
    reads = reads_of([(TRAITS, ("traits", "plan"))])
    sent = [message(body, "identify", ""), message(body, "group", "")]
    assert excerpts(sent, reads) == [{"traits": body["traits"]}] * 2
    assert excerpts(sent, {}) == [{"traits": body["traits"]}] * 2
