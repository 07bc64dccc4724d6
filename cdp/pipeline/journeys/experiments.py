"""What is decided about experiments by their own rules: a winner, a variant that must stop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from cdp.journeys import Program, Step
from cdp.journeys.limits import WORDS
from cdp.journeys.steps import fields as own
from cdp.journeys.verdict import best, figures, over, verdict
from cdp.pipeline.journeys.counting import Counts
from cdp.pipeline.journeys.deciding import ITSELF, decide
from cdp.store.audiences import timers
from cdp.store.journeys import decisions as journey_decisions
from cdp.store.journeys import launched as journeys
from cdp.store.journeys import trials
from cdp.store.journeys.decisions import GUARDED, UNDECIDED, WINNER
from cdp.store.journeys.launched import JourneyRow
from cdp.store.journeys.report import Way

HOUR_MS = 3_600_000
#: How often guardrails are looked at. Counting very many takes time: then it is less often.
GUARD_MS, MANY = 900_000, 50_000


def kinds(program: Program) -> list[int]:
    """The timers that a journey's experiments need."""
    needed = (("guardrails", timers.GUARD), ("winner", timers.WINNER))
    return [kind for name, kind in needed if any(_with(program, name))]


def _with(program: Program, name: str) -> Iterable[Step]:
    steps = program.steps.values()
    return [s for s in steps if s.kind.name == "experiment" and s.spec.get(name)]


# A winner.


def judge(
    tx: Connection, row: JourneyRow, program: Program, clock: int, counts: Counts
) -> tuple[bool, int | None]:
    """Decide for winners whose time has come; when to look again."""
    again: list[int] = []
    due: list[tuple[Step, int | None]] = []
    for step in _with(program, "winner"):
        rule: Mapping[str, Any] = step.spec["winner"]
        if step.id in row.winners or _is_over(tx, row, step):
            continue
        first, wait = row.launched_at + own.ms(rule["after"]), own.ms(rule["after"]) // 4
        if clock < first:
            again.append(first)
            continue
        last = row.launched_at + own.ms(rule["until"]) if rule.get("until") else None
        due.append((step, last))
        if last is None or clock < last:
            later = clock + max(wait, HOUR_MS)
            again.append(later if last is None else min(later, last))
    if not due:
        return False, min(again, default=None)
    found = counts.of(timers.WINNER, row, [(step, None) for step, _ in due])
    if found is None:
        return False, clock
    decided = False
    for (step, last), ways in zip(due, found, strict=True):
        over = last is not None and clock >= last
        decided |= _judge(tx, row, step, _open(row, step, ways), clock, over)
    return decided, min(again, default=None)


def _is_over(tx: Connection, row: JourneyRow, step: Step) -> bool:
    """Whether the rule has had its say since the launch, or somebody has decided by hand."""
    found = journey_decisions.of(tx, row.id, step=step.id)
    return any(
        one.at >= row.launched_at and (one.kind == WINNER or one.figures.get("last"))
        for one in found
    )


def _judge(
    tx: Connection, row: JourneyRow, step: Step, ways: Sequence[Way], clock: int, last: bool
) -> bool:
    rule: Mapping[str, Any] = step.spec["winner"]
    if len(ways) == 1:
        text = f"{ways[0].exit} is the only variant that is left"
        return _crown(tx, row, step, ways[0].exit, text, ways, rule, clock)
    found = verdict(ways, rule["least"], rule["confidence"])
    if found.winner is not None:
        return _crown(tx, row, step, found.winner, found.text, ways, rule, clock)
    if last and rule["otherwise"] != "go_on":
        taken = best(ways).exit if rule["otherwise"] == "best" else ways[0].exit
        text = f"{found.text}; {taken} is taken, the {rule['otherwise']}, as its rule says"
        return _crown(tx, row, step, taken, text, ways, rule, clock)
    told = {one.kind for one in journey_decisions.of(tx, row.id, step=step.id)
            if one.at >= row.launched_at}  # fmt: skip
    if last or (found.enough and UNDECIDED not in told):
        text = f"{found.text}; people go on by lot"
        said = _figures(step, ways, rule["confidence"]) | {"last": last}
        decide(tx, row, clock, UNDECIDED, text, said, step=step.id)
    return False


def _crown(
    tx: Connection, row: JourneyRow, step: Step, variant: str, text: str, ways: Sequence[Way],
    rule: Mapping[str, Any], clock: int,
) -> bool:  # fmt: skip
    said = _figures(step, ways, rule["confidence"])
    _put(tx, row, clock, ITSELF, winners={**_now(tx, row).winners, step.id: variant})
    decide(tx, row, clock, WINNER, text, said, step=step.id, variant=variant)
    return True


