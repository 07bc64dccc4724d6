"""Uploaded lists: reading, memory, and conditions that ask what is in them."""

from __future__ import annotations

import bisect
import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.conditions import (
    ConditionError,
    Context,
    Evaluator,
    Names,
    NotInBrowser,
    Person,
    compile_message,
    explain,
    format_text,
    from_json,
    lists,
    parse,
    to_ir,
    to_json,
)
from cdp.conditions.lists import MAX_VALUES, BrokenList, Texts, read_values

VIPS = {"vips": Texts(["a@example.org", "ż@example.org"])}


def test_a_message_is_asked_whether_it_is_in_a_list() -> None:
    meets = compile_message(parse('context.traits.email in list("vips")').root, VIPS)
    assert meets({"context": {"traits": {"email": "ż@example.org"}}})
    for other in ("A@example.org", " a@example.org", 5, None, ["a@example.org"]):
        assert not meets({"context": {"traits": {"email": other}}})


def test_a_new_version_of_a_list_counts_at_once() -> None:
    known: dict[str, Any] = {}
    meets = compile_message(parse('!(event in list("big"))').root, known)
    assert meets({"event": "A"})
    known["big"] = Texts(["A"])
    assert not meets({"event": "A"}) and meets({"event": "B"})


def test_a_person_is_asked_and_so_are_events_of_theirs() -> None:
    events: Any = [{"type": "track", "event": "A", "properties": {"email": "a@example.org"}}]
    from cdp.conditions import Event

    person = Person({"email": [(1, "b@example.org")]}, [Event(1, body) for body in events])

    def holds(text: str) -> bool:
        return Evaluator(person, 2, None, VIPS).holds(parse(text, Context.PERSON).root)

    assert not holds('traits.email in list("vips")')
    assert holds('traits.email not in list("vips")')
    assert holds('performed("A" where properties.email in list("vips"))')
    assert not holds('traits.email in list("gone")')


def test_its_faces() -> None:
    text = 'traits.email in list("vips")'
    root = parse(text, Context.PERSON).root
    assert format_text(root) == text and from_json(to_json(root)) == root
    assert explain(root) == "the trait email is in the list “vips”"
    assert explain(parse(f"!({text})").root) == "the trait email is not in the list “vips”"
    with pytest.raises(NotInBrowser, match="what is in an uploaded list"):
        to_ir(root, browser=True)


@pytest.mark.parametrize(
    ("text", "column"),
    [('list("a")', 1), ('list("a") = "b"', 1), ('list("a") in ["b"]', 1), ('length(list("a"))', 8),
     ('event in [list("a")]', 11)],
)  # fmt: skip
def test_a_list_can_only_be_asked_for_what_is_in_it(text: str, column: int) -> None:
    with pytest.raises(ConditionError, match="only be asked for what is in it") as caught:
        parse(text)
    assert caught.value.column == column


def test_a_list_that_does_not_exist_is_told() -> None:
    names = Names(traits={"age": frozenset({"number"})}, lists=["vips"])
    text = 'traits.email in list("vip") and traits.age in list("vips")'
    assert [w.text for w in parse(text, Context.PERSON, names).warnings] == [
        "the trait email has never been seen.",
        "there is no list vip. Did you mean vips?",
        "the trait age has only ever been a number, so in is never true",
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.text())
def test_texts_are_a_set(values: list[str], other: str) -> None:
    texts = Texts(sorted(set(values)))
    assert len(texts) == len(set(values))
    assert all(value in texts for value in values)
    assert (other in texts) is (other in values)
    assert 5 not in texts and "\ud800" not in texts


def test_values_are_read_one_a_line() -> None:
    lines = [b"\xef\xbb\xbf b@example.org \r\n", b"\n", b"a@example.org\n", b"b@example.org"]
    assert read_values(lines) == ["a@example.org", "b@example.org"]


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        ([b"a\n", b"\xff\n"], 2, "not UTF-8"),
        ([b"a\0b"], 1, "a character that no message holds"),
        ([b"a\n", b"a\n", b"x" * 501], 3, "a value of more than 500 characters"),
        ([b"x" * 5000], 1, "a value of more than 500 characters"),
        ([b"\n", b" \n"], None, "there are no values in it"),
    ],
)
def test_a_broken_line_is_named(lines: list[bytes], line: int | None, reason: str) -> None:
    with pytest.raises(BrokenList) as caught:
        read_values(lines)
    assert (caught.value.line, caught.value.reason) == (line, reason)


def test_a_list_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_VALUES", 3)
    monkeypatch.setattr(lists, "MAX_BYTES", 2 * 1024**2)
    with pytest.raises(BrokenList, match="line 5: more than 3 values"):
        read_values([b"a", b"b", b"a", b"c", b"d"])
    monkeypatch.setattr(lists, "MAX_VALUES", 10_000)
    with pytest.raises(BrokenList, match="line 4,195: more than 2 MB of text"):
        read_values(b"x%0499d" % n for n in range(9_000))


@pytest.mark.slow
def test_a_million_texts_take_less_than_100_mb() -> None:
    rnd = random.Random(3)
    values = sorted(f"somebody.{rnd.randrange(10**12):012}@example.org" for _ in range(MAX_VALUES))
    tracemalloc.start()
    texts = Texts(values)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 50e6 and peak < 100e6 and texts.nbytes <= held
    assert values[0] in texts and values[-1] in texts and values[bisect.bisect(values, "t") - 1]
    assert "nobody@example.org" not in texts
