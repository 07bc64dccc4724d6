"""Windows of time, events by name, and points in time: what several forms share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdp.conditions.ast import Between, EventRef, Instant, Relative, Since, StartOf, Window, Within
from cdp.conditions.durations import duration_in_words, format_duration
from cdp.conditions.forms.base import Write
from cdp.conditions.spelling import quoted
from cdp.events import format_time

if TYPE_CHECKING:
    from cdp.conditions.parser import Parser


def parse_window(parser: Parser) -> Window | None:
    """``within 30d``, ``between 60d and 30d ago``, ``since 2026-01-01``, or nothing."""
    if parser.accept_word("within"):
        return Within(_duration(parser))
    if parser.is_word("between"):
        token = parser.next()
        older = _duration(parser)
        parser.expect_word("and")
        newer = _duration(parser)
        parser.expect_word("ago")
        if older <= newer:
            raise parser.source.error(
                token.at, "a window that ends before it begins",
                f"between {format_duration(newer)} and {format_duration(older)} ago"
                if older < newer else "two different times",
            )  # fmt: skip
        return Between(older, newer)
    if parser.accept_word("since"):
        token = parser.peek
        found = parser.operand()
        if not isinstance(found, Instant | Relative | StartOf):
            raise parser.source.error(
                token.at, "since needs a time", '2026-01-31, 30d ago or start_of("month")'
            )
        return Since(found)
    return None


def _duration(parser: Parser) -> int:
    ms: int = parser.expect("duration", "a duration such as 30d")
    return ms


def parse_name(parser: Parser, wanted: str) -> str:
    """The name of an event, which is never empty."""
    token = parser.peek
    name: str = parser.expect("string", wanted)
    if not name:
        raise parser.source.error(token.at, "an event has a name", wanted)
    return name


def parse_event(parser: Parser) -> EventRef:
    """``"Order Completed" where …``."""
    token = parser.peek
    name = parse_name(parser, 'the name of an event in quotes, such as "Order Completed"')
    where = parser.expression() if parser.accept_word("where") else None
    return parser.put(EventRef(name, where), token)


def write_event(event: EventRef, write: Write) -> str:
    """The text of an event."""
    text = quoted(event.name)
    return text if event.where is None else f"{text} where {write(event.where)}"


def write_window(window: Window | None, write: Write) -> str:
    """The text of a window, with a blank before it; empty without one."""
    if window is None:
        return ""
    if isinstance(window, Within):
        return f" within {format_duration(window.ms)}"
    if isinstance(window, Between):
        return f" between {format_duration(window.older)} and {format_duration(window.newer)} ago"
    return f" since {write(window.start)}"


def say_event(event: EventRef, say: Write) -> str:
    """Prose of an event."""
    text = f"“{event.name}”"
    return text if event.where is None else f"{text} where {say(event.where)}"


def say_window(window: Window | None, say: Write) -> str:
    """Prose of a window, with a blank before it; empty without one."""
    if window is None:
        return ""
    if isinstance(window, Within):
        return f" in the last {duration_in_words(window.ms).removeprefix('1 ')}"
    if isinstance(window, Between):
        older, newer = duration_in_words(window.older), duration_in_words(window.newer)
        return f" between {older} and {newer} ago"
    return f" since {say(window.start)}"


def time_text(node: Any) -> str:
    """An absolute time: the day alone where it is midnight (UTC)."""
    return format_time(node.at).removesuffix("T00:00:00.000Z").replace(".000Z", "Z")
