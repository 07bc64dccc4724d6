"""Values as people read them: times, numbers, ids, JSON. All of it escapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from markupsafe import Markup, escape

#: Containers nested deeper than this are shown as plain text.
MAX_DEPTH = 24
_pretty = msgspec.json.Encoder(decimal_format="number")


def moment(ms: int) -> datetime:
    """A time of the store as a datetime in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def iso(ms: int) -> str:
    """A time for machines, ``2026-01-31T12:00:00.000Z``."""
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ago(ms: int, now: int) -> str:
    """How long ago in the largest unit that fits: ``3 min ago``, ``in 2 h``."""
    seconds = abs(now - ms) // 1000
    if seconds < 5:
        return "now"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= size:
            text = f"{seconds // size} {unit}"
            break
    return f"{text} ago" if now >= ms else f"in {text}"


def when(ms: int | None, now: int) -> Markup:
    """A time relative to ``now``; the exact one on hover. A script keeps it current."""
    if ms is None:
        return Markup('<span class="muted">never</span>')
    full = f"{moment(ms):%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}" title="{}" class="nowrap">{}</time>').format(
        iso(ms), full, ago(ms, now)
    )


def clock(ms: int) -> str:
    """The time of day in UTC, ``12:03:44``."""
    return f"{moment(ms):%H:%M:%S}"


def day(ms: int) -> str:
    """The date in words, ``Tue 24 Nov 2026``."""
    return f"{moment(ms):%a %-d %b %Y}"


def short_day(ms: int, now: int) -> str:
    """The day and month, ``24 Nov``; with the year if it is another than that of ``now``."""
    at = moment(ms)
    return f"{at:%-d %b}" if at.year == moment(now).year else f"{at:%-d %b %Y}"


def number(value: float) -> str:
    """A number with commas between thousands: ``12,345``."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def percent(share: float) -> str:
    """A share of 0 to 1: ``12 %``; small ones are told from none, large ones from all."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0 < share < 0.1 or 0.99 < share < 1:
        return f"{min(share, 0.999):.1%}".replace("%", " %")
    return f"{share:.0%}".replace("%", " %")


def plural(n: int, word: str) -> str:
    """``1 event``, ``2 events``."""
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def sentence(text: str) -> str:
    """``text`` with a capital at its beginning, as a line of its own."""
    return text[:1].upper() + text[1:]


def short(text: str, size: int = 24) -> str:
    """A long id cut in the middle, where ids differ least."""
    if len(text) <= size:
        return text
    tail = (size - 1) // 3
    return f"{text[: size - 1 - tail]}…{text[-tail:]}"


def to_json(value: Any) -> str:
    """``value`` as indented JSON, for the copy button."""
    return msgspec.json.format(_pretty.encode(value), indent=2).decode()


def pretty(text: str) -> str:
    """A body that is JSON, indented; any other text as it is."""
    try:
        return msgspec.json.format(text, indent=2) if text[:1] in "{[" else text
    except msgspec.DecodeError:
        return text


def inline_json(value: Any, size: int = 120) -> str:
    """A value on one line: text without quotes, the rest as JSON, cut at ``size``."""
    text = value if isinstance(value, str) else _pretty.encode(value).decode()
    return text if len(text) <= size else text[: size - 1] + "…"


def json_tree(value: Any) -> Markup:
    """A foldable tree of a JSON value."""
    return Markup('<div class="json" tabindex="0">{}</div>').format(_node(value, Markup(), "", 0))


def _node(value: Any, label: Markup, comma: str, depth: int) -> Markup:
    if not isinstance(value, dict | list) or not value or depth >= MAX_DEPTH:
        return Markup('<div class="leaf">{}{}{}</div>').format(label, _leaf(value), comma)
    is_object = isinstance(value, dict)
    items = list(value.items()) if isinstance(value, dict) else [(None, v) for v in value]
    rest = f" {len(items)} {'keys' if is_object else 'items'} " + ("}" if is_object else "]")
    inner = Markup().join(
        _node(item, _label(key), "," if index < len(items) - 1 else "", depth + 1)
        for index, (key, item) in enumerate(items)
    )
    return Markup(
        '<details open><summary data-rest="{}">{}{}</summary>{}'
        '<div class="end">{}{}</div></details>'
    ).format(rest, label, "{" if is_object else "[", inner, "}" if is_object else "]", comma)


def _label(key: str | None) -> Markup:
    if key is None:
        return Markup()
    return Markup('<span class="k">{}</span>: ').format(_pretty.encode(key).decode())


def _leaf(value: Any) -> Markup:
    if isinstance(value, str):
        kind = "s"
    elif value is None or isinstance(value, bool):
        kind = "w"
    else:
        kind = "n" if isinstance(value, int | float) else "leaf"
    return Markup('<span class="{}">{}</span>').format(kind, escape(_pretty.encode(value).decode()))


def spark_path(points: list[int], width: int, height: int) -> str:
    """The line through ``points`` as an SVG path; the highest point nearly touches the top."""
    top = max(points, default=0) or 1
    step = width / max(len(points) - 1, 1)
    places = (
        f"{index * step:.1f} {height - 2 - n / top * (height - 6):.1f}"
        for index, n in enumerate(points)
    )
    return "M" + " L".join(places)
