"""Rows for people to read: a table where it fits, else one row under the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

#: Up to this many characters a column is never broken: a time, a key, an id, a number.
_WHOLE = 34
#: With less room than this a column of text is no longer read with pleasure.
_NARROWEST = 24
_GAP = 2


def print_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    """Print rows under the names of their columns.

    What goes into a file or a pipe is as wide as it has to be. On a terminal long
    texts wrap, times and ids never do; where that leaves too little room, each row
    is printed as a block of ``name  value`` lines.
    """
    from rich.console import Console
    from rich.table import Table

    texts = [[cell(row.get(name)) for name in columns] for row in rows]
    heads = [name.replace("_", " ") for name in columns]
    widths = [
        max(map(_width, [head, *values]))
        for head, values in zip(heads, zip(*texts, strict=True), strict=True)
    ]
    full = sum(widths) + _GAP * len(widths)
    room = Console().width if sys.stdout.isatty() else full
    if _least(widths) > room:
        _print_blocks(heads, texts)
        return
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for head, width in zip(heads, widths, strict=True):
        table.add_column(head, overflow="fold", no_wrap=width <= _WHOLE)
    for values in texts:
        table.add_row(*values)
    Console(width=min(room, full), highlight=False, markup=False, emoji=False).print(table)


def cell(value: Any) -> str:
    """A value as it is shown to people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _width(text: str) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, text.splitlines() or [""]))


def _least(widths: Sequence[int]) -> int:
    """The columns that a table of these needs to be read."""
    return sum((width if width <= _WHOLE else _NARROWEST) + _GAP for width in widths)


def _print_blocks(heads: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    import click

    width = max(map(_width, heads))
    for number, values in enumerate(texts):
        if number:
            click.echo()
        for head, value in zip(heads, values, strict=True):
            if value:
                click.echo(f"{head:<{width}}  {value}")
