"""Why: the clauses of a condition, each with what it was worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cdp.audiences.values import plain
from cdp.conditions.ast import And, Compare, In, Instant, Items, Not, Or, Relative, StartOf, Value
from cdp.conditions.formatter import format_text
from cdp.conditions.live import Live, Streams, Subject, compile_person
from cdp.conditions.live.part import Get

#: What says by itself what it is worth.
_WRITTEN = (Value, Items, Instant, Relative, StartOf)


class Clause(NamedTuple):
    """A part of a condition that is no ``and``, ``or`` or ``not``.

    ``value`` is what a comparison compares, where that isn't written in its text.
    """

    text: str
    live: Live
    value: Get | None

    @property
    def reads_traits_alone(self) -> bool:
        """Whether it stays as it is while the person's traits do."""
        needs = self.live.needs
        others = needs.streams or needs.audiences or needs.identifiers or needs.account
        return self.live.until is None and not others

    def told(self, subject: Subject, now: int) -> dict[str, Any]:
        """``{"clause", "holds"}``, and ``"value"`` where there is one to tell."""
        told = {"clause": self.text, "holds": self.live.holds(subject, now)}
        if self.value is not None:
            told["value"] = plain(self.value(subject, now))
        return told


class Asked(dict[Any, Live]):
    """Conditions and expressions, compiled, by their trees; ``clauses`` tell why they hold."""

    def __init__(self, roots: Iterable[Any], streams: Streams) -> None:
        super().__init__((root, compile_person(root, streams)) for root in roots)
        # All columns must be known before the first event comes.
        self.clauses: dict[Any, list[Clause]] = {root: clauses(root, streams) for root in self}


def clauses(root: Any, streams: Streams) -> list[Clause]:
    """All clauses of a condition, in the order of its text."""
    return [_clause(node, streams) for node, _ in implied(root, None)]


def implied(root: Any, whole: bool | None) -> Iterator[tuple[Any, bool | None]]:
    """The clauses' nodes, each with whether it holds where that follows from the whole."""
    stack = [(root, whole)]
    while stack:
        node, holds = stack.pop()
        if isinstance(node, And | Or):
            # All of what is true of every one, or false of each; else it may be any of them.
            each = holds if holds is isinstance(node, And) else None
            stack.extend((item, each) for item in reversed(node.items))
        elif isinstance(node, Not):
            stack.append((node.item, None if holds is None else not holds))
        else:
            yield node, holds


def _clause(node: Any, streams: Streams) -> Clause:
    asked = None
    if isinstance(node, Compare):
        asked = next((s for s in (node.left, node.right) if not isinstance(s, _WRITTEN)), None)
    elif isinstance(node, In) and not isinstance(node.item, _WRITTEN):
        asked = node.item
    value = compile_person(asked, streams).value if asked is not None else None
    return Clause(format_text(node), compile_person(node, streams), value)
