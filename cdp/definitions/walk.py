"""Somebody is walked through journeys: what goes in, and step by step what comes of it.

A script is a list of items, in the order of time:

    {"type": "track", "event": …, "timestamp": …}   a message; now, if it has no timestamp
    {"advance": "3d"}                               time goes on
    {"until": "2026-03-01T09:00:00Z"}               … up to an instant
    {"answer": "approved"}                          somebody decides at an approval
    {"enters": "vip"} {"leaves": "vip"}             a list that is kept by hand
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cdp.conditions.durations import parse_duration
from cdp.definitions.scene import Scene
from cdp.events import format_time, parse_time
from cdp.events.times import MAX_MS
from cdp.journeys.replay import Done, Life, NeverEnds
from cdp.journeys.run import ACTIVE, Answer, Call, Emit, Listed, Send, Transition, Update
from cdp.messaging.templates import RenderError, TemplateError

#: Things that fall due between two items of a script; more are taken for a mistake.
MOST_DUE = 5_000
CALLS = ("track", "identify", "page", "screen", "group")


class BadScript(ValueError):
    """An item of a script that can't be played; the text says which and why."""


def walk(
    life: Life, scene: Scene, script: Iterable[Mapping[str, Any]], user_id: str = ""
) -> Iterator[dict[str, Any]]:
    """Play a script; yields what happens as JSON, in order. `BadScript`, `NeverEnds`.

    Each has ``at`` and ``kind``: ``said`` (an item of the script), ``step`` (what became of a
    run: ``step``, ``what``, ``exit``, ``why``, ``did``).
    """
    steps = Steps(life, scene)
    for number, item in enumerate(script, 1):
        try:
            yield from _item(life, steps, item, number, user_id)
        except BadScript as error:
            raise BadScript(f"item {number}: {error}") from None


def _item(
    life: Life, steps: Steps, item: Mapping[str, Any], number: int, user_id: str
) -> Iterator[dict[str, Any]]:
    if "advance" in item:
        ms = parse_duration(str(item["advance"]))
        if ms is None:
            raise BadScript(f"{item['advance']} is no length of time such as 3d")
        if life.now + ms > MAX_MS:
            raise BadScript("it goes beyond the calendar")
        yield from steps.until(life.now + ms)
    elif "until" in item:
        yield from steps.until(_time(item["until"]))
    elif "answer" in item:
        for run in list(life.course.runs.values()):
            if run.status == ACTIVE:
                life.given(run.id, Answer(str(item["answer"]), "you"))
        yield _said(life.now, item)
        yield from steps.new()
    elif "enters" in item or "leaves" in item:
        entered = "enters" in item
        yield _said(life.now, item)
        life.moved(str(item["enters" if entered else "leaves"]), entered, life.now)
        yield from steps.new()
    else:
        message = _message(item, number, user_id)
        at = _time(message["timestamp"]) if "timestamp" in message else life.now
        if at < life.now:
            raise BadScript(f"its time {format_time(at)} is over: it is {format_time(life.now)}")
        yield from steps.until(at - 1)
        yield _said(at, item)
        life.say({"timestamp": format_time(at), **message}, at)
        yield from steps.new()


def _message(item: Mapping[str, Any], number: int, user_id: str) -> dict[str, Any]:
    type_ = item.get("type", "track")
    if type_ not in CALLS:
        raise BadScript(f"{type_} is no call; one of {', '.join(CALLS)}, or advance, until, answer")
    if type_ == "track" and not isinstance(item.get("event"), str):
        raise BadScript("a track call needs an event")
    for part in ("properties", "traits"):
        if not isinstance(item.get(part, {}), Mapping):
            raise BadScript(f"its {part} must be an object")
    own = {"userId": user_id} if user_id else {}
    return {"type": type_, "messageId": f"script-{number}", **own, **item}


def _time(value: Any) -> int:
    found = parse_time(value)
    if found is None:
        raise BadScript(f"{value} is no time such as 2026-01-31T12:00:00Z")
    return found


def _said(at: int, item: Mapping[str, Any]) -> dict[str, Any]:
    return {"at": format_time(at), "kind": "said", "said": dict(item)}


class Steps:
    """What became of a life's runs since it was asked last."""

    def __init__(self, life: Life, scene: Scene) -> None:
        self._life, self._scene = life, scene
        self._told = len(life.course.transitions)
        self._done: dict[str, list[Done]] = {}
        self._visits: dict[tuple[int, str], int] = {}
        self._at: dict[int, str | None] = {}

    def until(self, at: int) -> Iterator[dict[str, Any]]:
        """Let time go on; an instant that is over changes nothing."""
        for _ in range(MOST_DUE):
            due = self._life.next_due()
            if due is None or due > at:
                self._life.until(at)
                return
            self._life.until(due)
            yield from self.new()
        raise NeverEnds(f"more than {MOST_DUE:,} things fall due until {format_time(at)}")

    def new(self) -> Iterator[dict[str, Any]]:
        """What came about."""
        for item in self._life.done:
            key = getattr(item.effect, "key", "")
            self._done.setdefault(key, []).append(item)
        self._life.done = []
        moves = self._life.course.transitions
        for move in moves[self._told :]:
            yield self._step(move)
        self._told = len(moves)

    def _step(self, move: Transition) -> dict[str, Any]:
        run = self._life.course.runs[move.run]
        if move.what == "entered":
            return {**self._line(move, run.journey), "did": []}
        step = move.step or ""
        if self._at.get(move.run) != step:
            self._visits[move.run, step] = self._visits.get((move.run, step), 0) + 1
        self._at[move.run] = step if move.what in ("waits", "held", "failed") else None
        key = f"journey:{move.run}:{step}:{self._visits[move.run, step]}"
        did = [self._did(item) for item in self._done.pop(key, ())]
        return {**self._line(move, run.journey), "did": did}

    @staticmethod
    def _line(move: Transition, journey: str) -> dict[str, Any]:
        return {
            "at": format_time(move.at), "kind": "step", "journey": journey, "run": move.run,
            "step": move.step, "what": move.what, "exit": move.exit, "why": move.why,
        }  # fmt: skip

    def _did(self, done: Done) -> dict[str, Any]:
        effect = done.effect
        if isinstance(effect, Send):
            return {"send": list(effect.templates), **self._rendered(done, effect)}
        if isinstance(effect, Update):
            return {"update": dict(effect.traits)}
        if isinstance(effect, Emit):
            return {"emit": effect.event, "properties": dict(effect.properties)}
        if isinstance(effect, Listed):
            return {"add_to" if effect.member else "remove_from": effect.audience}
        assert isinstance(effect, Call)
        return {"webhook": dict(effect.request)}

    def _rendered(self, done: Done, send: Send) -> dict[str, Any]:
        traits = {"id": self._life.person, **self._life.subject.traits}
        try:
            content = self._scene.render(send, done.run, traits, done.at)
        except (RenderError, TemplateError) as error:
            return {"error": str(error)}
        return {"channel": content.channel, "content": dict(content.fields)}
