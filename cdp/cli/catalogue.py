"""``cdp events catalogue``: what has been seen."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import json_option, now_ms, open_store, print_object, print_rows, store_options
from cdp.cli.errors import CliError
from cdp.events.message import TYPES


@click.command()
@click.argument("name", required=False)
@store_options
@click.option("--type", "type_", type=click.Choice(TYPES), help="Only this call type.")
@click.option(
    "--traits",
    metavar="OF",
    help="Traits instead: of users, accounts, or another type of objects.",
)
@click.option("--context", is_flag=True, help="The fields of the context instead.")
@click.option("--source", help="What came from this source alone.")
@click.option("--q", default="", help="A part of the name or of a field's path.")
@json_option
def catalogue(
    name: str | None,
    type_: str | None,
    traits: str | None,
    context: bool,
    source: str | None,
    q: str,
    as_json: bool,
    **where: Any,
) -> None:
    """See which events there are, or with NAME which properties one has.

    Counts are exact; fields come from the messages that were looked into. Calls
    without a name go by their type.

    Example: cdp events catalogue "Order Completed"
    """
    from cdp.api import catalogue as shapes
    from cdp.protocols import root_of
    from cdp.store import config_rows
    from cdp.store.catalogue import reads
    from cdp.store.catalogue.fields import load_classes

    if (name is not None) + (traits is not None) + context > 1:
        raise click.UsageError("give one of NAME, --traits and --context")
    _, store = open_store(**where)
    today = now_ms() // reads.DAY_MS
    with store.read() as tx:
        keys = {item.id: item.key for item in config_rows.all_sources(tx)}
        number = next((id_ for id_, key in keys.items() if key == source), None)
        if source is not None and number is None:
            raise CliError(f"there is no source {source!r}")
        if name is not None:
            found = shapes.detail(tx, today, type_, name, number)
            if found is None:
                raise CliError(f"no event called {name!r} has been seen")
            found["fields"] = found.pop("fields_")
            if q:
                found["fields"] = [f for f in found["fields"] if q.casefold() in f["path"].lower()]
            _print_one(found, as_json)
            return
        if traits or context:
            calls = reads.traits_of(tx, traits) if traits else (reads.CONTEXT, "")
            if calls is None:
                raise CliError(f"there is no type of objects called {traits!r}")
            messages, fields = reads.fields_of(tx, calls[0], q, number, calls[1])
            if not as_json:
                _say(fields.looked, messages)
            rows = shapes.field_rows(fields, keys, load_classes(tx), root_of(*calls))
            print_rows(_fields(rows, as_json), as_json)
            return
        listed = reads.entries(tx, today, q, type_, number)
        rows = [shapes.name_row(entry, listed.lately, keys) for entry in listed.entries]
        other = reads.other(tx)
    print_rows(rows if as_json else map(_short, rows), as_json)
    if other:
        click.echo(f"and {other:,} messages of names that found no room", err=True)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": row["type"],
        "name": row["name"],
        "30 days": row["count_30_days"],
        "share": f"{row['share_30_days']:.1%}",
        "ever": row["count"],
        "last_seen": row["last_seen"][:16].replace("T", " "),
        "sources": ", ".join(row["sources"]),
    }


def _print_one(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_object(found, True)
        return
    keys = ("type", "name", "count", "count_30_days", "share_30_days", "first_seen", "last_seen")
    print_object(
        {
            **{key: found[key] for key in keys},
            "sources": ", ".join(f"{of['source']} {of['count']:,}" for of in found["sources"]),
        },
        False,
    )
    _say(found["looked_into"], found["count"])
    print_rows(_fields(found["fields"], False), False)


def _say(looked: int, messages: int) -> None:
    click.echo(f"\nof {looked:,} looked into among {messages:,}:")


def _fields(rows: list[dict[str, Any]], as_json: bool) -> list[dict[str, Any]]:
    if as_json:
        return rows
    return [
        {
            "path": row["path"],
            "in": f"{row['share']:.0%}",
            "types": ", ".join(f"{t['type']} {t['share']:.0%}" for t in row["types"])
            + (" (!)" if row["conflict"] else ""),
            "samples": ", ".join(_sample(sample) for sample in row["samples"][:5]),
        }
        for row in rows
    ]


def _sample(sample: dict[str, Any]) -> str:
    return f"‹{sample['personal']}›" if sample["personal"] else str(sample["value"])
