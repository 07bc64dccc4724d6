"""Pieces of Markdown out of docstrings and values."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: code in single backticks, indented parts as blocks."""
    text = inspect.cleandoc(docstring or "").replace("``", "`")
    # Names of our own modules mean nothing to the reader of a page.
    text = re.sub(r"`(?:cdp\.\w+\.)+(\w+)`", r"`\1`", text)
    return re.sub(r"(?m)(^|\n\n)((?: {4}.*(?:\n|$)|\n)+)", _code, text).strip()


def _code(found: re.Match[str]) -> str:
    lines = inspect.cleandoc("\n" + found[2].rstrip()).rstrip()
    if not lines:
        return found[0]
    return f"{found[1]}```python\n{lines}\n```\n\n"


def cell(value: Any) -> str:
    """A value that stands in a table."""
    return str(value).replace("|", "\\|").replace("\n", " ").strip()


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A table; its first row is the head."""
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    lines.extend([cell(value) for value in row] for row in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
