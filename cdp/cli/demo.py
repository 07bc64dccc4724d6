"""``cdp demo``: sample data."""

from __future__ import annotations

import time
from typing import Any

import click

from cdp.cli.common import author, json_option, open_store, print_object, store_options
from cdp.cli.errors import CliError


@click.command()
@store_options
@click.option("--remove", is_flag=True, help="Remove it whole.")
@json_option
def demo(remove: bool, as_json: bool, **where: Any) -> None:
    """Fill the space with a small shop's life: 5,000 people over 120 days.

    It comes in as history, from a source called demo, and is removed whole.

    Example: cdp demo
    """
    from cdp.cli.import_messages import Folder
    from cdp.demo import Demo

    settings, store = open_store(**where)
    shop = Demo(store, settings)
    if remove:
        _watch(shop, "removing", lambda: shop.remove_demo(author=author()), lambda: None, "absent")
    else:
        with Folder(settings, store) as step:
            _watch(shop, "loading", lambda: shop.start_demo(author=author()), step, "present")
    state = shop.demo_state()
    if state["state"] == "failed":
        raise CliError(str(state["error"]))
    if as_json:
        print_object(state, as_json)
    elif remove:
        click.echo("The sample data is gone.")
    else:
        click.echo(
            "The sample data is there: a shop's 5,000 people. `cdp demo --remove` removes it."
        )


def _watch(shop: Any, title: str, begin: Any, step: Any, wanted: str) -> None:
    from rich.console import Console
    from rich.progress import Progress

    begin()
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=1.0)
        while (state := shop.demo_state())["state"] not in (wanted, "failed"):
            bar.update(task, completed=state["done"])
            step()
            time.sleep(0.05)
        bar.update(task, completed=1.0)
