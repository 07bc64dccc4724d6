"""``cdp profiles traits`` and ``cdp profiles trait-rules``."""

from __future__ import annotations

import json
from typing import Any

import click

from cdp.cli.common import (
    Moment,
    author,
    json_option,
    now_ms,
    open_store,
    pairs,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.cli.find import find
from cdp.events import format_time
from cdp.profiles.types import type_of
from cdp.store import config_rows
from cdp.store.profiles.trait_history import Page, Place, trait_history, traits_at
from cdp.store.profiles.trait_rules import load_trait_rules, put_trait_rules


@click.command()
@store_options
@click.argument("identifier")
@click.option("--at", type=Moment(), help="As they were at this event time.")
@click.option("--history", "name", metavar="NAME", help="Every value of one trait, newest first.")
@click.option("--limit", default=50, show_default=True, help="How many values --history shows.")
@json_option
def traits(
    identifier: str, at: int | None, name: str | None, limit: int, as_json: bool, **where: Any
) -> None:
    """Show the traits of IDENTIFIER, who set them and when.

    Example: cdp profiles traits user_id:u1 --at 2026-01-31T12:00:00Z
    """
    if name is not None and at is not None:
        raise CliError("--at and --history are two questions; ask one of them")
    _, store = open_store(**where)
    with store.read() as tx:
        found = find(tx, identifier)
        sources = {s.id: s.key for s in config_rows.all_sources(tx)}
        if name is not None:
            rows, more = _history(tx, found.id, found.collection, name, limit)
            shown = [
                {
                    "value": row.value,
                    "at": format_time(row.t),
                    "source": sources.get(row.source),
                    "message_id": row.message_id,
                }
                for row in rows
            ]
        else:
            more = False
            known = found.traits
            if at is not None:
                known = traits_at(tx, found.id, found.collection, known, at)
            shown = [
                {
                    "trait": trait,
                    "value": value,
                    "type": type_of(value),
                    "at": format_time(stamp.t),
                    "source": sources.get(stamp.source),
                    "message_id": stamp.message_id,
                }
                for trait, value, stamp in known.items()
            ]
    print_rows(shown, as_json)
    if more:
        click.echo(f"There are more than {limit}; --limit shows more of them.", err=True)


def _history(
    tx: Any, profile: int, collection: int, name: str, limit: int
) -> tuple[list[Any], bool]:
    if limit < 1:
        raise CliError("--limit must be at least 1")
    rows: list[Any] = []
    after: Place | None = None
    while True:
        page: Page = trait_history(tx, profile, collection, name, limit + 1 - len(rows), after)
        rows += page.rows
        after = page.next
        if after is None or len(rows) > limit:
            return rows[:limit], len(rows) > limit


@click.command("trait-rules")
@store_options
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="RULE=VALUE",
    help="Change a rule; the value is JSON. May be given more than once.",
)
@json_option
def trait_rules(changes: tuple[str, ...], as_json: bool, **where: Any) -> None:
    """Show or change which objects merge and how much a profile keeps.

    A change holds for messages that come after it.

    Example: cdp profiles trait-rules --set 'merge_objects=["address"]'
    """
    _, store = open_store(**where)
    given = {}
    for rule, text in pairs(changes, "--set").items():
        try:
            given[rule] = json.loads(text)
        except ValueError:
            raise CliError(f"the value of {rule} is no JSON: {text}") from None
    if given:
        with store.write() as tx:
            data = {**load_trait_rules(tx).to_dict(), **given}
            try:
                rules = put_trait_rules(tx, now_ms(), data, author())
            except ValueError as error:
                raise CliError(str(error)) from None
    else:
        with store.read() as tx:
            rules = load_trait_rules(tx)
    print_object(rules.to_dict(), as_json)
