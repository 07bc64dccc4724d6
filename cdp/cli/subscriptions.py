"""``cdp profiles subscriptions``, ``subscribe``, ``unsubscribe``: what a person wants to get."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import json_option, now_ms, open_store, print_object, print_rows, store_options
from cdp.cli.errors import CliError
from cdp.cli.find import find
from cdp.delivery.messages import subscriptions as kept
from cdp.delivery.messages.letters import base_url

_WHAT = "WHAT is a topic (news), a channel (channel:sms), or everything."


@click.command()
@store_options
@click.argument("identifier")
@json_option
def subscriptions(identifier: str, as_json: bool, **where: Any) -> None:
    """Show what the person with IDENTIFIER wants to get, and where that came from.

    Example: cdp profiles subscriptions user_id:u1
    """
    _, store = open_store(**where)
    with store.read() as tx:
        found = kept.shown(tx, find(tx, identifier).id)
    if as_json:
        print_object(found, True)
        return
    rows = [
        {"what": "everything", "subscribed": not found["unsubscribed"], "said": bool(found["at"]),
         **{name: found[name] for name in ("at", "cause", "message")}},
    ]  # fmt: skip
    for kind in ("topics", "channels"):
        for row in found[kind]:
            rows.append({"what": f"{kind[:-1]}:{row.pop('key')}", **row})
    columns = ["what", "subscribed", "said", "at", "cause", "message"]
    print_rows([{c: row[c] for c in columns} for row in rows], False, columns)


def _change(identifier: str, what: str, wanted: bool, confirmed: bool, where: Any) -> None:
    scope = what if what in ("everything", "*") or ":" in what else f"topic:{what}"
    settings, store = open_store(**where)
    try:
        with store.write() as tx:
            profile = find(tx, identifier).id
            made = kept.change(
                tx, profile, {scope: wanted}, now_ms(), "console", base_url(settings), confirmed
            )
    except kept.NotChosen as error:
        raise CliError(str(error)) from None
    if made.awaiting:
        click.echo(f"asked {identifier} to confirm {', '.join(made.awaiting)}")


@click.command(help=f"Subscribe the person with IDENTIFIER. {_WHAT}\n\n"
               "Example: cdp profiles subscribe user_id:u1 news")  # fmt: skip
@store_options
@click.argument("identifier")
@click.argument("what")
@click.option("--confirmed", is_flag=True, help="They have confirmed it: no double opt-in.")
def subscribe(identifier: str, what: str, confirmed: bool, **where: Any) -> None:
    _change(identifier, what, True, confirmed, where)


@click.command(help=f"Unsubscribe the person with IDENTIFIER. {_WHAT}\n\n"
               "Example: cdp profiles unsubscribe user_id:u1 everything")  # fmt: skip
@store_options
@click.argument("identifier")
@click.argument("what")
def unsubscribe(identifier: str, what: str, **where: Any) -> None:
    _change(identifier, what, False, False, where)
