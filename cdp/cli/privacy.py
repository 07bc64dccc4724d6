"""``cdp profiles delete`` and its kin."""

from __future__ import annotations

import os
import time
from pathlib import Path
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
from cdp.cli.errors import CliError
from cdp.cli.find import find
from cdp.config import Settings
from cdp.events import format_time
from cdp.identity import Identifier, parse_identifier
from cdp.store import Store, meta
from cdp.store.profiles import regulations
from cdp.store.profiles.regulations import Regulation

#: A pipeline that has not been seen for so long is not running.
_GONE_MS = 30_000


def _shown(store: Store, item: Regulation) -> dict[str, Any]:
    from cdp.api.privacy import shown

    with store.read() as tx:
        destinations = shown(tx, item)["destinations"]
    return {
        "id": item.public_id,
        "type": item.type,
        "state": item.state,
        "phase": item.phase,
        "done": item.detail.get("done", 1.0 if item.ended else 0.0),
        "subjects": item.detail.get("subjects"),
        "people": item.detail.get("people"),
        "author": item.author,
        "created_at": format_time(item.created_at),
        "finished_at": format_time(item.finished_at) if item.finished_at is not None else None,
        "destinations": destinations,
        "left": item.detail.get("left", []),
        "exports": item.detail.get("exports", []),
    }


def _subject(text: str) -> Identifier:
    found = parse_identifier(text)
    if found is None:
        raise CliError(f"write an identifier as type:value, such as user_id:{text}")
    if found[0] == "group_id":
        raise CliError("only people can be deleted, not accounts")
    return found


@click.command()
@store_options
@click.argument("identifiers", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do it: nothing can bring a deleted person back.")
@click.option("--suppress", is_flag=True, help="Refuse their later events, too (user_id only).")
@click.option("--internal", is_flag=True, help="Don't tell destinations.")
@click.option("--wait", is_flag=True, help="Return when the deletion is done to the last byte.")
@json_option
def delete(
    identifiers: tuple[str, ...],
    yes: bool,
    suppress: bool,
    internal: bool,
    wait: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Delete the people of IDENTIFIERS and all that is known of them.

    Example: cdp profiles delete user_id:u1 --yes --wait
    """
    from cdp.pipeline import forget

    subjects = [_subject(text) for text in identifiers]
    if suppress and any(type_ != "user_id" for type_, _ in subjects):
        raise CliError("only a user_id can be suppressed")
    settings, store = open_store(**where)
    if not yes:
        raise CliError(f"this deletes {len(subjects)} people for good; say --yes to do it")
    kind = "SUPPRESS_WITH_DELETE" if suppress else "DELETE"
    tail = "_INTERNAL" if internal else "" if suppress else "_ONLY"
    hours = settings.delete_within_hours
    made = forget.regulate(store, kind + tail, subjects, author(), now_ms(), hours, wait)
    if wait:
        made = _wait(settings, store, made)
    print_object(_shown(store, made), as_json)
    if made.state == "FAILED":
        raise CliError("the deletion failed; see above")


def _wait(settings: Settings, store: Store, item: Regulation) -> Regulation:
    """Do the work here as well: whoever is faster does a piece."""
    from cdp.delivery.forward import Forwarder
    from cdp.log import open_reader
    from cdp.pipeline import forget
    from cdp.pipeline.run import Pipeline
    from cdp.plugin import manager
    from cdp.server.plugins import PluginEnricher

    plugins = manager.load(settings.plugin_folder)
    forwarder = Forwarder(store, settings, plugins.destinations())
    reader = open_reader(settings)
    said: set[str] = set()

    def say_who_is_away() -> None:
        with store.read() as tx:
            now = regulations.get(tx, item.id)
        for key in _untold(_shown(store, now)) if now is not None else ():
            if key not in said:
                said.add(key)
                end = format_time(item.created_at + int(settings.retry_hours * 3_600_000))
                click.echo(
                    f"waiting for {key}, which could not be told yet: it is tried until {end}. "
                    "Ctrl-C ends the waiting; a running server goes on with the deletion",
                    err=True,
                )

    def meanwhile() -> None:
        say_who_is_away()
        if forwarder.step() == 0.0:
            return
        with store.read() as tx:
            seen = int(meta.get(tx, "pipeline_seen") or 0)
        if now_ms() - seen > _GONE_MS:
            # No server runs: what still is in the log has to be taken by us.
            Pipeline(store, reader, settings, PluginEnricher(plugins, store, settings)).drain()
        time.sleep(0.1)

    try:
        return forget.finish(store, reader, item.id, now_ms, meanwhile)
    finally:
        reader.close()


@click.command()
@store_options
@click.argument("user_ids", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Take their events again.")
@json_option
def suppress(user_ids: tuple[str, ...], undo: bool, as_json: bool, **where: Any) -> None:
    """Refuse all later events of USER_IDS. Example: cdp profiles suppress user_id:u1"""
    from cdp.pipeline import forget

    subjects = [_subject(text if ":" in text else f"user_id:{text}") for text in user_ids]
    if any(type_ != "user_id" for type_, _ in subjects):
        raise CliError("only a user_id can be suppressed")
    settings, store = open_store(**where)
    kind = regulations.UNSUPPRESS if undo else regulations.SUPPRESS_ONLY
    hours = settings.delete_within_hours
    made = forget.regulate(store, kind, subjects, author(), now_ms(), hours)
    print_object(_shown(store, made), as_json)


@click.command("deletions")
@store_options
@click.option("--limit", default=20, show_default=True)
@json_option
def deletions(limit: int, as_json: bool, **where: Any) -> None:
    """List deletions and suppressions and how far they are. Example: cdp profiles deletions"""
    _, store = open_store(**where)
    with store.read() as tx:
        found = regulations.newest(tx, None, limit)
    rows = [_shown(store, item) for item in found]
    for row in rows if not as_json else ():
        row["waits_for"] = ", ".join(_untold(row))
    columns = ["id", "type", "state", "phase", "done", "waits_for", "people", "created_at"]
    print_rows(rows, as_json, columns)


def _untold(row: dict[str, Any]) -> list[str]:
    """The destinations that could not be told so far."""
    return [
        one["destination"] or "a destination that was removed"
        for one in row["destinations"]
        if one["status"] == "INITIALIZED" and one["attempts"]
    ]


@click.command()
@store_options
@click.argument("identifier")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@json_option
def access(identifier: str, out: Path, as_json: bool, **where: Any) -> None:
    """Write everything that is known of IDENTIFIER into a ZIP, as JSON and as a page.

    Example: cdp profiles access user_id:u1 --out ana.zip
    """
    from cdp.store.privacy.dossier import take_out

    _, store = open_store(**where)
    with store.read() as tx:
        found = find(tx, identifier)
    # Nobody else should read it.
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        events = take_out(store, found, now_ms(), author(), str(out.resolve()), file)
    print_object({"file": str(out), "events": events}, as_json)
