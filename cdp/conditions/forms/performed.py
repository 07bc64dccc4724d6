"""``performed("X")``, and ``performed("X") within 3d after "Y"``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdp.conditions.ast import EventRef, Followed, Performed
from cdp.conditions.durations import duration_in_words, format_duration
from cdp.conditions.forms.base import Form, Write
from cdp.conditions.forms.windows import (
    parse_event,
    parse_name,
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


def _parse(parser: Parser, name: str) -> Performed | Followed:
    event, window = parse_event(parser), parse_window(parser)
    parser.expect_op(")")
    if window is not None or not parser.is_word("within"):
        return Performed(event, window)
    parser.next()
    ms = parser.expect("duration", "a duration such as 3d")
    parser.expect_word("after")
    if parser.is_op("("):
        parser.next()
        after, window = parse_event(parser), parse_window(parser)
        parser.expect_op(")")
        return Followed(event, ms, after, window)
    if parser.peek.kind != "string":
        raise parser.unexpected('an event in quotes, or ("Event" where …)')
    return Followed(event, ms, parse_event_name(parser))


def parse_event_name(parser: Parser) -> EventRef:
    """An event without conditions: those need parentheses here."""
    return EventRef(parse_name(parser, "an event in quotes"))


def _write(node: Performed, write: Write) -> str:
    return f"performed({write_event(node.event, write)}{write_window(node.window, write)})"


def _write_followed(node: Followed, write: Write) -> str:
    after = write_event(node.after, write) + write_window(node.window, write)
    if node.window is not None or node.after.where is not None:
        after = f"({after})"
    text = f"performed({write_event(node.event, write)})"
    text = f"{text} within {format_duration(node.ms)} after {after}"
    return f"not {text}" if node.negated else text


def _say(node: Performed, say: Write) -> str:
    return f"did {say_event(node.event, say)}{say_window(node.window, say)}"


def _say_followed(node: Followed, say: Write) -> str:
    after = say_event(node.after, say) + say_window(node.window, say)
    verb = "did not do" if node.negated else "did"
    event = say_event(node.event, say)
    return f"{verb} {event} within {duration_in_words(node.ms)} after {after}"


def _evaluate(node: Performed, person: Evaluator) -> bool:
    return bool(person.events(node.event, node.window))


def _evaluate_followed(node: Followed, person: Evaluator) -> bool:
    events = person.events(node.event, None)
    for start in person.events(node.after, node.window):
        followed = any(event.at > start.at and event.t - start.t <= node.ms for event in events)
        if node.negated:
            if not followed and person.now >= start.t + node.ms:
                return True
        elif followed:
            return True
    return False


_VISIT = {
    "events": [
        {"t": "2026-01-01T10:00:00Z", "name": "Checkout Started"},
        {"t": "2026-01-09T10:00:00Z", "name": "Order Completed"},
    ],
    "now": "2026-01-10",
}
PERFORMED = Form(
    ("performed",),
    Performed,
    'performed("Event" where … window)',
    "Whether the person has such an event. `not performed(…)`: has none.",
    "yes or no",
    (
        Example('performed("Order Completed" within 7d)', _VISIT),
        Example('not performed("Order Completed" within 12h)', _VISIT),
    ),
    _parse, _write, _say, _evaluate,
)  # fmt: skip
FOLLOWED = Form(
    (),
    Followed,
    'performed("Event" where …) within 3d after ("Other" where … window)',
    "Whether some “Other” was followed by an “Event” in time. With `not` before it: whether "
    "some “Other” was not, which shows when the time is over. The parentheses around the second "
    "event may be left out if it is only a name.",
    "yes or no",
    (
        Example('performed("Order Completed") within 14d after "Checkout Started"', _VISIT),
        Example('not performed("Order Completed") within 3d after "Checkout Started"', _VISIT),
    ),
    _parse, _write_followed, _say_followed, _evaluate_followed,
)  # fmt: skip