def picked(
    tx: Connection, row: JourneyRow, program: Program | None, clock: int, counts: Counts
) -> tuple[bool, int | None]:
    """Do what somebody decided by hand, with its figures; when to look again."""
    order = journeys.next_counting(tx, row.id)
    if order is None:
        return False, None
    name, variant = order.args["step"], order.args["variant"]
    step = program.steps.get(name) if program is not None else None
    error = None
    if step is None or step.kind.name != "experiment":
        error = f"there is no experiment {name} any more"
    elif variant is not None and variant not in step.exits:
        error = f"the experiment {name} has no variant {variant} any more"
    else:
        found = counts.of(timers.PICKED, row, [(step, None)])
        if found is None:
            return False, clock
        reason = order.args.get("reason") or "decided by hand"
        _pick(tx, row, step, variant, order.author, reason, found[0], clock)
    journeys.end_order(tx, order, clock, error)
    return error is None, clock  # there may be another


def _pick(
    tx: Connection, row: JourneyRow, step: Step, variant: str | None, author: str, reason: str,
    ways: Sequence[Way], clock: int,
) -> None:  # fmt: skip
    """Somebody decides for a variant; None: by lot again, those that were stopped as well."""
    winners = {name: won for name, won in row.winners.items() if name != step.id}
    closed = dict(row.closed)
    if variant is not None:
        winners[step.id] = variant
        left = [name for name in closed.get(step.id, []) if name != variant]
        closed[step.id] = left
    else:
        closed.pop(step.id, None)
    closed = {name: some for name, some in closed.items() if some}
    _put(tx, row, clock, author, winners=winners, closed=closed)
    said = _figures(step, ways, 95.0)
    decide(tx, row, clock, WINNER, reason, said, step=step.id, variant=variant, author=author)


# Guardrails.


def guard(
    tx: Connection, row: JourneyRow, program: Program, clock: int, counts: Counts
) -> tuple[bool, int | None]:
    """Stop variants that do harm; when to look again."""
    wanted = [
        (step, rule) for step in _with(program, "guardrails") for rule in step.spec["guardrails"]
    ]
    found = counts.of(timers.GUARD, row, wanted)
    if found is None:
        return False, clock
    decided, shown = False, 0
    for (step, rule), counted in zip(wanted, found, strict=True):
        shown = max(shown, sum(way.runs for way in counted))
        for way in counted:
            if over(rule, way.converted, way.runs):
                decided |= _close(tx, _now(tx, row), step, way, rule, counted, clock)
    return decided, clock + GUARD_MS * (1 + shown // MANY)


def _close(
    tx: Connection, row: JourneyRow, step: Step, way: Way, rule: Mapping[str, Any],
    counted: Sequence[Way], clock: int,
) -> bool:  # fmt: skip
    closed = row.closed.get(step.id, [])
    if way.exit in closed:
        return False
    did = rule["event"] if rule.get("event") else f"messages that {WORDS[rule['messages']]}"
    text = (
        f"{did}: {way.converted:,} of {way.runs:,} ({way.converted / way.runs:.2%}) in {way.exit}"
    )
    text = f"{text}; the limit is {rule['most']:g} %"
    said = {"guardrail": dict(rule), "variants": [
        {"name": one.exit, "of": one.runs, "n": one.converted} for one in counted
    ]}  # fmt: skip
    names = [one["name"] for one in step.spec["variants"]]
    if all(name in closed or name == way.exit for name in names):
        earlier = journey_decisions.of(tx, row.id, step=step.id, kind=GUARDED)
        if not any(one.variant == way.exit for one in earlier):
            text = f"{text}; it goes on, for no other variant is left"
            decide(tx, row, clock, GUARDED, text, said, step=step.id, variant=way.exit)
        return False
    winners = {name: won for name, won in row.winners.items()
               if (name, won) != (step.id, way.exit)}  # fmt: skip
    stopped = {**row.closed, step.id: [*closed, way.exit]}
    _put(tx, row, clock, ITSELF, winners=winners, closed=stopped)
    decide(tx, row, clock, GUARDED, text, said, step=step.id, variant=way.exit)
    return True


def _open(row: JourneyRow, step: Step, ways: Sequence[Way]) -> list[Way]:
    closed = row.closed.get(step.id, [])
    return [way for way in ways if way.exit not in closed]


def _now(tx: Connection, row: JourneyRow) -> JourneyRow:
    return journeys.row(tx, row.key) or row


def _put(tx: Connection, row: JourneyRow, clock: int, author: str, **values: Any) -> None:
    journeys.change(tx, row.key, author, clock, **values)


def _figures(step: Step, ways: Sequence[Way], confidence: float) -> dict[str, Any]:
    goal = trials.own_goal(step.spec)
    return {
        "goal": goal["event"] if goal is not None else "the journey's",
        "confidence": confidence,
        "variants": figures(ways, confidence),
    }
