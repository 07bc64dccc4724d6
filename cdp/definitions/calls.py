"""Journeys that start each other: none may come back to itself without a wait between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cdp.definitions.kind import Body, Fault, Id
from cdp.journeys import JourneyError, Program, read


def calls_in_circles(id_: Id, bodies: Mapping[Id, Body]) -> Iterator[Fault]:
    """Steps by which a journey would start itself at once, perhaps through others."""
    key = id_[1]
    ways = {other: called for (kind, other), body in bodies.items() if kind == "journey"
            for called in [_at_once(other, body)]}  # fmt: skip
    for field, first in ways.get(key, ()):
        came: dict[str, str | None] = {first: None}
        stack = [first]
        while stack and key not in came:
            at = stack.pop()
            for _, following in ways.get(at, ()):
                if following not in came:
                    came[following] = at
                    stack.append(following)
        if key in came:
            way, step = [key], came[key]
            while step is not None:
                way.insert(0, step)
                step = came[step]
            text = " → ".join([key, *way])
            yield Fault(field, f"it would start itself without end: {text}; put a wait between")


def _at_once(key: str, body: Body) -> list[tuple[str, str]]:
    """The journeys that one calls before it has waited: the field of each call, and the key."""
    if not _mentions_call(body):
        return []
    try:
        program = read(key, {n: v for n, v in body.items() if n in ("trigger", "steps", "zone")})
    except JourneyError:
        return []
    return [
        (f"{step.field}.call.journey", step.spec["journey"])
        for step in reached_at_once(program)
        if step.kind.name == "call"
    ]


def reached_at_once(program: Program, first: str | None = None) -> Iterator[Any]:
    """The steps that a run comes to from its beginning, or from ``first``, without waiting."""
    seen: set[str] = set()
    stack = [program.first if first is None else first]
    while stack:
        id_ = stack.pop()
        if id_ is None or id_ in seen or id_ not in program.steps:
            continue
        seen.add(id_)
        step = program.steps[id_]
        yield step
        if not step.kind.waits:
            stack += step.exits.values()
            if step.kind.name == "goto":
                stack.append(step.spec["step"])


def _mentions_call(value: Any) -> bool:
    stack = [value]
    while stack:
        at = stack.pop()
        if isinstance(at, Mapping):
            if "call" in at:
                return True
            stack += at.values()
        elif isinstance(at, list):
            stack += at
    return False
