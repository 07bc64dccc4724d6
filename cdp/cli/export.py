"""``cdp export``: everything as files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from cdp.cli.common import Moment, author, open_store, store_options
from cdp.cli.errors import CliError
from cdp.transfer.errors import TransferError
from cdp.transfer.exporting import WHAT, check
from cdp.transfer.exporting import export as write
from cdp.transfer.lines import Span
from cdp.transfer.writers import FORMATS


@click.command()
@store_options
@click.argument("what", type=click.Choice(list(WHAT)))
@click.option(
    "--format", "format_", type=click.Choice(FORMATS), default="jsonl", show_default=True,
    help="How it is written.",
)  # fmt: skip
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file, not stdout.")
@click.option("--from", "since", type=Moment(), help="Events from this time on.")
@click.option("--to", "until", type=Moment(), help="Events before this time.")
def export(
    what: str,
    format_: str,
    out: Path | None,
    since: int | None,
    until: int | None,
    **where: Any,
) -> None:
    """Write people, accounts, objects, identifiers, events or messages to a file or stdout.

    Equal content gives equal bytes. messages are what cdp import takes again exactly,
    into another space as well. Each export is noted, so that a deletion can name it.
    Secrets are never in it.

    Example: cdp export people --format csv --out people.csv
    """
    span = Span(since, until)
    try:
        check(what, format_, span)
    except TransferError as error:
        raise CliError(str(error)) from None
    if out is None and format_ == "parquet" and sys.stdout.isatty():
        raise CliError("Parquet is no text: say --out FILE")
    _, store = open_store(**where)
    target = str(out.resolve()) if out else "stdout"
    try:
        found = write(store, what, format_, span, author(), target)
        if out is None:
            for piece in found:  # cut between lines
                click.echo(piece if format_ == "parquet" else piece.decode(), nl=False)
            return
        # Written beside and renamed, so that half a file is never taken for a whole one.
        beside = out.with_name(f".{out.name}.{os.getpid()}")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                for piece in found:
                    file.write(piece)
            beside.replace(out)
        finally:
            beside.unlink(missing_ok=True)
    finally:
        store.close()
