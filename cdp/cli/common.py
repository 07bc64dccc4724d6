"""What all commands share: where the store is, and how data is printed."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from cdp.cli.errors import CliError
from cdp.cli.tables import cell, print_table
from cdp.config import Settings
from cdp.events import parse_time
from cdp.store import Store
from cdp.store.db import FILE


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--data`` and ``--database-url`` to a command."""
    for option in (
        click.option("--data", type=click.Path(path_type=Path), help="Folder of the data."),
        click.option("--database-url", help="postgresql://… instead of SQLite."),
    ):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line.")


def open_store(data: Path | None, database_url: str | None) -> tuple[Settings, Store]:
    """The settings and the store they name, brought up to date.

    The first API token is left to the first start of a server, which shows it.
    """
    from cdp.server.bootstrap import bootstrap
    from cdp.server.logs import log_to_stderr

    log_to_stderr()
    settings = Settings.load(data=data, database_url=database_url)
    fresh = not settings.database_url and not (settings.data / FILE).exists()
    store = Store.open(settings)
    bootstrap(store, settings, random_token=False)
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(_FUNCTIONS):
        know_functions(settings)
    if fresh and sys.stderr.isatty():
        hint = "is another one meant? --data or CDP_DATA names it"
        click.echo(f"made a new, empty store in {settings.data} ({hint})", err=True)
    return settings, store


_FUNCTIONS = "headwater.functions"


def reads_conditions() -> None:
    """Said by commands that read conditions or journeys: plugins bring parts of them."""
    click.get_current_context().meta[_FUNCTIONS] = True


def know_functions(settings: Settings) -> None:
    """Let conditions know the functions of plugins; what is wrong with one is told."""
    from cdp.plugin import manager
    from cdp.server.functions import HOOK, STEPS
    from cdp.server.functions import know_functions as know

    for failure in know(manager.load(settings.plugin_folder)).failures:
        if failure.hook in (HOOK, STEPS):
            click.echo(f"cdp: the plugin {failure.plugin}: {failure.error}", err=True)


def print_rows(
    rows: Iterable[dict[str, Any]], as_json: bool, columns: list[str] | None = None
) -> None:
    """Print rows as a table, or as JSON lines."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False, default=str))
        return
    found = list(rows)
    if not found:
        click.echo("nothing yet", err=True)
        return
    print_table(found, columns or list(found[0]))


def print_object(value: dict[str, Any], as_json: bool) -> None:
    """Print one object, as JSON or as a list of its parts."""
    if as_json:
        click.echo(json.dumps(value, ensure_ascii=False, default=str))
        return
    width = max((len(key) for key in value), default=0)
    for key, item in value.items():
        click.echo(f"{key.replace('_', ' '):<{width}}  {cell(item)}")


class Moment(click.ParamType[int]):
    """A time: ISO 8601, or a duration ago such as ``2h`` or ``7d``."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        units = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
        text = str(value).strip()
        if text == "now":
            return now_ms()
        if text[-1:] in units and text[:-1].isdigit():
            return now_ms() - int(text[:-1]) * units[text[-1]] * 1000
        found = parse_time(text)
        if found is None:
            self.fail(f"{text!r} is no time; write 2026-01-31T12:00:00Z, or 2h for two hours ago")
        return found


def now_ms() -> int:
    """Now, in milliseconds since 1970."""
    return int(time.time() * 1000)


def author() -> str:
    """Who changes something from the command line."""
    import getpass

    try:
        return f"{getpass.getuser()} (cli)"
    except (KeyError, OSError):
        return "cli"


def pairs(items: tuple[str, ...], option: str = "--setting") -> dict[str, str]:
    """``name=value`` options as a dict."""
    found: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise CliError(f"{option} takes name=value, not {item!r}")
        found[name] = value
    return found
