"""Journeys interpreted plainly: the nested steps of a file, millisecond by millisecond.

Written from the meaning of the steps, not from `cdp.journeys`: each run is a coroutine over
the file's lists; whether something has come is looked up anew at every instant, over all that
was said so far, by the plain evaluator of conditions.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from cdp.conditions.durations import parse_duration
from cdp.conditions.values import same
from cdp.events import at_path

if TYPE_CHECKING:
    from tests.journeys.naive import Naive


class Told(NamedTuple):
    """A transition."""

    run: int
    at: int
    step: str | None
    what: str
    exit: str | None


class Ended(Exception):
    """The run is over."""


class Jump(Exception):
    """On to another step."""


def drawn(*of: Any) -> float:
    """A lot, from 0 to below 1."""
    text = "\x1f".join(map(str, of)).encode()
    return int.from_bytes(blake2b(text, digest_size=4).digest(), "big") / 2**32


def share_of(shares: list[float], lot: float) -> int:
    """Which of some shares a lot falls into."""
    left = lot * sum(shares)
    for at, share in enumerate(shares):
        left -= share
        if left < 0:
            return at
    return max(at for at, share in enumerate(shares) if share > 0)


class NaiveRun:
    """A run: a coroutine that is sent what happens."""

    def __init__(self, town: Naive, journey: Mapping[str, Any], key: str, trigger: Any) -> None:
        self.town, self.journey, self.key, self.trigger = town, journey, key, trigger
        self.id = len(town.runs) + 1
        self.started, self.active = town.now, True
        self.vars: dict[str, Any] = {}
        self.visits: dict[str, int] = {}
        self.step: str | None = journey["steps"][0]["id"]
        self.goal_open = "goal" in journey
        #: The events that its step waits for.
        self.events: set[str] = set()
        self.coroutine: Generator[None, Any, None] | None = None

    def tell(self, what: str, exit: str | None = None) -> None:
        self.town.told.append(Told(self.id, self.town.now, self.step, what, exit))

    def effect(self, kind: str, *more: Any) -> None:
        key = f"journey:{self.id}:{self.step}:{self.visits[self.step or '']}"
        self.town.effects.append((self.town.now, kind, key, *more))
        self.town.waiting.append((kind, key, *more))

    def holds(self, text: str) -> bool:
        return self.town.asked(text, self).holds(self.town.root(text))

    def begin(self) -> None:
        self.tell("entered")
        if not self.leaves():
            self.coroutine = self.all_of([(self.journey["steps"], 0)])
            self.go(None, first=True)

    def leaves(self) -> bool:
        if "exit_when" in self.journey and self.holds(self.journey["exit_when"]):
            self.end("exit_when")
            return True
        return False

    def end(self, reason: str) -> None:
        self.active, self.events = False, set()
        self.tell("ended", reason)
        self.step = None

    def go(self, cause: Any, first: bool = False) -> None:
        """Let the coroutine have what happened."""
        while True:
            assert self.coroutine is not None
            try:
                if first:
                    next(self.coroutine)
                else:
                    self.coroutine.send(cause)
                return
            except StopIteration:
                self.end("finished")
                return
            except Ended as ended:
                self.end(str(ended))
                return
            except Jump as jump:
                path = self.town.path_to(self.journey["steps"], str(jump))
                self.coroutine, first = self.all_of(path), True

    def goal(self, name: str, message: Mapping[str, Any]) -> None:
        goal = self.journey.get("goal")
        if not goal or not self.goal_open or goal["event"] != name:
            return
        if self.town.now > self.started + (parse_duration(goal["within"]) or 0):
            return
        if "where" in goal and not self.town.of_message(goal["where"], message):
            return
        self.goal_open = False
        self.tell("converted")
        if goal.get("exit") and self.active:
            self.end("goal")

    # The steps.

    def all_of(self, path: list[tuple[list[Any], int]]) -> Generator[None, Any, None]:
        """From a place on: the rest of its list, then what follows in the lists around it."""
        for steps, start in reversed(path):
            for step in steps[start:]:
                yield from self.do(step)

    def do(self, step: Mapping[str, Any]) -> Generator[None, Any, None]:
        self.step = step["id"]
        self.visits[self.step] = self.visits.get(self.step, 0) + 1
        self.events = set()
        kind = next(name for name in step if name != "id")
        yield from getattr(self, f"do_{kind}")(step[kind])

    def inside(self, steps: list[Any]) -> Generator[None, Any, None]:
        yield from self.all_of([(steps, 0)])

    def do_send(self, template: str) -> Generator[None, Any, None]:
        self.effect("send", template)
        self.tell("left", "next")
        yield from ()

    def do_update(self, spec: Any) -> Generator[None, Any, None]:
        self.effect("update", spec["traits"])
        self.tell("left", "next")
        yield from ()

    def do_emit(self, spec: Any) -> Generator[None, Any, None]:
        self.effect("emit", spec["event"], spec.get("properties", {}))
        self.tell("left", "next")
        yield from ()

    def do_set(self, variables: Any) -> Generator[None, Any, None]:
        self.vars = {**self.vars, **variables}
        self.tell("left", "next")
        yield from ()

    def do_wait(self, length: str) -> Generator[None, Any, None]:
        until = self.town.now + (parse_duration(length) or 0)
        self.tell("waits")
        while True:
            cause = yield
            if cause == "tick" and self.town.now >= until:
                break
        self.tell("left", "next")

    def do_branch(self, spec: Any) -> Generator[None, Any, None]:
        for at, way in enumerate(spec["ways"]):
            if "else" in way or self.holds(way["when"]):
                self.tell("left", "else" if "else" in way else f"when-{at + 1}")
                yield from self.inside(way["else"] if "else" in way else way["then"])
                return
        self.tell("left", "next")

    def do_split(self, spec: Any) -> Generator[None, Any, None]:
        visit = self.visits[self.step or ""]
        lot = drawn(self.journey["key"], self.step, "p1", self.key, self.started, visit)
        at = share_of([way["share"] for way in spec["ways"]], lot)
        self.tell("left", f"way-{at + 1}")
        yield from self.inside(spec["ways"][at]["then"])

    def do_holdout(self, share: float) -> Generator[None, Any, None]:
        if drawn("holdout", self.journey["key"], self.step, "p1") < share / 100:
            self.tell("left", "end")
            raise Ended("held_out")
        self.tell("left", "next")
        yield from ()

    def do_goto(self, spec: Any) -> Generator[None, Any, None]:
        if self.visits[self.step or ""] > spec["most"]:
            self.tell("left", "next")
            return
        self.tell("left", "goto")
        yield from ()
        raise Jump(spec["step"])

    def do_exit(self, reason: str) -> Generator[None, Any, None]:
        self.tell("left", "end")
        yield from ()
        raise Ended(f"exit:{reason}")

    def do_wait_until(self, spec: Any) -> Generator[None, Any, None]:
        timeout = parse_duration(spec["timeout"]) if "timeout" in spec else None
        end = self.town.now + timeout if timeout else None
        paths = spec.get("any") or [spec]
        self.events = {path["event"] for path in paths if "event" in path}
        cause: Any = None
        said = False
        while True:
            met = self._met(paths, cause)
            if met is not None:
                break
            if end is not None and cause == "tick" and self.town.now >= end:
                self.tell("left", "timeout")
                yield from self.inside(spec.get("on_timeout", []))
                return
            if not said:
                self.tell("waits")
                said = True
            cause = yield
        path = paths[met]
        if "any" in spec:
            self.tell("left", f"met-{met + 1}")
        else:
            self.tell("left", "met" if spec.get("then") else "next")
        yield from self.inside(path.get("then", []))

    def _met(self, paths: list[Any], cause: Any) -> int | None:
        if isinstance(cause, tuple):
            name, message = cause
            for at, path in enumerate(paths):
                if path.get("event") != name:
                    continue
                if "where" in path and not self.town.of_message(path["where"], message):
                    continue
                if "same" in path:
                    keys = tuple(path["same"].split("."))
                    mine = at_path(dict(self.trigger or {}), keys)
                    if mine is None or not same(mine, at_path(dict(message), keys)):
                        continue
                return at
        for at, path in enumerate(paths):
            if "if" in path and self.holds(path["if"]):
                return at
        return None


def inner_lists(step: Mapping[str, Any]) -> list[list[Any]]:
    """The lists of steps that lie in a step."""
    found: list[list[Any]] = []
    for name, spec in step.items():
        if name in ("branch", "split"):
            for way in spec["ways"]:
                found.append(way["else"] if "else" in way else way["then"])
        elif name == "wait_until":
            found += [path["then"] for path in (spec, *spec.get("any", ())) if "then" in path]
            if "on_timeout" in spec:
                found.append(spec["on_timeout"])
    return found
