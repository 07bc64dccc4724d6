"""What is wrong with a journey, and what looks wrong: faults, what it refers to, its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from cdp.definitions import KINDS, Body, DefinitionError, Fault, Id, check
from cdp.definitions.journey import program_of
from cdp.definitions.space import Space
from cdp.delivery.journeys.there import KIND
from cdp.journeys import JourneyError, Program
from cdp.journeys.lint import Finding, Sent, lint
from cdp.messaging.templates import TemplateError
from cdp.store.defined import defining
from cdp.store.journeys import launched as journeys
from cdp.store.messages import coverage

#: People that are looked at for the shares of a variable.
_MOST = 20_000


def findings(tx: Connection, key: str, given: Body, *, people: bool = True) -> list[Finding]:
    """All findings about a body, errors first; with ``people`` also who lacks what is said."""
    bodies = defining.bodies(defining.load(tx))
    try:
        draft = KINDS[KIND].read(key, given)
    except DefinitionError as error:
        return [_of_fault("error", fault, None) for fault in error.faults]
    found = check(bodies, {(KIND, key): draft}, defining.look(tx))[KIND, key]
    try:
        program = program_of(key, draft.body, 0, Space(bodies).made_of())
    except JourneyError as wrong:
        return [_of_fault("error", Fault(*one), None) for one in wrong.wrong]
    told = [_of_fault("error", fault, program) for fault in found.errors]
    linted = lint(program, draft.body, _Templates(bodies))
    told += [item for item in linted if item.level == "error"]
    told += [_of_fault("warning", fault, program) for fault in found.warnings]
    told += [item for item in linted if item.level != "error"]
    told += _calls(tx, key, program)
    if people:
        told += _lacking(tx, program, _Templates(bodies))
    return told


def of_steps(key: str, body: Body, bodies: Mapping[Id, Body]) -> list[Finding]:
    """What looks wrong about the way through a body, which stands among ``bodies``.

    Nothing of one that can't be read.
    """
    try:
        program = program_of(key, body, 0, Space(bodies).made_of())
    except JourneyError:
        return []
    return lint(program, body)


def stops(program: Program, body: Body) -> list[Finding]:
    """What keeps a journey from being launched that can be read otherwise."""
    codes = ("loop", "nobody_enters", "nobody_stays")
    return [item for item in lint(program, body) if item.code in codes]


def _of_fault(level: str, fault: Fault, program: Program | None) -> Finding:
    step = None
    if program is not None:
        around = [s for s in program.steps.values() if fault.field.startswith(s.field)]
        step = max(around, key=lambda s: len(s.field)).id if around else None
    return Finding(level, "said", step, fault.field, fault.text, fault.line, fault.column)


class _Templates:
    """Templates as lint asks for them."""

    def __init__(self, bodies: Mapping[Id, Body]) -> None:
        self._bodies = bodies
        self._found: dict[str, Sent | None] = {}

    def __call__(self, key: str) -> Sent | None:
        if key not in self._found:
            body = self._bodies.get(("template", key))
            self._found[key] = self._sent(body) if body is not None else None
        return self._found[key]

    def _sent(self, body: Body) -> Sent:
        from cdp.messaging.templates.variables import variables

        needs: tuple[str, ...] = ()
        if body.get("missing", "fail") == "fail":
            try:
                some = variables(body, self._of("layout"), self._of("snippet"))
            except TemplateError:
                some = []  # the template's own check tells of it
            needs = tuple(item.name for item in some if item.needed)
        return Sent(body["channel"], body.get("topic"), needs)

    def _of(self, kind: str) -> dict[str, Body]:
        return {key: body for (of, key), body in self._bodies.items() if of == kind}


def _calls(tx: Connection, key: str, program: Program) -> Iterator[Finding]:
    """Journeys that are called and that nobody can enter as things are."""
    for step in program.steps.values():
        called = step.spec["journey"] if step.kind.name == "call" else key
        row = journeys.row(tx, called) if called != key else None
        if called != key and (row is None or row.state != journeys.LIVE):
            state = row.state if row is not None else "not launched"
            text = f"the journey {called} is {state}: this starts nothing until it is live"
            yield Finding("warning", "not_live", step.id, f"{step.field}.call.journey", text)


def _lacking(tx: Connection, program: Program, templates: _Templates) -> Iterator[Finding]:
    """Of how many people a trait is not known that a message can't do without."""
    said: list[tuple[Any, str, str]] = []
    for step in program.steps.values():
        if step.kind.name != "send":
            continue
        several = step.spec.get("first_of") or []
        for key in several or [step.spec["template"]]:
            sent = templates(key)
            which = key if len(several) > 1 else "the message"
            for name in sent.needs if sent is not None else ():
                if name.startswith("customer.") and "[]" not in name:
                    said.append((step, which, name))
    if not said:
        return
    paths = {name: tuple(name.split(".")[1:]) for _, _, name in said}
    known = coverage.coverage(tx, set(paths.values()), None, _MOST)
    for step, which, name in said:
        share = known.shares[paths[name]]
        if known.of and share.share < 1:
            text = f"{1 - share.share:.0%} of people have no {name}, without which {which} fails"
            field = f"{step.field}.send"
            yield Finding("warning", "people_lack", step.id, field, text)
