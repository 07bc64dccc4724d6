"""A journey's steps as a graph: which ways can be taken at all, what comes after what."""

from __future__ import annotations

from collections.abc import Iterator

from cdp.journeys.program import Program, Step
from cdp.journeys.run import NEXT


def waits(step: Step) -> bool:
    """Whether a run always stays here for a while."""
    saved = step.kind.name == "webhook" and (step.spec.get("save_as") or step.spec.get("on_error"))
    return step.kind.waits or bool(saved)


def ways(program: Program, step: Step) -> dict[str, str | None]:
    """The steps that can follow, by exit; None: the run ends there."""
    found = dict(step.exits)
    if _never_goes_on(step):
        found.pop(NEXT, None)
    if step.kind.name == "goto":
        found["goto"] = step.spec["step"]
    late = step.spec.get("late")
    if isinstance(late, dict) and late.get("then") == "skip":
        found["skip"] = program.target(step, "skip")
    return found


def _never_goes_on(step: Step) -> bool:
    """Whether one of the named ways is always taken."""
    name, spec = step.kind.name, step.spec
    if name == "branch":
        return any("else" in way for way in spec["ways"])
    if name in ("split", "experiment"):
        return True
    return name == "wait_until" and bool(spec.get("any") or spec.get("then"))


def reached(program: Program, first: str | None = None) -> set[str]:
    """The steps that a run can come to, from its beginning or from a step."""
    seen: set[str] = set()
    stack = [program.first if first is None else first]
    while stack:
        id_ = stack.pop()
        if id_ is not None and id_ not in seen and id_ in program.steps:
            seen.add(id_)
            stack += ways(program, program.steps[id_]).values()
    return seen


def rounds(program: Program) -> Iterator[tuple[Step, list[str]]]:
    """Each goto that leads back to itself without a wait, with the steps on the way round."""
    for step in program.steps.values():
        if step.kind.name != "goto":
            continue
        came: dict[str, str | None] = {}
        stack: list[tuple[str | None, str | None]] = [(step.spec["step"], None)]
        while stack:
            id_, before = stack.pop()
            if id_ is None or id_ in came or id_ not in program.steps:
                continue
            came[id_] = before
            at = program.steps[id_]
            if id_ != step.id and not waits(at):
                stack += [(following, id_) for following in ways(program, at).values()]
        if step.id in came:
            way, at_ = [step.id], came[step.id]
            while at_ is not None:
                way.insert(0, at_)
                at_ = came[at_]
            yield step, way


def before(program: Program) -> dict[str, set[str]]:
    """For each step, the steps that a run may have been at before it."""
    found: dict[str, set[str]] = {id_: set() for id_ in program.steps}
    for id_, step in program.steps.items():
        for following in ways(program, step).values():
            if following is not None and following in found:
                for later in reached(program, following):
                    found[later].add(id_)
    return found
