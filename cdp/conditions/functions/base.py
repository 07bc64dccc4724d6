"""What a function is: all of its faces in one value.

A module for each function or family makes `Function` values; `cdp.conditions.functions`
lists them. Parser, predicate, prose, checks and documentation read them from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: What an argument may be, and what a function gives.
KINDS = ("any", "text", "number", "list", "yes or no", "time")
Getter = Callable[[Any], Any]


@dataclass(frozen=True)
class Param:
    """An argument. ``literal``: it must be written out, as a text in quotes."""

    name: str
    kind: str = "any"
    literal: bool = False


@dataclass(frozen=True)
class Example:
    """A condition, a message or person, and what comes out. A test evaluates it."""

    text: str
    subject: dict[str, Any]
    result: bool = True


@dataclass(frozen=True)
class Function:
    """One function of the language.

    ``apply`` gets the values of the arguments and must take any. ``make`` may return
    something faster where it sees that arguments are written out: it gets the literal
    values by position, and None says that there is nothing faster. ``words`` is prose,
    with ``{0}`` for the first argument; ``unless`` is that of its negation.
    """

    name: str
    params: tuple[Param, ...]
    returns: str
    summary: str
    words: str
    example: Example
    apply: Callable[..., Any]
    unless: str = ""
    make: Callable[[dict[int, Any], list[Getter]], Getter | None] = field(
        default=lambda literals, getters: None
    )
    check: Callable[[tuple[Any, ...]], str | None] = field(default=lambda literals: None)
    fql: bool = True
    browser: bool = False
    of_a_person: bool = False
    #: The plugin that brings it; empty for the language's own. ``version`` is what it says of it.
    plugin: str = ""
    version: str = ""

    @property
    def signature(self) -> str:
        """As it is written in documentation: ``contains(text, part)``."""
        return f"{self.name}({', '.join(param.name for param in self.params)})"
