"""``cdp suppressions``: addresses that nothing is sent to."""

from __future__ import annotations

from typing import IO, Any

import click

from cdp.cli.common import author, json_option, now_ms, open_store, print_rows, store_options
from cdp.cli.errors import CliError
from cdp.delivery.messages import suppressions as kept
from cdp.delivery.messages.suppressions import CHANNELS, BadAddress
from cdp.store.messages import preferences

_channel = click.option(
    "--channel", type=click.Choice(CHANNELS), default="email", show_default=True,
    help="Of the address.",
)  # fmt: skip


@click.group()
def suppressions() -> None:
    """Addresses that nothing is sent to: list, add, remove, import, export."""


@suppressions.command("list")
@store_options
@click.option("--search", default="", help="How the address begins.")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@json_option
def list_(search: str, limit: int, as_json: bool, **where: Any) -> None:
    """List them, newest first. Example: cdp suppressions list --search ana@"""
    _, store = open_store(**where)
    with store.read() as tx:
        rows = kept.shown(tx, preferences.addresses(tx, limit, None, search))
    print_rows(rows, as_json)


@suppressions.command()
@store_options
@click.argument("address")
@_channel
@click.option("--detail", default="", help="Why.")
def add(address: str, channel: str, detail: str, **where: Any) -> None:
    """Send nothing to ADDRESS any more. Example: cdp suppressions add ana@example.org"""
    _, store = open_store(**where)
    try:
        with store.write() as tx:
            kept.add(tx, channel, address, "manual", author(), now_ms(), detail)
    except BadAddress as error:
        raise CliError(str(error)) from None


@suppressions.command()
@store_options
@click.argument("address")
@_channel
@click.option("--yes", is_flag=True, help="Don't ask.")
def remove(address: str, channel: str, yes: bool, **where: Any) -> None:
    """Let messages go to ADDRESS again. Example: cdp suppressions remove ana@example.org --yes"""
    _, store = open_store(**where)
    with store.read() as tx:
        why = preferences.why_suppressed(tx, channel, [address]).get(address)
    if why is None:
        raise CliError(f"{address} is not on the list")
    if not yes:
        click.confirm(f"Send to {address} again, though it is there for: {why}?", abort=True)
    with store.write() as tx:
        preferences.unsuppress_address(tx, channel, address)


@suppressions.command("import")
@store_options
@click.argument("file", type=click.File("r", encoding="utf-8"))
@_channel
def import_(file: IO[str], channel: str, **where: Any) -> None:
    """Add the addresses in FILE: CSV with a column address, email or phone, or one a line.

    Example: cdp suppressions import old-list.csv
    """
    _, store = open_store(**where)
    made = kept.take_csv(store, file.read(), channel, author(), now_ms())
    for line, text in made.refused:
        click.echo(f"line {line}: {text}", err=True)
    click.echo(f"{made.taken} taken, {len(made.refused)} refused")


@suppressions.command()
@store_options
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
def export(file: IO[str], **where: Any) -> None:
    """Write the list to FILE as CSV. Example: cdp suppressions export list.csv"""
    _, store = open_store(**where)
    for piece in kept.as_csv(store):
        file.write(piece)
