"""Why: the clauses of a condition, each with what it was worth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from cdp.audiences.values import plain
from cdp.conditions.ast import And, Compare, In, Instant, Items, Not, Or, Relative, StartOf, Value
from cdp.conditions.formatter import format_text
from cdp.conditions.live import Live, Streams, Subject, compile_person
from cdp.conditions.live.part import Get

_encode = msgspec.json.Encoder().encode
#: What says by itself what it is worth.
_WRITTEN = (Value, Items, Instant, Relative, StartOf)


class Clause(NamedTuple):
    """A part of a condition that is no ``and``, ``or`` or ``not``.

    ``value`` is what a comparison compares, where that isn't written in its text.
    """

    text: str
    live: Live
    value: Get | None
    #: Its JSON up to where it says whether it holds.
    begun: str

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


def told_text(some: list[Clause], subject: Subject, now: int) -> str:
    """All clauses as `Clause.told` says them, as JSON: ``{"clauses": […]}``."""
    parts = []
    for clause in some:
        holds = "true" if clause.live.value(subject, now) is True else "false"
        if clause.value is None:
            parts.append(f"{clause.begun}{holds}}}")
        else:
            value = _encode(plain(clause.value(subject, now))).decode()
            parts.append(f'{clause.begun}{holds},"value":{value}}}')
    return f'{{"clauses":[{",".join(parts)}]}}'


def clauses(root: Any, streams: Streams) -> list[Clause]:
    """All clauses of a condition, in the order of its text."""
    found: list[Clause] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, And | Or):
            stack.extend(reversed(node.items))
        elif isinstance(node, Not):
            stack.append(node.item)
        else:
            found.append(_clause(node, streams))
    return found


def _clause(node: Any, streams: Streams) -> Clause:
    asked = None
    if isinstance(node, Compare):
        asked = next((s for s in (node.left, node.right) if not isinstance(s, _WRITTEN)), None)
    elif isinstance(node, In) and not isinstance(node.item, _WRITTEN):
        asked = node.item
    value = compile_person(asked, streams).value if asked is not None else None
    text = format_text(node)
    begun = f'{{"clause":{_encode(text).decode()},"holds":'
    return Clause(text, compile_person(node, streams), value, begun)
