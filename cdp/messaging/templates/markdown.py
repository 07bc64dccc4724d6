"""Markdown with Liquid in it, as HTML in which the Liquid is hidden."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from cdp.messaging.templates.masking import Masker

_TAG = re.compile(r"\{%-?\s*(\w+|#)(?:(?!%\}).)*%\}")
_TAGS_ALONE = re.compile(rf"[ \t]*(?:{_TAG.pattern}[ \t]*)+")
_ROW = re.compile(r"[ \t]{0,3}\|")
_ITEM = re.compile(r"[ \t]{0,3}([-*+]|\d{1,9}[.)])[ \t]")
_MIDDLES = ("else", "elsif", "when")
_OPENS = ("for", "if", "unless", "case", "tablerow", "capture", "ifchanged")


def markdown(source: str, masker: Masker) -> str:
    """CommonMark with tables and strikethrough as HTML; HTML in it stays.

    A line that has tags only is no part of what is around it. Where a loop or a condition
    is about rows of one table, or about items of one list, it stands among these.
    """
    lines = source.split("\n")
    alone = {n for n, line in enumerate(lines) if _TAGS_ALONE.fullmatch(line)}
    among = _among(lines, alone)
    for n in alone:
        words = [masker.hide(found[0]) for found in _TAG.finditer(lines[n])]
        if n in among:
            lines[n] = f"{among[n]} {''.join(words)}"
        else:
            lines[n] = "".join(f"<!--{word}-->" for word in words)
    html: str = _reader().render(masker.mask("\n".join(lines)))
    return masker.apart(html) if among else html


def _among(lines: list[str], alone: set[int]) -> dict[int, str]:
    """Lines of tags that stand among rows or items, and how such a row or item begins."""
    found: dict[int, str] = {}
    for pattern in (_ROW, _ITEM):
        at = 0
        while at < len(lines):
            end = at
            while end < len(lines) and (end in alone or pattern.match(lines[end])):
                end += 1
            own = [n for n in range(at, end) if n not in alone]
            # What follows at once would go on the last item.
            goes_on = pattern is _ITEM and end - 1 in alone and any(lines[end : end + 1])
            if own and not goes_on:
                begins = "|"
                if pattern is _ITEM:
                    sign = _ITEM.match(lines[own[0]])
                    assert sign is not None
                    begins = sign[1]
                # The head of a table and its line come first.
                first = own[1] if pattern is _ROW and len(own) > 1 else at - 1
                found |= dict.fromkeys(_paired(lines, alone, first + 1, end), begins)
            at = max(end, at + 1)
    return found


def _paired(lines: list[str], alone: set[int], start: int, end: int) -> set[int]:
    """The lines of tags between two places whose tags all begin and end there."""
    stack: list[set[int]] = []
    done: set[int] = set()
    broken: set[int] = set()
    for n in range(start, end):
        for tag in _TAG.finditer(lines[n]) if n in alone else ():
            name = tag[1]
            if name in _OPENS:
                stack.append({n})
            elif name.removeprefix("end") in _OPENS or name in _MIDDLES:
                if not stack:
                    broken.add(n)
                    continue
                stack[-1].add(n)
                if name.startswith("end"):
                    closed = stack.pop()
                    if stack:
                        stack[-1] |= closed
                    else:
                        done |= closed
            elif stack:
                stack[-1].add(n)
    left = {n for part in stack for n in part}
    return done - broken - left


@cache
def plain_reader() -> Any:
    """A reader of Markdown by people who know no HTML: none of it is taken, and lines break."""
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True, "breaks": True})
    return made.disable(["image", "code", "lheading", "html_block", "html_inline"])


@cache
def _reader() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
