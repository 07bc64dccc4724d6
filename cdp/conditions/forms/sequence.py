"""``sequence("A" then "B" within 2h)``: one event after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp.conditions.ast import Sequence, Step
from cdp.conditions.durations import duration_in_words, format_duration
from cdp.conditions.forms.base import Form, Write
from cdp.conditions.forms.windows import (
    parse_event,
    parse_window,
    say_event,
    say_window,
    write_event,
    write_window,
)
from cdp.conditions.functions.base import Example

if TYPE_CHECKING:
    from cdp.conditions.parser import Parser
    from cdp.conditions.person import Evaluator


def _parse(parser: Parser, name: str) -> Sequence:
    steps = [Step(parse_event(parser))]
    if not parser.is_word("then"):
        raise parser.unexpected("then")
    while parser.accept_word("then"):
        event, within = parse_event(parser), None
        if parser.accept_word("within"):
            within = parser.expect("duration", "a duration such as 2h")
        steps.append(Step(event, within))
    window = None
    if parser.is_op(","):
        parser.next()
        window = parse_window(parser)
        if window is None:
            raise parser.unexpected("within …, between … and … ago, or since …")
    parser.expect_op(")")
    return Sequence(tuple(steps), window)


def _write(node: Sequence, write: Write) -> str:
    steps = []
    for step in node.steps:
        within = "" if step.within is None else f" within {format_duration(step.within)}"
        steps.append(write_event(step.event, write) + within)
    window = write_window(node.window, write)
    return f"sequence({' then '.join(steps)}{',' if window else ''}{window})"


def _say(node: Sequence, say: Write) -> str:
    text = f"did {say_event(node.steps[0].event, say)}"
    for step in node.steps[1:]:
        text += f", then {say_event(step.event, say)}"
        if step.within is not None:
            text += f" within {duration_in_words(step.within)}"
    window = say_window(node.window, say)
    return f"{text}, all{window}" if window else text


def _evaluate(node: Sequence, person: Evaluator) -> bool:
    """Every chain of events is tried, step by step: all ends of the chains so far."""
    ends: list[tuple[int, int]] | None = None
    for step in node.steps:
        events = [(event.at, event.t) for event in person.events(step.event, node.window)]
        if ends is not None:
            events = [
                (at, t)
                for at, t in events
                if any(
                    at > before and (step.within is None or t - since <= step.within)
                    for before, since in ends
                )
            ]
        ends = events
    return bool(ends)


SEQUENCE = Form(
    ("sequence",),
    Sequence,
    'sequence("Event" where … then "Event" where … within 2h then …, window)',
    "Whether the person did all of these in this order, others between them or not. `within` says "
    "how soon a step follows the one before it; a window after the comma holds for all steps.",
    "yes or no",
    (
        Example(
            'sequence("Cart Viewed" then "Order Completed" within 2h)',
            {
                "events": [
                    {"t": "2026-01-01T10:00:00Z", "name": "Cart Viewed"},
                    {"t": "2026-01-01T11:30:00Z", "name": "Order Completed"},
                ],
                "now": "2026-01-02",
            },
        ),
    ),
    _parse, _write, _say, _evaluate,
)  # fmt: skip
