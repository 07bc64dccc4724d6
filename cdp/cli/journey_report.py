"""``cdp journeys report``: how a journey goes."""

from __future__ import annotations

from datetime import date
from typing import Any

import click

from cdp.cli.common import (
    json_option,
    now_ms,
    open_store,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.journey_common import seen

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("report")
@store_options
@click.argument("key")
@click.option("--from", "first", type=_DAY, help="The first day (UTC).")
@click.option("--to", "last", type=_DAY, help="The last day; the last thirty, if not said.")
@click.option("--version", type=int, help="Of this version alone.")
@click.option("--audience", help="Of those alone who are in this audience now.")
@json_option
def report(
    key: str, first: Any, last: Any, version: int | None, audience: str | None, as_json: bool,
    **where: Any,
) -> None:  # fmt: skip
    """Say how KEY goes: entries, steps, messages, goals, holdouts, experiments.

    Example: cdp journeys report welcome --from 2026-01-01
    """
    from cdp.delivery.journeys.report import report as made

    _, store = open_store(**where)
    found = seen(
        store,
        lambda tx: made(
            tx,
            key,
            now_ms(),
            first=_number(first),
            last=_number(last),
            version=version,
            audience=audience,
        ),
    )
    if as_json:
        print_object(found, True)
        return
    names = ("from", "to", "entered", "inside", "converted", "value")
    print_object({name: found[name] for name in names}, False)
    for group, n in sorted(found["kept_out"].items()):
        click.echo(f"  {n:,} kept out: {group}")
    for reason, n in sorted(found["ended"].items(), key=lambda item: -item[1]):
        click.echo(f"  {n:,} ended: {reason}")
    click.echo("")
    rows = [
        {
            "step": step["step"],
            "entered": step["entered"],
            "inside": step["inside"],
            "left": ", ".join(f"{exit} {n:,}" for exit, n in step["left"].items()),
            **{
                name: (step["messages"] or {}).get(name, "")
                for name in ("sent", "delivered", "opened", "clicked", "bounced")
            },
        }
        for step in found["steps"]
    ]
    print_rows(rows, False)
    for item in (*found["holdouts"], *found["experiments"]):
        click.echo(f"{item['step']}: {item['sentence']}")


def _number(day: Any) -> int | None:
    return (day.date() - date(1970, 1, 1)).days if day is not None else None
