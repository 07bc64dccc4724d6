"""Text → tokens, as FQL writes them, with the line and column of each."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from cdp.conditions.durations import parse_duration
from cdp.conditions.errors import ConditionSyntaxError, ConditionTooLarge
from cdp.conditions.limits import MAX_CHARS, MAX_DIGITS
from cdp.events import parse_time

_SPACE = re.compile(r"[ \t\r\n]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?)?(?![A-Za-z0-9_-])")
_DURATION = re.compile(r"\d+(?:ms|[smhdw])(?![A-Za-z0-9_])")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_PART = re.compile(r"(?:[A-Za-z0-9_-]|\\[\s\S])+")
_INDEX = re.compile(r"\[(\d{1,9})\]")
_QUOTED_KEY = re.compile(r"""\[(?:"([^"]*)"|'([^']*)')\]""")
_OPERATOR = re.compile(r"!=|<=|>=|[=<>!(),\[\]]")
_ESCAPED = re.compile(r"\\([\s\S])")
_BACKTICKED = re.compile(r"`((?:[^`\\]|\\[`\\])*)`")

#: NUL, which is taken out of messages, and halves of surrogate pairs.
_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")

#: What people write who come from elsewhere.
_ELSEWHERE = {
    "==": "Write a single =.",
    "&&": "Write and.",
    "||": "Write or.",
    "<>": "Write !=.",
    "~": "Write match(path, 'pattern*').",
    "{": "Lists are written in [ ].",
    ";": "A condition is one expression.",
    "#": "A condition has no comments.",
    **dict.fromkeys("+*/%", "Nothing is worked out but ratio(part, whole) and 3d from now."),
    **dict.fromkeys("“”„«»‘’‚", 'A text stands in straight quotes: "…".'),
}


class Token(NamedTuple):
    """``kind`` is path, string, number, duration, date, op or end.

    ``word`` is the text of a path of one unescaped key, which may be a keyword.
    """

    kind: str
    value: Any
    at: int
    word: str = ""


class Text:
    """A text with its places."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARS:
            raise ConditionTooLarge(
                f"the condition has {len(text):,} characters, {MAX_CHARS:,} are the most"
            )
        self.text = text
        strange = _UNKEEPABLE.search(text)
        if strange:
            raise self.error(strange.start(), "a character that no message holds")

    def place(self, at: int) -> tuple[int, int]:
        """Line and column, from 1, of a position in the text."""
        before = self.text[:at]
        return before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1

    def error(
        self, at: int, reason: str, expected: str = "", hint: str = ""
    ) -> ConditionSyntaxError:
        """An error at a position."""
        return ConditionSyntaxError(reason, *self.place(at), expected=expected, hint=hint)


def lex(source: Text) -> list[Token]:
    """All tokens, the end among them."""
    text, at, tokens = source.text, 0, []
    while True:
        if space := _SPACE.match(text, at):
            at = space.end()
        if at >= len(text):
            tokens.append(Token("end", None, at))
            return tokens
        token, at = _next(source, at)
        tokens.append(token)


def _next(source: Text, at: int) -> tuple[Token, int]:
    text, char = source.text, source.text[at]
    if char.isascii() and (char.isalpha() or char in "_\\"):
        return _path(source, at)
    if char in "\"'":
        end = text.find(char, at + 1)
        if end < 0:
            raise source.error(
                at, f"the text that begins with {char} has no end", f"another {char}"
            )
        return Token("string", text[at + 1 : end], at), end + 1
    if char == "`":
        found = _BACKTICKED.match(text, at)
        if found is None:
            raise source.error(at, "the text that begins with ` has no end", "another `")
        return Token("string", _ESCAPED.sub(r"\1", found[1]), at), found.end()
    if (char.isdigit() and char.isascii()) or _NUMBER.match(text, at) or char == "-":
        return _number(source, at)
    for strange, hint in _ELSEWHERE.items():
        if text.startswith(strange, at):
            raise source.error(at, f"{strange} means nothing here", hint=hint)
    if found := _OPERATOR.match(text, at):
        return Token("op", found[0], at), found.end()
    hint = ""
    if char == ".":
        hint = "A path begins with a name, a number with a digit."
    elif char.isalpha() or not char.isascii():
        hint = f"In a path write \\{char}, in a text put it into quotes."
    raise source.error(at, f"{char!r} can't stand here", hint=hint)


def _path(source: Text, at: int) -> tuple[Token, int]:
    text, begin, parts = source.text, at, []
    found = _PART.match(text, at)
    while True:
        if found is None:
            if at < len(text) and text[at] == "\\":
                raise source.error(at, "the text ends after \\", "a character")
            what = repr(text[at]) if at < len(text) else "the end"
            raise source.error(at, f"{what} after the dot of a path", "a key")
        parts.append(_ESCAPED.sub(r"\1", found[0]))
        at = found.end()
        while len(parts) > 1 or text[begin:at] not in ("in", "and", "or", "not"):
            if index := _INDEX.match(text, at):
                parts.append(index[1])
                at = index.end()
            elif quoted := _QUOTED_KEY.match(text, at):
                parts.append(quoted[1] if quoted[1] is not None else quoted[2])
                at = quoted.end()
            else:
                break
        if at >= len(text) or text[at] != ".":
            break
        at += 1
        found = _PART.match(text, at)
    if at < len(text) and (text[at] == "\\" or (text[at].isalnum() and not text[at].isascii())):
        if text[at] == "\\":
            raise source.error(at, "the text ends after \\", "a character")
        raise source.error(at, f"{text[at]!r} in a path", hint=f"Write it as \\{text[at]}.")
    word = text[begin:at]
    plain = len(parts) == 1 and word == parts[0]
    return Token("path", tuple(parts), begin, word if plain else ""), at


def _number(source: Text, at: int) -> tuple[Token, int]:
    text = source.text
    if date := _DATE.match(text, at):
        ms = parse_time(date[0])
        if ms is None:
            raise source.error(at, f"{date[0]} is no time", "2026-01-31 or 2026-01-31T12:00:00Z")
        return Token("date", ms, at), date.end()
    if duration := _DURATION.match(text, at):
        ms = parse_duration(duration[0])
        if ms is None:
            raise source.error(at, f"{duration[0]} is longer than a hundred years")
        return Token("duration", ms, at), duration.end()
    found = _NUMBER.match(text, at)
    if found is None:
        raise source.error(at, f"{text[at]!r} can't stand here", "a number after it")
    end = found.end()
    if end < len(text) and text[end] == ".":
        raise source.error(end, "a number with a point that no digit follows, or two points")
    if end < len(text) and (text[end].isalnum() or text[end] == "_"):
        hint = "Durations are written 500ms 2s 5m 3h 2d 1w."
        raise source.error(end, f"{text[end]!r} directly after a number", hint=hint)
    if len(found[0]) > MAX_DIGITS:
        raise source.error(at, f"a number of more than {MAX_DIGITS} digits")
    return Token("number", number(found[0]), at), end


def can_be_kept(text: str) -> bool:
    """Whether a message could hold the text."""
    return _UNKEEPABLE.search(text) is None


def number(text: str) -> int | float:
    """A number as messages hold it: whole ones are exact, the rest doubles."""
    if "." not in text:
        return int(text)
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
