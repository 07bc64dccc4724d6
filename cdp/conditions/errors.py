"""What can be wrong with a condition, and where.

ConditionError            base: not a condition, or not one that may stand here
├── ConditionSyntaxError  the text can't be read
├── ConditionContextError it asks for what this place doesn't know
├── ConditionTooLarge     beyond a limit; the text says which
├── ConditionFormError    the JSON form or an IR is not one of ours
└── NotInBrowser          right, but Segment's browser package can't express it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ConditionError(ValueError):
    """A condition that is not taken. ``line`` and ``column`` count from 1."""

    def __init__(
        self, reason: str, line: int = 1, column: int = 1, *, expected: str = "", hint: str = ""
    ) -> None:
        self.reason, self.line, self.column = reason, line, column
        self.expected, self.hint = expected, hint
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """What was wrong, what was expected, and what may have been meant."""
        text = self.reason
        if self.expected:
            text += f"; expected {self.expected}"
        if self.hint:
            text += f". {self.hint}"
        # What it names may have line breaks in it; an error is one line.
        return text.replace("\r", "\\r").replace("\n", "\\n")

    @property
    def located(self) -> str:
        """The text with its place before it."""
        return f"line {self.line}, column {self.column}: {self.text}"


class ConditionSyntaxError(ConditionError):
    """The text can't be read."""


class ConditionContextError(ConditionError):
    """The condition asks for what is not known where it stands."""


class ConditionTooLarge(ConditionError):
    """The condition is beyond a limit."""


class ConditionFormError(ConditionError):
    """A JSON form or an IR that is not a condition."""


class NotInBrowser(ConditionError):
    """Segment's browser package has no form for it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean …?`` for the nearest of the known words, or nothing."""
    names = list(known)
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), list(lowered), 1, 0.7 if len(word) > 4 else 0.65)
    meant = lowered[near[0]] if near else word
    return f"Did you mean {meant}?" if meant != word else ""


def nearest_or_all(word: str, known: Iterable[str]) -> str:
    """``Did you mean …?`` for the nearest of the fields that there are, or all of them."""
    names = list(known)
    return did_you_mean(word, names) or f"It has: {', '.join(names)}."
