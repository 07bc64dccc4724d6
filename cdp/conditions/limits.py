"""How large a condition may be. All of them are refused with a text, never cut."""

from __future__ import annotations

#: Characters of the text form.
MAX_CHARS = 20_000
#: Of a destination's filter (Segment: 5 KB).
MAX_FILTER_CHARS = 5_000
#: How deep parentheses, lists and functions may nest.
MAX_DEPTH = 32
#: Parts of one condition, all counted.
MAX_NODES = 5_000
#: Characters of a regular expression, and of a `match` pattern.
MAX_PATTERN_CHARS = 1_000
#: Digits of a number.
MAX_DIGITS = 40
