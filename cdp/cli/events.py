"""``cdp events``: what came in, what was refused, and sending it again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cdp.cli.catalogue import catalogue
from cdp.cli.common import (
    Moment,
    author,
    json_option,
    now_ms,
    open_store,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.cli.virtual_events import virtual
from cdp.events import MalformedJSON, decode_json, format_time
from cdp.store import Store, config_rows
from cdp.store.events import history
from cdp.store.events.console_queries import newest_rejected, one_rejected
from cdp.store.events.history import HistoryRow
from cdp.store.tables import HISTORICAL, SECONDARY

_PAGE = 500


@click.group(invoke_without_command=True)
@store_options
@click.option("--limit", default=50, show_default=True, help="How many at most.")
@click.option("--type", "type_", help="Only this call type.")
@click.option("--name", help="Only events of this name.")
@click.option("--source", help="Only from this source.")
@click.option("--user", help="Only with this userId or anonymousId.")
@click.option("--rejected", is_flag=True, help="What was refused, with the reason.")
@click.option("--follow", is_flag=True, help="Go on with what comes in.")
@json_option
@click.pass_context
def events(
    ctx: click.Context, /, data: Path | None, database_url: str | None, **options: Any
) -> None:
    """See events, newest first.

    Example: cdp events --name "Order Completed" --limit 5
    """
    if ctx.invoked_subcommand is not None:
        return
    _, store = open_store(data, database_url)
    as_json: bool = options["as_json"]
    if options["rejected"]:
        columns = ["at", "source", "code", "detail", "type", "name", "message_id"]
        print_rows(_rejected(store, options), as_json, columns)
        return
    if options["follow"]:
        _follow(store, options)
        return
    rows = _events(store, options)
    print_rows(rows if as_json else map(_short, rows), as_json)


def _rejected(store: Store, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    left, before = options["limit"], None
    with store.read() as tx:
        sources = {s.id: s.key for s in config_rows.all_sources(tx)}
    while left > 0:
        with store.read() as tx:
            page = newest_rejected(tx, limit=min(left, _PAGE), before=before)
            full = [one_rejected(tx, row.id) for row in page]
        if not page:
            return
        for row in full:
            if row is None:
                continue
            before = row.id
            left -= 1
            if options["source"] and sources.get(row.source_id or 0) != options["source"]:
                continue
            yield {
                "id": row.id,
                "at": format_time(row.at),
                "source": sources.get(row.source_id or 0),
                "code": row.code,
                "reason": row.detail,
                "detail": row.detail,
                "type": row.type,
                "name": row.name,
                "message_id": row.message_id,
                "body": _body(bytes(row.body or b"")),
            }


def _body(raw: bytes) -> Any:
    try:
        return decode_json(raw)
    except (MalformedJSON, ValueError):
        return raw.decode(errors="backslashreplace")


def _events(store: Store, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    left, before = options["limit"], None
    while left > 0:
        with store.read() as tx:
            rows = history.newest_rows(tx, before, _PAGE)
            found = list(_bodies(tx, rows, options))
        if not rows:
            return
        before = rows[-1].seq
        yield from found[:left]
        left -= len(found)


def _bodies(tx: Any, rows: list[HistoryRow], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    names = history.names_of(tx, [row.name for row in rows])
    sources = {s.id: s.key for s in config_rows.all_sources(tx)}
    rows = [
        row
        for row in rows
        if not row.flags & SECONDARY
        and options["type_"] in (None, names[row.name][0])
        and options["name"] in (None, names[row.name][1])
        and options["source"] in (None, sources.get(row.source))
    ]
    bodies = history.bodies_of(tx, rows)
    for row in rows:
        body = decode_json(bodies[row.seq].raw)
        if options["user"] and options["user"] not in (body.get("userId"), body.get("anonymousId")):
            continue
        body["_source"] = sources.get(row.source)
        body["_seq"] = row.seq
        body["_historical"] = bool(row.flags & HISTORICAL)
        yield body


def _short(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": body["timestamp"],
        "type": body["type"],
        "name": body.get("event") or body.get("name"),
        "person": body.get("userId") or body.get("anonymousId"),
        "source": body["_source"],
    }


def _follow(store: Store, options: dict[str, Any]) -> None:
    with store.read() as tx:
        newest = history.newest_rows(tx, None, 1)
    after = newest[0].seq + 1 if newest else 1
    while True:
        with store.read() as tx:
            rows = history.rows_after(tx, after, _PAGE)
            for body in _bodies(tx, rows, options):
                if options["as_json"]:
                    print_rows([body], True)
                else:
                    click.echo("  ".join(str(v or "") for v in _short(body).values()))
        if rows:
            after = rows[-1].seq + 1
        else:
            time.sleep(0.2)


@events.command()
@store_options
@click.option("--from", "from_ms", type=Moment(), required=True, help="From this event time on.")
@click.option("--to", "to_ms", type=Moment(), default="now", help="Up to this event time.")
@click.option("--destination", help="Send them to this destination.")
@json_option
def replay(from_ms: int, to_ms: int, destination: str | None, as_json: bool, **where: Any) -> None:
    """Take stored events once more.

    With --destination they are sent to it, historical ones included. Without, they
    are folded into profiles and traits anew, which repairs and never doubles.

    Example: cdp events replay --from 2h --to now --destination webhook
    """
    from cdp.delivery.replay import start

    settings, store = open_store(where["data"], where["database_url"])
    if destination is None:
        from cdp.pipeline.refold import refold

        print_object({"folded_anew": refold(store, settings, from_ms, to_ms)}, as_json)
        return
    with store.read() as tx:
        found = config_rows.destination_by_key(tx, destination)
    if found is None:
        raise CliError(f"there is no destination {destination!r}")
    with store.write() as tx:
        name = start(tx, now_ms(), from_ms, to_ms, found, author())
    print_object({"replay": name, "destination": destination}, as_json)


events.add_command(catalogue)
events.add_command(virtual)
