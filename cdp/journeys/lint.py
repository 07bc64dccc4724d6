"""What looks wrong about a journey that can be read: before anybody is sent through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from cdp.conditions import ConditionError
from cdp.conditions.ast import Path, walk
from cdp.conditions.check import MESSAGE_KEYS
from cdp.conditions.parser import parse_text
from cdp.conditions.spelling import path_text
from cdp.journeys.advance import MOST_AT_ONCE
from cdp.journeys.graph import before, reached, rounds
from cdp.journeys.never import never
from cdp.journeys.places import NAMES, WHERE, places
from cdp.journeys.program import Program, Step
from cdp.journeys.run import KEPT

#: Triggers that bring an event, so that steps may ask for ``event.…``.
WITH_EVENT = ("event", "api", "webhook", "group", "called", "trait")
#: Channels on which people must be able to leave a topic.
_ASKED = ("email", "sms", "push", "whatsapp")


class Finding(NamedTuple):
    """What looks wrong: ``level`` is error or warning, ``code`` the rule, ``step`` its id.

    ``line`` and ``column`` are those in the field's text.
    """

    level: str
    code: str
    step: str | None
    field: str
    text: str
    line: int | None = None
    column: int | None = None


class Sent(NamedTuple):
    """A template: its channel and topic, and the variables that it can't do without."""

    channel: str
    topic: str | None
    needs: tuple[str, ...] = ()


#: A template by its key; None: it is not there.
Templates = Callable[[str], Sent | None]


def lint(
    program: Program, body: Mapping[str, Any], templates: Templates = lambda key: None
) -> list[Finding]:
    """All that looks wrong, errors first, each in the order of the file."""
    found = [
        *_entry(program),
        *_unreached(program),
        *_loops(program),
        *_waits(program),
        *_branches(program),
        *_paths(program, body),
        *_sends(program, templates),
    ]
    order = {step.field: at for at, step in enumerate(program.steps.values())}
    found.sort(key=lambda item: (item.level != "error", _at(order, item.field)))
    return found


def _at(order: Mapping[str, int], field: str) -> int:
    return max((at for base, at in order.items() if field.startswith(base)), default=-1)


def _of(step: Step, level: str, code: str, text: str, field: str = "") -> Finding:
    where = f"{step.field}.{step.kind.name}"
    return Finding(level, code, step.id, f"{where}.{field}" if field else where, text)


def _entry(program: Program) -> Iterator[Finding]:
    if program.entry.rule == "once_per" and program.trigger.kind not in WITH_EVENT:
        text = "nobody could enter: once_per asks for a value of an event, and no event begins this"
        yield Finding("error", "nobody_enters", None, "entry", text)
    if program.condition is not None and program.condition == program.exit_when:
        text = "whoever may enter leaves at once: exit_when is the same condition as if"
        yield Finding("error", "nobody_stays", None, "exit_when", text)
    for root, field in ((program.condition, "if"), (program.exit_when, "exit_when")):
        if root is not None and never(root):
            text = "it can't be true: it contradicts itself"
            yield Finding("error" if field == "if" else "warning", "never_true", None, field, text)


def _unreached(program: Program) -> Iterator[Finding]:
    there = reached(program)
    for step in program.steps.values():
        inside = step.inside is not None and step.inside not in there
        if step.id not in there and not inside:
            text = f"nobody comes to the step {step.id}: no way leads there"
            yield Finding("warning", "unreached", step.id, step.field, text)


def _loops(program: Program) -> Iterator[Finding]:
    for step, way in rounds(program):
        most = step.spec.get("most", 10)
        sends = [id_ for id_ in way if program.steps[id_].kind.name == "send"]
        if len(way) * most > MOST_AT_ONCE:
            text = (
                f"it goes round {most} times without a wait ({' → '.join(way)}), and a run is "
                f"stopped after {MOST_AT_ONCE} steps at once; put a wait between, or lower most"
            )
            yield _of(step, "error", "loop", text)
        elif sends:
            text = f"{sends[0]} is sent up to {most + 1} times at once: no wait is between"
            yield _of(step, "warning", "sends_at_once", text)


