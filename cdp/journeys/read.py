"""Reading a journey: the nested steps of its file become a graph."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields

from cdp.conditions.errors import did_you_mean
from cdp.journeys.limits import read_limits
from cdp.journeys.program import Goal, Program, Step
from cdp.journeys.rollout import read_rollout
from cdp.journeys.run import NEXT
from cdp.journeys.schema import JourneyBody
from cdp.journeys.steps import STEPS, StepKind
from cdp.journeys.steps import fields as own
from cdp.journeys.texts import Expand, Said, Texts, Wrong
from cdp.journeys.triggers import Entry, read_entry, read_trigger

#: Keys that any step may have, beside its kind.
COMMON = ("id", "note")
#: Exits that steps have by themselves.
RESERVED = (NEXT, "skip", "end", "goto")
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
_BLANK = re.compile(r"[^A-Za-z0-9_.]+")
MAX_STEPS, MAX_DEPTH = 500, 20


class JourneyError(ValueError):
    """A journey that can't be run; ``wrong`` has all that is wrong with it."""

    def __init__(self, wrong: list[Wrong]) -> None:
        self.wrong = wrong
        super().__init__("; ".join(f"{item.field}: {item.text}" for item in wrong))


class Read:
    """A journey on its way from file to program: what it says, and what is wrong with it."""

    def __init__(
        self,
        key: str,
        body: Mapping[str, Any],
        version: int = 0,
        expand: Expand = lambda root: root,
    ) -> None:
        self.texts = Texts(expand)
        self._steps: dict[str, Step] = {}
        self._taken = self._named(body.get("steps"))
        self.program = self._read(key, body, version)

    @property
    def wrong(self) -> list[Wrong]:
        """All that is wrong."""
        return self.texts.wrong

    @property
    def said(self) -> list[Said]:
        """All conditions that it says."""
        return self.texts.said

    @property
    def steps(self) -> Mapping[str, Step]:
        """The steps that could be read, by id, also where others could not."""
        return self._steps

    def _read(self, key: str, body: Mapping[str, Any], version: int) -> Program | None:
        known = {name: body[name] for name in body if name in _FIELDS}
        loaded = self._loaded(JourneyBody(), known, "")
        if loaded is None:
            steps = body.get("steps")
            if isinstance(steps, list):
                self._list(steps, "steps", None, None, 0)
            return None
        texts = self.texts
        first = self._list(loaded["steps"], "steps", None, None, 0)
        trigger = read_trigger(loaded["trigger"], texts)
        stages = read_rollout(loaded.get("rollout", 100.0))
        goal, condition, exit_when = loaded.get("goal"), loaded.get("if"), loaded.get("exit_when")
        made = Program(
            key,
            version,
            trigger,
            read_entry(loaded.get("entry", "once")),
            loaded.get("while_in", "ignore"),
            texts.condition(condition, "if") if condition else None,
            Goal(
                *texts.of_event(goal["event"], goal.get("where"), "goal.where"),
                own.ms(goal.get("within", "30d")),
                bool(goal.get("exit")),
                tuple(goal["value"].split(".")) if goal.get("value") else (),
            )
            if goal
            else None,
            texts.condition(exit_when, "exit_when") if exit_when else None,
            loaded.get("zone", "UTC"),
            loaded.get("priority", 100),
            stages[-1].share,
            stages,
            read_limits(loaded.get("limits")),
            self._steps,
            first,
            tuple(texts.asked),
            texts.liquid,
            body,
        )
        self._targets(made)
        return None if texts.wrong else made

    def _named(self, steps: Any) -> set[str]:
        """The ids that steps have by themselves: no other step is called so."""
        found: set[str] = set()
        for value in _mappings(steps):
            if isinstance(value.get("id"), str):
                if value["id"] in found:
                    self.texts.fault("steps", f"two steps have the id {value['id']}")
                found.add(value["id"])
        return found

    def _loaded(self, schema: Schema, value: Any, field: str) -> dict[str, Any] | None:
        try:
            loaded: dict[str, Any] = schema.load(value, unknown=RAISE)
        except ValidationError as error:
            self._faults(schema, error.messages_dict, field)
            return None
        return loaded

    def _faults(self, schema: Schema | None, messages: Any, field: str) -> None:
        if isinstance(messages, list):
            for text in messages:
                self.texts.fault(field.removesuffix("."), str(text))
            return
        for name, inner in messages.items():
            if name == "_schema":
                self._faults(None, inner, field)
                continue
            place = (
                f"{field.removesuffix('.')}[{name}]" if isinstance(name, int) else f"{field}{name}"
            )
            if inner == ["Unknown field."] and schema is not None:
                names = [f.data_key or n for n, f in schema.fields.items()]
                inner = [f"there is no such field. {did_you_mean(str(name), names)}".strip()]
            self._faults(
                _inside(schema, name), inner, place if isinstance(inner, list) else f"{place}."
            )

    def _list(
        self, steps: Sequence[Any], field: str, after: str | None, inside: str | None, depth: int
    ) -> str | None:
        """Read a list of steps that is followed by ``after``; the id of its first step.

        From first to last, so that names count up as one reads.
        """
        if depth > MAX_DEPTH:
            self.texts.fault(field, f"steps lie in each other more than {MAX_DEPTH} deep")
            return after
        found = []
        for at, value in enumerate(steps):
            place = f"{field}[{at}]"
            read = self._step(value, place)
            if read is not None:
                found.append((*read, place, value))
        ids = [item[0] for item in found]
        for at, (id_, kind, spec, place, value) in enumerate(found):
            follows = ids[at + 1] if at + 1 < len(ids) else after
            exits: dict[str, str | None] = {}
            base = f"{place}.{kind.name}"
            args = kind.compile(spec, self.texts, base)
            step = Step(id_, kind, spec, args, place, exits, inside, value.get("note"))
            self._steps[id_] = step
            if len(self._steps) > MAX_STEPS:
                self.texts.fault("steps", f"it has more than {MAX_STEPS} steps")
                return None
            for branch in kind.branches(spec):
                if branch.exit in exits:
                    self.texts.fault(base, f"two ways are called {branch.exit}")
                if branch.exit in RESERVED:
                    self.texts.fault(
                        f"{base}.{branch.field}", f"no way can be called {branch.exit}; rename it"
                    )
                exits[branch.exit] = self._list(
                    branch.steps, f"{base}.{branch.field}", follows, id_, depth + 1
                )
            if not kind.ends:
                exits.setdefault(NEXT, follows)
        return ids[0] if ids else after

    def _step(self, value: Any, place: str) -> tuple[str, StepKind, dict[str, Any]] | None:
        if not isinstance(value, Mapping):
            self.texts.fault(place, "a step is written such as send: welcome, or wait: 2d")
            return None
        kinds = [name for name in value if name not in COMMON]
        if len(kinds) != 1:
            said = ", ".join(map(str, kinds)) or "none"
            self.texts.fault(place, f"a step has one kind, beside id and note; here: {said}")
            return None
        kind = STEPS.get(kinds[0])
        if kind is None:
            hint = did_you_mean(str(kinds[0]), list(STEPS))
            self.texts.fault(place, f"there is no step {kinds[0]}. {hint}".strip())
            return None
        spec = self._loaded(kind.schema(), kind.spec(value[kind.name]), f"{place}.{kind.name}.")
        id_ = value.get("id")
        if id_ is not None and not (isinstance(id_, str) and _ID.fullmatch(id_)):
            self.texts.fault(f"{place}.id", "an id is letters, digits, blanks and _ . -")
            return None
        note = value.get("note")
        if note is not None and not (isinstance(note, str) and len(note) <= 2000):
            self.texts.fault(f"{place}.note", "a note is a text of 2,000 characters at most")
        return (id_ or self._called(kind, spec), kind, spec) if spec is not None else None

    def _called(self, kind: StepKind, spec: Mapping[str, Any]) -> str:
        label = _BLANK.sub("-", kind.label(spec)).strip("-")[:60]
        base = f"{kind.name}-{label}" if label else kind.name
        name, number = base, 1
        while name in self._taken:
            number += 1
            name = f"{base}-{number}"
        self._taken.add(name)
        return name

    def _targets(self, made: Program) -> None:
        for step in self._steps.values():
            target = step.spec.get("step") if step.kind.name == "goto" else None
            if target is not None and target not in self._steps:
                hint = did_you_mean(target, list(self._steps))
                self.texts.fault(f"{step.field}.goto.step", f"there is no step {target}. {hint}")


_FIELDS = {field.data_key or name for name, field in JourneyBody().fields.items()}


def _inside(schema: Any, name: Any) -> Any:
    """The schema of what a field holds, or of the items of its list; None if it has none."""
    if isinstance(name, int):
        return schema
    for attribute, item in schema.fields.items() if schema is not None else ():
        if (item.data_key or attribute) == name:
            inner = item.inner if isinstance(item, fields.List) else item
            return inner.schema if isinstance(inner, fields.Nested) else None
    return None


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    """All mappings in a structure."""
    found: list[Mapping[str, Any]] = []
    stack = [value]
    while stack:
        at = stack.pop()
        if isinstance(at, Mapping):
            found.append(at)
            stack.extend(at.values())
        elif isinstance(at, list):
            stack.extend(at)
    return [item for item in found if any(name in STEPS for name in item)]


def read(
    key: str, body: Mapping[str, Any], version: int = 0, expand: Expand = lambda root: root
) -> Program:
    """The program of a journey; `JourneyError` with all that is wrong."""
    found = Read(key, body, version, expand)
    if found.program is None:
        raise JourneyError(found.wrong)
    return found.program


__all__ = ["Entry", "JourneyError", "Read", "read"]
