"""``cdp lists``: lists of texts that conditions ask with ``in list("…")``."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

import click

from cdp.cli.common import (
    author,
    json_option,
    now_ms,
    open_store,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.conditions.lists import BrokenList, read_values
from cdp.events import format_time
from cdp.store import Store
from cdp.store.audiences import lists as kept
from cdp.store.audiences.lists import Listed, ListInUse, NoSuchList


@click.group()
def lists() -> None:
    """Lists of texts that conditions ask: add, replace, revert, remove."""


def _row(item: Listed) -> dict[str, Any]:
    return {
        "key": item.key,
        "version": item.version,
        "values": item.size,
        "at": format_time(item.at),
        "author": item.author,
    }


def _known(store: Store) -> dict[str, Listed]:
    with store.read() as tx:
        return {item.key: item for item in kept.all_lists(tx)}


def _checked(do: Callable[[], Listed | None]) -> Listed | None:
    try:
        return do()
    except (NoSuchList, ListInUse, ValueError) as error:
        raise CliError(str(error)) from None


@lists.command("list")
@store_options
@json_option
def list_(as_json: bool, **where: Any) -> None:
    """List them. Example: cdp lists list"""
    _, store = open_store(**where)
    print_rows([_row(item) for item in _known(store).values()], as_json)


def _put(store: Store, key: str, file: IO[bytes], as_json: bool) -> None:
    try:
        values = read_values(file)
    except BrokenList as error:
        raise CliError(f"{getattr(file, 'name', 'the input')}: {error}") from None
    made = _checked(lambda: kept.put(store, now_ms(), key, values, author()))
    assert made is not None
    print_object(_row(made), as_json)


@lists.command()
@store_options
@click.argument("key")
@click.argument("file", type=click.File("rb"))
@json_option
def add(key: str, file: IO[bytes], as_json: bool, **where: Any) -> None:
    """Add a list called KEY with the values in FILE, one a line; - reads standard input.

    Nothing is added if one line is broken. Conditions ask for it with in.

    Example: cdp lists add vip_emails vip.txt
    """
    _, store = open_store(**where)
    if key in _known(store):
        raise CliError(f"there is a list {key} already: cdp lists replace {key} FILE")
    _put(store, key, file, as_json)


@lists.command()
@store_options
@click.argument("key")
@click.argument("file", type=click.File("rb"))
@json_option
def replace(key: str, file: IO[bytes], as_json: bool, **where: Any) -> None:
    """Let KEY have the values in FILE, and no others. Example: cdp lists replace vip_emails -"""
    _, store = open_store(**where)
    if key not in _known(store):
        raise CliError(f"there is no list {key}: cdp lists add {key} FILE")
    _put(store, key, file, as_json)


@lists.command()
@store_options
@click.argument("key")
@json_option
def revert(key: str, as_json: bool, **where: Any) -> None:
    """Let the values before the last upload hold again. Example: cdp lists revert vip_emails"""
    _, store = open_store(**where)

    def back() -> Listed:
        with store.write() as tx:
            return kept.revert(tx, now_ms(), key, author())

    found = _checked(back)
    assert found is not None
    print_object(_row(found), as_json)


@lists.command()
@store_options
@click.argument("key")
def remove(key: str, **where: Any) -> None:
    """Remove KEY, which no condition may ask for. Example: cdp lists remove vip_emails"""
    _, store = open_store(**where)
    _checked(lambda: kept.remove(store, now_ms(), key, author()))
