"""Which of the names that were seen is the one that a recipe means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import NamedTuple

#: How alike a word must be to another to be the same one, written otherwise: from 0 to 1.
ALIKE = 0.8
_WORDS = re.compile(r"[a-z0-9]+")


class Ask(NamedTuple):
    """What a recipe wants to know: an ``event``, a ``trait``, a ``property`` or a ``link``.

    ``likely`` are names that are likely, the likeliest first; a property is one ``of`` the event
    that another question asks for. A link may be left out.
    """

    name: str
    kind: str
    label: str
    likely: tuple[str, ...] = ()
    of: str = ""


def guess(ask: Ask, seen: Iterable[str]) -> tuple[str, bool]:
    """The name that is most likely meant, and whether it was seen; of likes, the first seen."""
    if not ask.likely:
        return "", True
    best, score = ask.likely[0], 0.0
    for name in seen:
        for at, likely in enumerate(ask.likely):
            alike = _alike(_words(name), _words(likely))
            if alike and alike - at / 1000 > score:
                best, score = name, alike - at / 1000
    return best, score > 0


def _alike(name: list[str], likely: list[str]) -> float:
    """From 0 (another name) to 1 (the same)."""
    if "".join(name) == "".join(likely):
        return 1.0
    name, likely = sorted(name), sorted(likely)
    if name == likely:
        return 0.98
    if len(name) == len(likely):
        # Word by word: a payment that failed is much like one that was paid, letter by letter.
        ratios = [SequenceMatcher(None, *pair).ratio() for pair in zip(name, likely, strict=True)]
        return 0.97 * sum(ratios) / len(ratios) if min(ratios) >= ALIKE else 0.0
    more = len(name) - len(likely)
    if len(likely) > 1 and more > 0 and set(likely) <= set(name):
        return 0.9 - more / 10 if more < 3 else 0.0
    return 0.0


def _words(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return _WORDS.findall(spaced.lower())
