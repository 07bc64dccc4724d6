"""What became of a run, step by step, of the transitions that are kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol


class Moved(Protocol):
    """A transition, as it happened or as it is stored."""

    @property
    def at(self) -> int: ...
    @property
    def step(self) -> str | None: ...
    @property
    def what(self) -> str: ...
    @property
    def exit(self) -> str | None: ...
    @property
    def why(self) -> Any: ...


class Visit(NamedTuple):
    """A visit to a step: ``came`` and ``left`` are instants, ``until`` when its wait ends.

    ``what`` is the last that happened there: waits, left, held, failed, ended or moved.
    """

    step: str
    visit: int
    came: int
    left: int | None
    what: str
    exit: str | None
    until: str | None
    why: Mapping[str, Any] | None

    def key(self, run: int) -> str:
        """The idempotency key of what was done here (law 6)."""
        return f"journey:{run}:{self.step}:{self.visit}"


class Told(NamedTuple):
    """A run as it went: the clauses of its entry, its visits, how it ended, its conversion."""

    entered: Mapping[str, Any] | None
    visits: list[Visit]
    ended: tuple[int, str | None, Any] | None
    converted: tuple[int, Any] | None


def told(moves: Iterable[Moved]) -> Told:
    """The visits of a run, of its moves in their order."""
    visits: list[Visit] = []
    counts: dict[str, int] = {}
    entered = ended = converted = None
    open_ = False
    for move in moves:
        if move.what == "entered":
            entered = move.why
            continue
        if move.what == "converted":
            converted = (move.at, move.why)
            continue
        if move.what == "migrated":
            continue  # it is at the step as before
        if move.what == "not_started":
            at = next((n for n in reversed(range(len(visits))) if visits[n].step == move.step), -1)
            if at >= 0:
                visits[at] = visits[at]._replace(why={**(visits[at].why or {}), **(move.why or {})})
            continue
        if move.what == "ended":
            ended = (move.at, move.exit, move.why)
            if move.step is None or not open_:
                continue
        if move.step is None:
            continue
        if not open_ or visits[-1].step != move.step:
            counts[move.step] = counts.get(move.step, 0) + 1
            came = move.at
            visits.append(Visit(move.step, counts[move.step], came, None, "", None, None, None))
            open_ = True
        last = visits[-1]
        until = (move.why or {}).get("until") if move.what == "waits" else last.until
        gone = move.at if move.what in ("left", "ended", "moved") else None
        visits[-1] = last._replace(
            what=move.what, exit=move.exit, until=until, why=move.why or last.why, left=gone
        )
        open_ = move.what not in ("left", "ended", "moved")
    return Told(entered, visits, ended, converted)
