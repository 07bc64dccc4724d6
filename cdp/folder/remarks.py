"""Comments and blank lines of a YAML text: taken off it, and put to the same places of another.

A place is a path of keys and positions. What stands above an entry, beside it or below all of
it belongs to it, wherever it goes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
ABOVE, BESIDE, BELOW = "above", "beside", "below"
#: What YAML takes for the end of a line.
_ENDS = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_HASH = re.compile(r"(?:^|(?<=[ \t]))#.*")
_KEEPS = re.compile(r"[|>]\d?\+")


class Remark(NamedTuple):
    """A comment, or an empty line (``text`` is empty); ``column`` is where it stood."""

    path: Path
    where: str
    text: str
    column: int


class Entry(NamedTuple):
    """A key of a mapping or an item of a list, and where it begins."""

    path: Path
    line: int
    column: int


class _Seen(NamedTuple):
    """A text by its lines, what begins where, and which parts of lines are of values."""

    lines: list[str]
    entries: list[Entry]
    covered: Mapping[int, list[tuple[int, int]]]

    def indent(self, line: int) -> int:
        """How far a line is indented."""
        return len(self.lines[line]) - len(self.lines[line].lstrip(" "))

    def first(self, line: int) -> Entry | None:
        """The outermost of what begins first on a line."""
        some = [entry for entry in self.entries if entry.line == line]
        return min(some, key=lambda entry: (entry.column, len(entry.path)), default=None)

    def comment(self, number: int) -> re.Match[str] | None:
        """The comment on a line."""
        for found in _HASH.finditer(self.lines[number]):
            at = found.start()
            if not any(first <= at < last for first, last in self.covered.get(number, ())):
                return found
        return None

    def empty(self, number: int) -> bool:
        """Whether nothing stands on a line, and it is no part of a text."""
        return not self.lines[number].strip() and number not in self.covered


def _seen(text: str) -> _Seen:
    from ruamel.yaml import YAML

    lines = _ENDS.split(text)
    entries: list[Entry] = []
    covered: dict[int, list[tuple[int, int]]] = defaultdict(list)
    known: set[int] = set()

    def walk(node: Any, path: Path) -> None:
        if id(node) in known:  # an alias
            return
        known.add(id(node))
        if isinstance(node.value, str):
            _cover(node, lines, covered)
            return
        for at, item in enumerate(node.value):
            key, value = item if isinstance(item, tuple) else (item, item)
            name = key.value if isinstance(item, tuple) else at
            here = (*path, name if isinstance(name, str | int) else str(at))
            entries.append(Entry(here, key.start_mark.line, key.start_mark.column))
            if key is not value:
                walk(key, here)
            walk(value, here)

    root = YAML(typ="safe", pure=True).compose(text)
    if root is not None:
        walk(root, ())
    entries.sort(key=lambda entry: (entry.line, entry.column, len(entry.path)))
    return _Seen(lines, entries, covered)


def _cover(node: Any, lines: Sequence[str], covered: dict[int, list[tuple[int, int]]]) -> None:
    start, end = node.start_mark, node.end_mark
    if node.style not in ("|", ">"):
        for number in range(start.line, end.line + 1):
            first = start.column if number == start.line else 0
            covered[number].append((first, end.column if number == end.line else 1 << 30))
        return
    last = min(end.line, len(lines))
    if not _KEEPS.match(lines[start.line][start.column :]):
        while last - 1 > start.line and not lines[last - 1].strip():
            last -= 1
    for number in range(start.line + 1, last):
        covered[number].append((0, 1 << 30))


def read(text: str) -> list[Remark]:
    """All comments and empty lines between entries, in order."""
    seen = _seen(text)
    found: list[Remark] = []
    waiting: list[tuple[int, str]] = []
    before: list[Entry] = []
    for number in range(len(seen.lines)):
        comment = seen.comment(number)
        if seen.empty(number):
            waiting.append((0, ""))
            continue
        if comment is not None and not seen.lines[number][: comment.start()].strip():
            waiting.append((comment.start(), comment[0].rstrip()))
            continue
        first = seen.first(number)
        if first is not None:
            found += _placed(seen, waiting, first, before)
            waiting = []
            before.append(first)
        if comment is not None and before:
            text_ = comment[0].rstrip()
            found.append(Remark((first or before[-1]).path, BESIDE, text_, comment.start()))
    while waiting and not waiting[-1][1]:
        waiting.pop()
    found += _placed(seen, waiting, None, before)
    return found


def _placed(
    seen: _Seen, waiting: list[tuple[int, str]], following: Entry | None, before: Sequence[Entry]
) -> Iterator[Remark]:
    """What stands between two entries: those further in than the next belong to what was before."""
    indent = seen.indent(following.line) if following is not None else -1
    inner = [at for at, (column, text) in enumerate(waiting) if text and column > indent]
    upto = inner[-1] + 1 if inner and before else 0
    for column, text in waiting[:upto]:
        owner = next((e for e in reversed(before) if seen.indent(e.line) <= column), before[-1]) \
            if text else None  # fmt: skip
        yield Remark((owner or before[-1]).path, BELOW, text, column)
    for column, text in waiting[upto:]:
        if following is not None:
            yield Remark(following.path, ABOVE, text, column)


def put(text: str, remarks: Sequence[Remark]) -> str:
    """The text with remarks at the entries that it has; those of others are left out."""
    if not remarks:
        return text
    seen = _seen(text)
    places = {entry.path: entry for entry in reversed(seen.entries)}
    above: dict[int, list[str]] = defaultdict(list)
    below: dict[int, list[str]] = defaultdict(list)
    beside: dict[int, Remark] = {}
    for remark in remarks:
        entry = places.get(remark.path)
        if entry is None:
            continue
        margin = " " * seen.indent(entry.line) if remark.text else ""
        if remark.where == ABOVE:
            above[entry.line].append(margin + remark.text)
        elif remark.where == BELOW:
            below[_after(seen, entry)].append(margin + remark.text)
        else:
            beside.setdefault(entry.line, remark)
    lines = []
    for number, line in enumerate(seen.lines):
        lines += below[number] + above[number]
        more = beside.get(number)
        if more is not None:
            line = f"{line}  {more.text}" if len(line) >= more.column else (
                line.ljust(more.column) + more.text
            )  # fmt: skip
        lines.append(line)
    return "\n".join(lines)


def _after(seen: _Seen, entry: Entry) -> int:
    """The line on which what follows all of an entry begins."""
    size = len(entry.path)
    for other in seen.entries:
        later = (other.line, other.column) > (entry.line, entry.column)
        if later and other.path[:size] != entry.path and other.line > entry.line:
            return other.line
    return len(seen.lines) - 1  # the last one is empty
