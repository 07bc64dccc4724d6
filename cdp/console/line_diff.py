"""Two values side by side, line by line, for what is too long to be read in one."""

from __future__ import annotations

import json
from difflib import unified_diff
from typing import Any, NamedTuple

#: Shorter ones are shown whole; longer ones (lines) are not compared, and no more are shown.
_SHORT, _LONG, _SHOWN = 120, 3000, 200


class Line(NamedTuple):
    """A line: ``kind`` is del, ins, same, or gap for what is left out between."""

    kind: str
    text: str


def line_diff(before: Any, after: Any) -> list[Line]:
    """What differs between two long values; empty where they are short, or one is not there."""
    if before is None or after is None:
        return []
    old, new = _lines(before), _lines(after)
    if max(map(len, (*old, *new)), default=0) <= _SHORT and len(old) < 2 and len(new) < 2:
        return []
    if len(old) + len(new) > _LONG:
        return []
    kinds = {"-": "del", "+": "ins", " ": "same", "@": "gap"}
    found = [
        Line(kinds[line[0]], "…" if line[0] == "@" else line[1:])
        for line in list(unified_diff(old, new, lineterm="", n=1))[2:]
    ]
    if found and found[0].kind == "gap":
        found.pop(0)
    return found if len(found) <= _SHOWN else [*found[:_SHOWN], Line("gap", "…")]


def _lines(value: Any) -> list[str]:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return text.split("\n")
