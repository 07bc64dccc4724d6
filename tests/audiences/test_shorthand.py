"""Reasons that are kept in short read as those that say all by themselves."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.audiences import AUDIENCE, Book, Entry, Item, form_text
from cdp.audiences.shorthand import form_of, in_full
from cdp.conditions import Context, parse
from cdp.conditions.ast import Not, all_of, any_of
from cdp.conditions.lists import Lists
from cdp.conditions.live import Subject
from cdp.conditions.values import Time
from tests.conditions.stories import HISTORIES, LISTS, T, conditions
from tests.conditions.test_live import subject_of

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "40"))
FORM = 1234


def item_of(root: Any, lists: Lists = LISTS) -> tuple[Item, Book]:
    book = Book([Entry(1, AUDIENCE, "a", 0, True, root)], 0, lists)
    [item] = book.items
    item.form = FORM
    return item, book


def both(item: Item, subject: Subject, now: int) -> tuple[str, str]:
    """Why somebody is in or not: as it is read again, and told in full."""
    kept = item.reasons.text(subject, now, item.live.holds(subject, now))
    assert form_of(kept) == FORM
    told = {"clauses": [clause.told(subject, now) for clause in item.clauses]}
    return in_full(kept, {FORM: form_text(item.clauses)}), msgspec.json.encode(told).decode()


TREES = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(all_of),
        st.lists(inner, min_size=2, max_size=3).map(any_of),
        inner.map(Not),
    ),
    max_leaves=4,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(TREES, HISTORIES, T)
def test_a_reason_reads_as_it_would_be_told_in_full(
    tree: Any, history: list[dict[str, Any]], now: int
) -> None:
    item, book = item_of(tree)
    read, told = both(item, subject_of(history, book.streams), now)
    assert read == told


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -1, 2**63, 10**25, 0.1, 1e300, float("nan"), float("inf"), "",
        "1", 'a "b", [c] {d} \\ \n \x00', "Zażółć 🐝 \u2028", "x" * 100_000, [], [1, [None, ["]"]]],
        {"a": {"b": [1, {"c": '"'}]}}, Time(1_790_726_399_990), Decimal("1.50"), Decimal("7.0"),
        [Decimal("2.25"), Time(0)],
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:12]!a}",
)  # fmt: skip
def test_values_of_any_kind_read_as_they_were(value: Any) -> None:
    text = 'traits.v = "a, [b" or traits.other = 1 and !(traits.v in ["x", 2]) or traits.v > 3'
    item, _ = item_of(parse(text, Context.PERSON).root)
    subject = Subject()
    subject.traits = {"v": value}
    read, told = both(item, subject, 0)
    assert read == told and read.count('"value":') == 4


def test_what_is_the_same_for_everybody_is_not_asked_again() -> None:
    text = 'performed("A") and !(performed("B") or traits.p = 1)'
    item, _ = item_of(parse(text, Context.PERSON).root)
    # Nobody did anything, but it is said that they entered: all follows from that.
    assert item.reasons.text(Subject(), 0, True) == f"[{FORM},1,0,0,null]"
    assert item.reasons.text(Subject(), 0, False) == f"[{FORM},0,0,0,null]"


def test_what_says_all_by_itself_stays_as_it_is() -> None:
    for detail in ("{}", '{"clauses":[{"clause":"traits.a > 1","holds":true,"value":[1]}]}'):
        assert in_full(detail, {}) == detail
