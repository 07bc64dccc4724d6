"""A person's life with journeys, interpreted plainly, millisecond by millisecond."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp.conditions import Context, Evaluator, Event, Person, parse
from cdp.conditions.durations import parse_duration
from cdp.conditions.lists import Lists
from cdp.conditions.predicate import compile_message
from cdp.conditions.values import same
from cdp.events import at_path, event_name
from tests.journeys.naive_run import NaiveRun, Told, inner_lists

__all__ = ["Naive", "Told", "inner_lists"]


class Naive:
    """A person's life with journeys, played millisecond by millisecond."""

    def __init__(
        self, journeys: list[dict[str, Any]], lists: Lists, audiences: Mapping[str, str]
    ) -> None:
        self.journeys, self.lists = journeys, lists
        self.audiences = dict(sorted(audiences.items()))
        self.now = 0
        self.runs: list[NaiveRun] = []
        self.told: list[Told] = []
        self.effects: list[tuple[Any, ...]] = []
        self.waiting: list[tuple[Any, ...]] = []
        self.entries: list[tuple[str, str, int]] = []
        self._events: list[Event] = []
        self._traits: dict[str, list[tuple[int, Any]]] = {}
        self._inside: dict[str, list[tuple[int, Any]]] = {}
        self._roots: dict[tuple[str, Context], Any] = {}

    def play(self, history: list[tuple[int, dict[str, Any]]], start: int, end: int) -> None:
        """Everything that comes of a history (in the order of time) up to an instant."""
        self.now = start
        for key in self.audiences:
            if self._evaluator(None, {}).holds(self.root(self.audiences[key], Context.PERSON)):
                self._inside[key] = [(start, True)]
        for self.now in range(start, end + 1):
            for t, message in history:
                if t == self.now:
                    self.take(message)
                    self.settle()
            self.look_at_audiences()
            self.to_all("tick")
            self.settle()

    def take(self, message: dict[str, Any]) -> None:
        """A message comes."""
        changes = []
        if message["type"] == "identify":
            for name, value in message["traits"].items():
                history = self._traits.setdefault(name, [])
                before = history[-1][1] if history else None
                history.append((self.now, value))
                if before != value or type(before) is not type(value):
                    changes.append((name, value))
        else:
            self._events.append(Event(self.now, message))
        for name, value in changes:
            for journey in self.journeys:
                trigger = journey["trigger"]
                meant = "to" not in trigger or same(trigger["to"], value)
                if trigger.get("trait") == name and meant:
                    self.enter(journey, message, "")
        name = event_name(message["type"], message.get("event", ""))
        if name:
            self.happened(name, message)
        self.look_at_audiences()
        self.to_all("changed")

    def to_all(self, cause: str) -> None:
        """Tell all runs of something."""
        for run in list(self.runs):
            if run.active and not run.leaves():
                run.go(cause)

    def look_at_audiences(self) -> None:
        """Who comes into which audience, and leaves it."""
        for key, text in self.audiences.items():
            now_in = self._evaluator(None, {}).holds(self.root(text, Context.PERSON))
            history = self._inside.setdefault(key, [])
            if now_in == bool(history and history[-1][1]):
                continue
            history.append((self.now, now_in))
            for journey in self.journeys:
                if journey["trigger"].get("enters" if now_in else "leaves") == key:
                    self.enter(journey, None, f"{key}:{self.now}")
            self.to_all("changed")

    def happened(self, name: str, message: dict[str, Any]) -> None:
        for run in list(self.runs):
            goal = run.journey.get("goal", {}).get("event") if run.goal_open else None
            if name == goal:
                run.goal(name, message)
            concerned = name in run.events or name == goal
            if concerned and run.active and not run.leaves():
                run.go((name, message))
        for journey in self.journeys:
            trigger = journey["trigger"]
            if trigger.get("event") != name:
                continue
            if "where" in trigger and not self.of_message(trigger["where"], message):
                continue
            self.enter(journey, message, message["messageId"])

    def enter(self, journey: dict[str, Any], message: dict[str, Any] | None, cause: str) -> None:
        rule, name, while_in = journey["entry"], journey["key"], journey.get("while_in", "ignore")
        key = ""
        before = [item for item in self.entries if item[0] == name]
        if isinstance(rule, dict) and "once_per" in rule:
            value = at_path(dict(message or {}), tuple(rule["once_per"].split(".")))
            if value is None or isinstance(value, dict | list):
                return
            key = str(value)
        elif rule == "every_time" and while_in == "start":
            key = cause
        if (rule == "once" or "once_per" in rule) and (name, key) in [i[:2] for i in before]:
            return
        if "again_after" in rule:
            ms = parse_duration(rule["again_after"]) or 0
            if before and self.now - max(item[2] for item in before) < ms:
                return
        mine = [r for r in self.runs if r.journey is journey and r.key == key and r.active]
        if while_in == "ignore" and mine:
            return
        run = NaiveRun(self, journey, key, message)
        if "if" in journey and not run.holds(journey["if"]):
            return
        if while_in == "restart":
            for other in mine:
                other.end("restarted")
        self.entries.append((name, key, self.now))
        self.runs.append(run)
        run.begin()

    def settle(self) -> None:
        """What journeys did comes about."""
        while self.waiting:
            some, self.waiting = self.waiting, []
            for kind, key, *more in some:
                if kind == "update":
                    self.take({"type": "identify", "traits": more[0], "messageId": key})
                elif kind == "emit":
                    self.take({"type": "track", "event": more[0], "properties": more[1],
                               "messageId": key})  # fmt: skip

    # Conditions.

    def root(self, text: str, context: Context = Context.BRANCH) -> Any:
        if (text, context) not in self._roots:
            self._roots[text, context] = parse(text, context).root
        return self._roots[text, context]

    def asked(self, text: str, run: NaiveRun) -> Evaluator:
        return self._evaluator(run.trigger, run.vars)

    def _evaluator(self, trigger: Any, variables: Any) -> Evaluator:
        person = Person(traits=self._traits, events=self._events, audiences=self._inside)
        return Evaluator(person, self.now, trigger, self.lists, variables)

    def of_message(self, text: str, message: Mapping[str, Any]) -> bool:
        return bool(compile_message(self.root(text, Context.MESSAGE))(message))

    @staticmethod
    def path_to(steps: list[Any], id_: str) -> list[tuple[list[Any], int]]:
        """Where a step lies: the lists around it with what follows in each, outermost first."""

        def look(some: list[Any]) -> list[tuple[list[Any], int]] | None:
            for at, step in enumerate(some):
                if step["id"] == id_:
                    return [(some, at)]
                for inner in inner_lists(step):
                    found = look(inner)
                    if found is not None:
                        return [(some, at + 1), *found]
            return None

        found = look(steps)
        assert found is not None, id_
        return found
