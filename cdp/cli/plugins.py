"""``cdp plugins``: what is installed, and starting one of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cdp.cli.common import json_option, print_object, print_rows
from cdp.cli.errors import CliError
from cdp.config import Settings


@click.group()
def plugins() -> None:
    """What is installed; start a plugin of your own."""


@plugins.command("list")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data.")
@json_option
def list_(data: Path | None, as_json: bool) -> None:
    """List plugins, their hooks, destinations and functions. Example: cdp plugins list"""
    from cdp.plugin import manager
    from cdp.server.functions import know_functions

    loaded = know_functions(manager.load(Settings.load(data=data).plugin_folder))
    rows: list[dict[str, Any]] = []
    for name in loaded.names():
        rows.append(
            {
                "name": name,
                "from": loaded.origins[name],
                "hooks": loaded.hooks_of(name),
                "destinations": [item.key for item in loaded.destinations_of(name)],
                "functions": [item.name for item in loaded.condition_functions_of(name)],
                "error": None,
            }
        )
    for failure in loaded.failures:
        rows.append(
            {
                "name": failure.plugin,
                "from": None,
                "hooks": [],
                "destinations": [],
                "functions": [],
                "error": failure.error,
            }
        )
    print_rows(rows, as_json)


@plugins.command()
@click.argument("name")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path("."))
@json_option
def new(name: str, folder: Path, as_json: bool) -> None:
    """Write a package with a destination and passing tests. Example: cdp plugins new acme"""
    from cdp.plugin.scaffold import BadName, write_package

    try:
        made = write_package(name, folder)
    except BadName as error:
        raise CliError(str(error)) from None
    print_object({"folder": str(made)}, as_json)
    if not as_json:
        click.echo(f"next: cd {made} && pip install -e '.[test]' && pytest", err=True)
