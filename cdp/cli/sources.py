"""``cdp sources``: where messages come from."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import author, json_option, now_ms, open_store, print_rows, store_options
from cdp.cli.errors import CliError
from cdp.events import format_time
from cdp.store import config_rows
from cdp.store.config_rows import Source


@click.group()
def sources() -> None:
    """Where messages come from, and their write keys."""


def _row(source: Source) -> dict[str, Any]:
    return {
        "key": source.key,
        "name": source.name,
        "write_key": source.write_key,
        "enabled": source.enabled,
        "created_at": format_time(source.created_at),
    }


def _find(tx: Any, key: str) -> Source:
    found = next((s for s in config_rows.all_sources(tx) if s.key == key), None)
    if found is None:
        raise CliError(f"there is no source {key!r}")
    return found


@sources.command("list")
@store_options
@json_option
def list_(as_json: bool, **where: Any) -> None:
    """List them. Example: cdp sources list"""
    _, store = open_store(**where)
    with store.read() as tx:
        print_rows([_row(s) for s in config_rows.own_sources(tx)], as_json)


@sources.command()
@store_options
@click.argument("key")
@click.option("--name", help="What people call it.")
@click.option("--write-key", help="A write key of your own; random if unset.")
@json_option
def add(key: str, name: str | None, write_key: str | None, as_json: bool, **where: Any) -> None:
    """Add one called KEY. Example: cdp sources add ios --name "iOS app" """
    from cdp.store.keys import new_write_key

    _, store = open_store(**where)
    with store.write() as tx:
        made = config_rows.add_source(
            tx, now_ms(), key, name or key, write_key or new_write_key(), author()
        )
    print_rows([_row(made)], as_json)


def _change(key: str, where: dict[str, Any], as_json: bool, **new: Any) -> None:
    _, store = open_store(**where)
    with store.write() as tx:
        config_rows.change_source(tx, now_ms(), _find(tx, key), author(), **new)
        row = _row(_find(tx, key))
    print_rows([row], as_json)


@sources.command()
@store_options
@click.argument("key")
@json_option
def enable(key: str, as_json: bool, **where: Any) -> None:
    """Take messages of KEY again. Example: cdp sources enable ios"""
    _change(key, where, as_json, enabled=True)


@sources.command()
@store_options
@click.argument("key")
@json_option
def disable(key: str, as_json: bool, **where: Any) -> None:
    """Refuse messages of KEY. Example: cdp sources disable ios"""
    _change(key, where, as_json, enabled=False)


@sources.command()
@store_options
@click.argument("key")
@json_option
def rotate(key: str, as_json: bool, **where: Any) -> None:
    """Give KEY another write key; the old one ends. Example: cdp sources rotate ios"""
    from cdp.store.keys import new_write_key

    _change(key, where, as_json, write_key=new_write_key())
