"""``cdp traits``: traits that are worked out of what somebody did."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import json_option, open_store, print_object, print_rows, store_options
from cdp.cli.definitions import group_of
from cdp.cli.errors import CliError
from cdp.definitions.computed_trait import COMPUTED_TRAIT

traits = group_of(
    COMPUTED_TRAIT,
    "traits",
    "Computed traits: what a person's or account's history is worth.",
    (
        "orders_90d --value 'count(\"Order Completed\" within 90d)'",
        "orders_90d --value 'count(\"Order Completed\" within 60d)'",
    ),
)


@traits.command("run")
@store_options
@click.argument("key")
@click.option("--show", is_flag=True, help="Only say how it went last.")
@json_option
def run(key: str, show: bool, as_json: bool, **where: Any) -> None:
    """Ask the query of the trait KEY again, as soon as a server can.

    Example: cdp traits run lifetime_value
    """
    from cdp.api.errors import ApiError
    from cdp.api.queries import ask_again, run_of

    _, store = open_store(**where)
    try:
        with store.write() as tx:
            found = run_of(tx, key) if show else ask_again(tx, key)
    except ApiError as error:
        raise CliError(error.message) from None
    print_object(found, as_json)


@traits.command("try")
@store_options
@click.argument("sql")
@click.option("--warehouse", help="Whom to ask, by its name in the settings.")
@json_option
def try_(sql: str, warehouse: str | None, as_json: bool, **where: Any) -> None:
    """Show the first rows of a query, before a trait is worked out by it.

    Example: cdp traits try "select profile_id, count(*) from events group by profile_id"
    """
    from cdp.definitions.own_sql import SqlError
    from cdp.store.audiences.own_sql import shown_values
    from cdp.store.audiences.warehouse import peek_at

    settings, store = open_store(**where)
    try:
        answer = peek_at(store, settings, sql, warehouse, settings.query_seconds)
    except SqlError as error:
        raise CliError(str(error)) from None
    rows = [dict(zip(answer.columns, row, strict=True)) for row in shown_values(answer)]
    print_rows(rows, as_json)
