"""Differences of long texts are shown where they are."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cdp.console.line_diff import line_diff
from cdp.store.defined import defining
from tests.console.factory import World

TEXTS = st.lists(st.sampled_from(["a", "b", "", "c d"]), max_size=8).map("\n".join)


def test_short_values_are_shown_whole() -> None:
    assert line_diff("one", "two") == line_diff(1, 2) == line_diff(None, "a\nb") == []
    assert line_diff("a\n" * 4000, "b\n" * 4000) == []


@given(TEXTS, TEXTS)
def test_a_difference_turns_the_one_into_the_other(old: str, new: str) -> None:
    found = line_diff(old, new)
    gone = [line.text for line in found if line.kind == "del"]
    come = [line.text for line in found if line.kind == "ins"]
    assert sorted([*old.split("\n"), *come]) == sorted([*new.split("\n"), *gone]) or not found
    assert (old == new) <= (found == [])


def test_a_change_far_down_is_seen(world: World) -> None:
    lines = [f"<p>{n}</p>" for n in range(100)]
    body: dict[str, Any] = {"channel": "email", "subject": "Hi", "body": "\n".join(lines)}
    lines[90] = "<p>new & <b>bold</b></p>"
    with world.store.write() as tx:
        defining.put(tx, 1, ("template", "hi"), body, "ana")
        defining.put(tx, 2, ("template", "hi"), {**body, "body": "\n".join(lines)}, "bo")
    page = world.admin().page("/messages/templates/hi/versions")
    assert "<del>&lt;p&gt;90&lt;/p&gt;</del><ins>&lt;p&gt;new &amp; &lt;b&gt;bold" in page
    assert "<span>&lt;p&gt;89&lt;/p&gt;</span>" in page and "&lt;p&gt;50" not in page
