"""Patterns against a naive matcher that tries everything."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.conditions.glob import matcher

EXAMPLES = int(os.environ.get("CDP_PROOF_EXAMPLES", "500"))


def naive(pattern: str, text: str) -> bool:
    """By trying every length of each star."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[n:]) for n in range(len(text) + 1))
    if pattern.startswith("[ab]"):
        return text[:1] in ("a", "b") and text != "" and naive(pattern[4:], text[1:])
    if not text:
        return False
    return pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


PARTS = st.lists(st.sampled_from(["a", "b", "ż", "😀", "\n", "*", "*", "?", "[ab]"]), max_size=7)


@settings(max_examples=EXAMPLES, deadline=None)
@given(PARTS, st.text("abż😀\n", max_size=8))
def test_any_pattern_matches_what_the_naive_one_does(parts: list[str], text: str) -> None:
    assert matcher("".join(parts))(text) is naive("".join(parts), text)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from("ab*"), max_size=6), st.text("ab", max_size=8))
def test_texts_with_stars_match_what_the_naive_one_does(parts: list[str], text: str) -> None:
    assert matcher("".join(parts))(text) is naive("".join(parts), text)
