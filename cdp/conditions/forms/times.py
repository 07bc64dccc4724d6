"""``now()`` and ``start_of("month", "Europe/Paris")``: points in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cdp.conditions.ast import Relative, StartOf, Unit
from cdp.conditions.durations import duration_in_words, format_duration
from cdp.conditions.errors import did_you_mean
from cdp.conditions.forms.base import Form, Write
from cdp.conditions.functions.base import Example
from cdp.conditions.values import Time

if TYPE_CHECKING:
    from cdp.conditions.parser import Parser
    from cdp.conditions.person import Evaluator

UNITS: tuple[str, ...] = get_args(Unit)
#: All zones' hours begin at a quarter of UTC's, and so do changes of their clocks.
QUARTER = 900_000


def _parse_now(parser: Parser, name: str) -> Relative:
    parser.expect_op(")")
    return Relative(0)


def _write_relative(node: Relative, write: Write) -> str:
    if node.offset == 0:
        return "now()"
    text = format_duration(abs(node.offset))
    return f"{text} ago" if node.offset < 0 else f"{text} from now"


def _say_relative(node: Relative, say: Write) -> str:
    if node.offset == 0:
        return "now"
    text = duration_in_words(abs(node.offset))
    return f"{text} ago" if node.offset < 0 else f"{text} from now"


def _parse_start(parser: Parser, name: str) -> StartOf:
    token = parser.peek
    unit: Any = parser.expect("string", f"one of {', '.join(UNITS)} in quotes")
    if unit not in UNITS:
        raise parser.source.error(
            token.at, f"there is no start of {unit!r}", f"one of {', '.join(UNITS)}",
            did_you_mean(unit, UNITS),
        )  # fmt: skip
    zone = "UTC"
    if parser.is_op(","):
        parser.next()
        token = parser.peek
        zone = parser.expect("string", "a time zone in quotes")
        if zone != "person" and zone_called(zone) is None:
            raise parser.source.error(
                token.at, f"there is no time zone {zone!r}", '"Europe/Paris", "UTC" or "person"'
            )
    parser.expect_op(")")
    return StartOf(unit, zone)


def _write_start(node: StartOf, write: Write) -> str:
    zone = "" if node.zone == "UTC" else f', "{node.zone}"'
    return f'start_of("{node.unit}"{zone})'


def _say_start(node: StartOf, say: Write) -> str:
    zone = {"UTC": "", "person": " where the person is"}.get(node.zone, f" in {node.zone}")
    article = "today" if node.unit == "day" else f"this {node.unit}"
    return f"the start of {article}{zone}"


def zone_called(name: Any) -> ZoneInfo | None:
    """The time zone of a name, if there is one."""
    if not isinstance(name, str):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def start_of(unit: str, zone: ZoneInfo | None, now: int) -> int:
    """When the running unit began, by the clocks of the zone, in ms since 1970."""
    if unit == "hour":
        return _start_of_hour(zone or UTC, now)
    here = datetime.fromtimestamp(now // 1000, UTC).astimezone(zone or UTC)
    begin = here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "week":
        begin -= timedelta(days=begin.weekday())
    elif unit == "month":
        begin = begin.replace(day=1)
    elif unit == "quarter":
        begin = begin.replace(month=(begin.month - 1) // 3 * 3 + 1, day=1)
    elif unit == "year":
        begin = begin.replace(month=1, day=1)
    return int(begin.timestamp()) * 1000


def _start_of_hour(zone: tzinfo, now: int) -> int:
    """When the clock last came to this hour, by going on or by being changed."""
    begin = now - now % QUARTER
    here = datetime.fromtimestamp(begin // 1000, zone)
    while here.minute:
        before = datetime.fromtimestamp((begin - QUARTER) // 1000, zone)
        if before.hour != here.hour:
            break
        begin, here = begin - QUARTER, before
    return begin


def _evaluate_relative(node: Relative, person: Evaluator) -> Time:
    return Time(person.now + node.offset)


def _evaluate_start(node: StartOf, person: Evaluator) -> Time:
    zone = person.zone() if node.zone == "person" else zone_called(node.zone)
    return Time(start_of(node.unit, zone, person.now))


NOW = Form(
    ("now",),
    Relative,
    "now(), 30d ago, 3d from now",
    "A time as seen from now. What is compared with a time is read as one: ISO 8601, or a number "
    "of seconds or milliseconds since 1970. It is one side of a comparison, or begins a window.",
    "time",
    (
        Example(
            "traits.trial_ends > now() and traits.trial_ends < 3d from now",
            {"traits": {"trial_ends": [["2026-01-01", "2026-02-02"]]}, "now": "2026-01-31"},
        ),
    ),
    _parse_now, _write_relative, _say_relative, _evaluate_relative,
)  # fmt: skip
START_OF = Form(
    ("start_of",),
    StartOf,
    "start_of(unit, zone)",
    f"When the running {', '.join(UNITS[:-1])} or {UNITS[-1]} began (weeks on Monday), in a time "
    'zone: UTC if none is said, `"person"` for the one in the trait `timezone` (UTC for people '
    "without one that there is).",
    "time",
    (
        Example(
            'count("Order Completed" since start_of("month", "Europe/Paris")) = 1',
            {
                "events": [
                    {"t": "2025-12-31T22:30:00Z", "name": "Order Completed"},
                    {"t": "2025-12-31T23:30:00Z", "name": "Order Completed"},
                ],
                "now": "2026-01-31",
            },
        ),
    ),
    _parse_start, _write_start, _say_start, _evaluate_start,
)  # fmt: skip
