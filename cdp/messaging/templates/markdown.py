"""Markdown with Liquid in it, as HTML in which the Liquid is hidden."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from cdp.messaging.templates.masking import Masker

_TAGS_ALONE = re.compile(r"[ \t]*(?:\{%(?:(?!%\}).)*%\}[ \t]*)+")


def markdown(source: str, masker: Masker) -> str:
    """CommonMark with tables and strikethrough as HTML; HTML in it stays.

    A line that has tags only is no part of what is around it.
    """
    lines = [
        "".join(f"<!--{masker.hide(tag)}-->" for tag in re.findall(r"\{%.*?%\}", line))
        if _TAGS_ALONE.fullmatch(line)
        else line
        for line in source.split("\n")
    ]
    html: str = _reader().render(masker.mask("\n".join(lines)))
    return html


@cache
def _reader() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
