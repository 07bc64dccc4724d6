"""``match`` patterns: ``*`` any text, ``?`` one character, ``[a-z]`` ``[^a]``, ``\\x``.

Patterns cover the whole text, case counts, and ``*`` crosses every character. Texts and
stars become string methods; the rest goes to re2, which never backtracks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import re2

from cdp.conditions.limits import MAX_PATTERN_CHARS

Matcher = Callable[[str], bool]


class BadPattern(ValueError):
    """A pattern that no text matches; the text says what is wrong with it."""


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Matcher:
    """A function that says whether a text matches; a bad pattern matches nothing."""
    try:
        return _matcher(pattern)
    except BadPattern:
        return lambda text: False


def check(pattern: str) -> None:
    """`BadPattern` if no text could ever match."""
    _matcher(pattern)


def _matcher(pattern: str) -> Matcher:
    if len(pattern) > MAX_PATTERN_CHARS:
        raise BadPattern(f"a pattern of more than {MAX_PATTERN_CHARS:,} characters")
    parts = _parts(pattern)
    if all(part == "*" or part.startswith("=") for part in parts):
        return _of_pieces(parts)
    found = re2.compile("(?s)^" + "".join(map(_regex, parts)) + "$", _options())
    return lambda text: found.match(_clean(text)) is not None


def _parts(pattern: str) -> list[str]:
    """``*``, ``?``, ``=x`` for a character, ``[…`` for a class as re2 writes it."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            if at == len(pattern):
                raise BadPattern("a pattern that ends in \\")
            parts.append("=" + pattern[at])
            at += 1
        elif char == "[":
            found, at = _class(pattern, at)
            parts.append(found)
        elif char == "*":
            if parts[-1:] != ["*"]:
                parts.append("*")
        else:
            parts.append(char if char == "?" else "=" + char)
    return parts


def _class(pattern: str, at: int) -> tuple[str, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    some = False
    while not (some and pattern[at : at + 1] == "]"):
        low, at = _of_class(pattern, at)
        high = low
        if pattern[at] == "-":
            high, at = _of_class(pattern, at + 1)
        if low <= high:
            ranges.append(f"{_code(low)}-{_code(high)}")
        some = True
    if not ranges:  # such as [z-a]: nothing is in it
        return ("[^\\x00-\\x{10FFFF}]" if not negated else "[\\x00-\\x{10FFFF}]"), at + 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]", at + 1


def _of_class(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at : at + 1]
    if char == "\\":
        at += 1
        char = pattern[at : at + 1]
    elif char in ("-", "]"):
        raise BadPattern(f"{char} at the wrong place in [ ]; write \\{char}")
    if not char or at + 1 >= len(pattern):
        raise BadPattern("a [ that no ] follows")
    return char, at + 1


def _code(char: str) -> str:
    return f"\\x{{{ord(_clean(char)):X}}}"


def _regex(part: str) -> str:
    if part == "*":
        return ".*"
    if part == "?":
        return "."
    if part.startswith("="):
        return re.escape(_clean(part[1:])) if part[1:].isascii() else _code(part[1:])
    return part


def _of_pieces(parts: list[str]) -> Matcher:
    """Texts with ``*`` between: each is looked for after the one before it."""
    pieces = [""]
    for part in parts:
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += part[1:]
    if len(pieces) == 1:
        return pieces[0].__eq__
    first, *middle, last = pieces
    if not any(pieces):
        return lambda text: True
    if not any(middle):
        return _at_the_ends(first, last)
    if not first and not last and len(middle) == 1:
        return lambda text: middle[0] in text

    def matches(text: str) -> bool:
        end = len(text) - len(last)
        if end < len(first) or not (text.startswith(first) and text.endswith(last)):
            return False
        at = len(first)
        for piece in middle:
            found = text.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    return matches


def _at_the_ends(first: str, last: str) -> Matcher:
    if not last:
        return lambda text: text.startswith(first)
    if not first:
        return lambda text: text.endswith(last)
    shortest = len(first) + len(last)
    return lambda text: len(text) >= shortest and text.startswith(first) and text.endswith(last)


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _clean(text: str) -> str:
    """Halves of surrogate pairs, which no message holds, can't be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
