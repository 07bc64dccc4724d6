"""``cdp doctor``: is all well, and what to do where it is not."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import json_option, print_rows, store_options
from cdp.cli.errors import CliError
from cdp.config import ConfigError, Settings

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@store_options
@click.option("--quick", is_flag=True, help="Don't read the database files whole.")
@json_option
def doctor(quick: bool, as_json: bool, **where: Any) -> None:
    """Look over the settings, the store and what runs; say what to do where it is not well.

    Exits with 1 if any check fails. It changes nothing.

    Example: cdp doctor
    """
    from cdp.server.check import FAIL, Check
    from cdp.server.doctor import examine

    failed = 0
    try:
        settings = Settings.load(**where)
    except ConfigError as error:
        _show(Check("settings", FAIL, str(error), "Correct it; `cdp config` lists them."), as_json)
        raise CliError("1 check failed") from None
    for found in examine(settings, deep=not quick):
        _show(found, as_json)
        failed += found.state == FAIL
    if failed:
        raise CliError(f"{failed} check{'s' if failed > 1 else ''} failed")


def _show(found: Any, as_json: bool) -> None:
    if as_json:
        print_rows([found._asdict()], True)
        return
    state = click.style(f"{found.state:<4}", fg=_COLOURS[found.state])
    click.echo(f"{state}  {found.check}: {found.text}")
    if found.todo:
        click.echo(f"      → {found.todo}")
