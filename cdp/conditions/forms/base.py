"""What a form is: a construct with words of its own inside its parentheses.

One module each holds its faces: ``parse``, ``write``, ``say`` (prose) and ``evaluate``
(over a person in memory, plainly: the oracle for whatever is faster).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdp.conditions.functions.base import Example

if TYPE_CHECKING:
    from cdp.conditions.parser import Parser
    from cdp.conditions.person import Evaluator

Write = Callable[[Any], str]


@dataclass(frozen=True)
class Form:
    """A construct: its words, the node it makes, and its faces."""

    names: tuple[str, ...]
    node: type
    signature: str
    summary: str
    returns: str
    examples: tuple[Example, ...]
    parse: Callable[[Parser, str], Any]
    write: Callable[[Any, Write], str]
    say: Callable[[Any, Write], str]
    evaluate: Callable[[Any, Evaluator], Any]
