"""``cdp journeys ask, approve, requests, approval``: launches that need another's word."""

from __future__ import annotations

from typing import Any

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
from cdp.cli.journey_common import done, seen

_key = click.argument("key")
#: Whoever is at the machine's command line may do all.
ROLE = "admin"


@click.command()
@store_options
@_key
@click.option("--version", type=int, help="An older version; the newest, if not said.")
@click.option("--enter", type=click.Choice(["new", "all"]), help="Who: from now on, or all.")
@click.option("--inside", type=click.Choice(["stay", "move"]), default="stay", show_default=True)
@json_option
def ask(
    key: str, version: int | None, enter: str | None, inside: str, as_json: bool, **where: Any
) -> None:
    """Ask for a launch of KEY, which somebody else approves. Example: cdp journeys ask welcome"""
    from cdp.delivery.journeys import approving, shown
    from cdp.plugin import manager

    settings, store = open_store(**where)
    classes = manager.load(settings.plugin_folder).destinations()
    made = done(
        store,
        lambda tx: shown.request(
            approving.ask(
                tx, key, author(), now_ms(),
                version=version, people=inside, enter=enter, destinations=classes,
            )
        ),
    )  # fmt: skip
    print_object(made, as_json)


@click.command()
@store_options
@_key
@click.option("--refuse", is_flag=True, help="Refuse it.")
@click.option("--reason", default="", help="Why; it stays beside the request.")
@json_option
def approve(key: str, refuse: bool, reason: str, as_json: bool, **where: Any) -> None:
    """Approve the launch of KEY that somebody asked for, or refuse it.

    Example: cdp journeys approve welcome --reason "read it twice"
    """
    from cdp.delivery.journeys import approving, shown
    from cdp.plugin import manager

    settings, store = open_store(**where)
    classes = manager.load(settings.plugin_folder).destinations()
    made = done(
        store,
        lambda tx: shown.request(
            approving.decide(
                tx, key, author(), now_ms(),
                approve=not refuse, role=ROLE, reason=reason, destinations=classes,
            )
        ),
    )  # fmt: skip
    print_object(made, as_json)


@click.command()
@store_options
@_key
@json_option
def requests(key: str, as_json: bool, **where: Any) -> None:
    """List the launches of KEY that were asked for. Example: cdp journeys requests welcome"""
    from cdp.delivery.journeys import shown
    from cdp.store.journeys import requests as rows

    _, store = open_store(**where)
    found = seen(store, lambda tx: [shown.request(one) for one in rows.of(tx, key)])
    columns = ["at", "version", "author", "state", "decided_by", "decided_at", "reason"]
    print_rows(found, as_json, columns)


@click.command()
@store_options
@click.option("--role", type=click.Choice(["admin", "approver", "none"]), help="Whose word.")
@click.option("--same", is_flag=True, help="Also of the one who asks.")
@json_option
def approval(role: str | None, same: bool, as_json: bool, **where: Any) -> None:
    """Show or say whose word the launch of any journey takes.

    Example: cdp journeys approval --role approver
    """
    from cdp.delivery.journeys import approving
    from cdp.store.journeys import requests as rows

    _, store = open_store(**where)
    if role is not None:
        said = None if role == "none" else role
        done(store, lambda tx: approving.put_space(tx, author(), now_ms(), said, not same))
    found = seen(store, rows.space_rule) or {"role": None, "other": False}
    print_object(found, as_json)


APPROVALS = (ask, approve, requests, approval)
