"""``cdp audiences``: who is meant, and lists that are kept by hand."""

from __future__ import annotations

import json
from typing import Any

import click

from cdp.cli.common import json_option, now_ms, open_store, print_object, store_options
from cdp.cli.definitions import group_of, switch
from cdp.cli.errors import CliError
from cdp.cli.find import find
from cdp.definitions.audience import AUDIENCE
from cdp.events import parse_time

audiences = group_of(
    AUDIENCE,
    "audiences",
    "Who meets a condition, and lists that are kept by hand.",
    (
        "big_spenders --who 'sum(properties.total of \"Order Completed\" within 30d) > 500'",
        "big_spenders --name 'Big spenders'",
    ),
)
audiences.add_command(
    switch(
        "audience", "archive", "archived", True,
        "Keep KEY and work it out no longer. Example: cdp audiences archive big_spenders",
    )
)  # fmt: skip
audiences.add_command(
    switch(
        "audience", "unarchive", "archived", False,
        "Work KEY out again. Example: cdp audiences unarchive big_spenders",
    )
)  # fmt: skip


@audiences.command("explain")
@store_options
@click.argument("key")
@click.argument("person")
@click.option("--at", help="As it was known then: a time such as 2026-01-31T12:00:00Z.")
@json_option
def explain(key: str, person: str, at: str | None, as_json: bool, **where: Any) -> None:
    """Why PERSON (type:value) is in the audience KEY, or isn't.

    Example: cdp audiences explain big_spenders user_id:u1
    """
    from cdp.api.memberships import told
    from cdp.pipeline.audiences.explain import NotComputed, why

    then = parse_time(at) if at else None
    if at and then is None:
        raise CliError(f"{at} is no time; write it as 2026-01-31T12:00:00Z")
    _, store = open_store(**where)
    with store.read() as tx:
        found = find(tx, person)
        try:
            answer = told(why(tx, key, found, now_ms(), then))
        except NotComputed as error:
            if error.trouble:
                raise CliError(error.trouble) from None
            when = f" at {at}" if at else " (yet)"
            raise CliError(f"there is no audience {key} that has members{when}") from None
    if as_json:
        print_object(answer, True)
        return
    since = f" since {answer['since']}" if answer["since"] else ""
    click.echo(f"{person} {'is' if answer['member'] else 'is not'} in {key}{since}")
    for clause in answer["clauses"]:
        value = f"   it is {json.dumps(clause['value'])}" if "value" in clause else ""
        click.echo(f"  {'yes' if clause['holds'] else 'no ':3} {clause['clause']}{value}")
    if answer["next_change"]:
        click.echo(f"time alone could change that at {answer['next_change']}")
    for change in answer["changes"][:10]:
        what = "entered" if change["entered"] else "left"
        by = f" by event {change['event']}" if change["event"] else ""
        click.echo(f"{change['at']}  {what}, {change['cause']}{by}")