def _waits(program: Program) -> Iterator[Finding]:
    for step in program.steps.values():
        if step.kind.name == "wait_until" and not step.spec.get("timeout"):
            text = "without a timeout people wait here for ever if it never comes"
            yield _of(step, "warning", "no_timeout", text)


def _branches(program: Program) -> Iterator[Finding]:
    for step in program.steps.values():
        if step.kind.name != "branch":
            continue
        before_: list[Any] = []
        for at, (_, root) in enumerate(step.args):
            field = f"ways[{at}].when"
            if root is not None and root in before_:
                text = "nobody takes this way: an earlier one has the same condition"
                yield _of(step, "warning", "never_taken", text, field)
            elif root is not None and never(root):
                text = "nobody takes this way: its condition contradicts itself"
                yield _of(step, "warning", "never_true", text, field)
            before_.append(root)


def _paths(program: Program, body: Mapping[str, Any]) -> Iterator[Finding]:
    """``event.…`` and ``journey.…`` that conditions ask for, and that are never there."""
    earlier = before(program)
    by_field = sorted(program.steps.values(), key=lambda step: len(step.field), reverse=True)
    for place in places(body):
        if place.role in NAMES or place.role == WHERE:
            continue
        try:
            parsed = parse_text(place.text)
        except ConditionError:
            continue  # told as a fault
        step = next((step for step in by_field if place.field.startswith(step.field)), None)
        for node in walk(parsed.root):
            if isinstance(node, Path):
                text = _never_there(program, node.parts, step, earlier)
                if text:
                    id_ = step.id if step is not None else None
                    where = parsed.place(node)
                    yield Finding("warning", "never_there", id_, place.field, text, *where)


def _never_there(
    program: Program, parts: tuple[str, ...], step: Step | None, earlier: Mapping[str, set[str]]
) -> str | None:
    name = ".".join(parts)
    if parts[0] == "event":
        if program.trigger.kind not in WITH_EVENT:
            return f"{name}: no event begins this journey"
        if len(parts) > 1 and parts[1] not in KEPT:
            kept = f"{name}: a run keeps of its event only {', '.join(KEPT)}"
            if parts[1] in MESSAGE_KEYS:
                return kept
            return f"{kept}. Write {path_text(('event', 'properties', *parts[1:]))}."
    if parts[0] != "journey" or len(parts) < 2 or step is None:
        return None
    if parts[1] in _variables(program, earlier[step.id]):
        return None
    return f"{name}: no step before this one sets it"


def _variables(program: Program, steps: set[str]) -> set[str]:
    """The variables that some steps set."""
    found = {"id", "key"}
    for id_ in steps:
        spec = program.steps[id_].spec
        if program.steps[id_].kind.name == "set":
            found |= set(spec["variables"])
        elif spec.get("save_as"):
            found.add(spec["save_as"])
    return found


def _sends(program: Program, templates: Templates) -> Iterator[Finding]:
    earlier = before(program)
    for step in program.steps.values():
        if step.kind.name != "send":
            continue
        several = step.spec.get("first_of") or []
        for key in several or [step.spec["template"]]:
            sent = templates(key)
            if sent is None:
                continue
            which = key if len(several) > 1 else "the message"
            if sent.channel in _ASKED and not (step.spec.get("topic") or sent.topic):
                text = f"{which} has no topic: people can only leave all messages, not this kind"
                yield _of(step, "warning", "no_topic", text)
            for name in sent.needs:
                why = _lacking(program, name, step, earlier[step.id])
                if why:
                    yield _of(step, "error", "no_variable", f"{key} says {{{{ {name} }}}}: {why}")


def _lacking(program: Program, name: str, step: Step, earlier: set[str]) -> str | None:
    """Why a template's variable has no value here for anybody; None if it may have one."""
    parts = name.replace("[]", "").split(".")
    if parts[0] == "trigger" and len(parts) > 1 and parts[1] in (step.spec.get("data") or {}):
        return None
    if parts[0] in ("event", "trigger") and program.trigger.kind not in WITH_EVENT:
        return "no event begins this journey, so that it has no value"
    if parts[0] != "journey" or len(parts) < 2 or parts[1] in _variables(program, earlier):
        return None
    return "no step before this one sets it"
