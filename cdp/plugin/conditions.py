"""Functions that a plugin adds to the language of conditions."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: What a function may give.
GIVES = ("any", "text", "number", "list", "yes or no")
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
#: What one call may take before it is told, in seconds.
QUICK_S = 0.005


@dataclass(frozen=True)
class ConditionFunction:
    """A function of a plugin, for all conditions: filters, audiences, branches.

    ``apply`` gets the values of its arguments: JSON's, None for what is missing, a time as
    ISO 8601. It must take any, and give a text, number, true, false, None or a list of
    these. It must be pure and quick: it is asked of every event, on every machine and
    again when the past is looked at, and must always say the same. So it may look neither
    at a clock nor at the network, a file or what it was asked before. Nothing can stop one
    that hangs. What it raises counts as null and is recorded, as is a call that takes
    longer than 5 ms.

    ``params`` are the names of its arguments, ``returns`` is one of `GIVES`. ``words`` say
    in prose what it is, with ``{0}`` for the first argument. ``example`` is a condition
    that must be true of ``message``: it is tried when the plugin is loaded. A function that
    says something else than before has another ``version``: audiences that call it are then
    worked out anew.
    """

    name: str
    params: tuple[str, ...]
    apply: Callable[..., Any]
    summary: str
    words: str
    example: str
    message: dict[str, Any] = field(default_factory=dict)
    returns: str = "any"
    version: str = "1"

    def check(self) -> None:
        """`ValueError` for what can't be a function."""
        if not isinstance(self.name, str) or NAME.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r:.80} is no name of a function")
        texts = (self.summary, self.words, self.example, *self.params)
        if not self.params or not all(isinstance(text, str) and text for text in texts):
            raise ValueError(f"{self.name} needs params, a summary, words and an example")
        if self.returns not in GIVES:
            raise ValueError(f"{self.name} returns {self.returns!r:.40}, not one of {GIVES}")
        if not isinstance(self.version, str):
            raise ValueError(f"{self.name} has a version that is no text")
        if not callable(self.apply):
            raise ValueError(f"{self.name} has nothing to apply")
        try:
            self.words.format(*self.params)
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"the words of {self.name} can't be filled in: {error!r}") from None


def watched(
    function: Callable[..., Any], told: Callable[[BaseException], None]
) -> Callable[..., Any]:
    """The function, telling of what it raises (and giving None then), and when it is slow."""

    def call(*values: Any) -> Any:
        began = time.perf_counter()
        try:
            result = function(*values)
        except Exception as error:
            told(error)
            return None
        took = time.perf_counter() - began
        if took > QUICK_S:
            told(TimeoutError(f"a call took longer than {QUICK_S * 1000:g} ms"))
        return result

    return call
