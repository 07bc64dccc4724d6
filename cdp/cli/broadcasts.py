"""``cdp broadcasts``: one message to an audience."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from cdp.cli.common import (
    author,
    json_option,
    know_functions,
    now_ms,
    open_store,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.files import BadFile, load_yaml
from cdp.store import Store
from cdp.store.messages import broadcasts
from cdp.store.messages.broadcasts import Broadcast, KeyTaken, NoSuchBroadcast


@click.group("broadcasts")
def broadcasts_() -> None:
    """One message to an audience: add, check, start, pause, resume, cancel, report."""


def _act(store: Store, act: Callable[[Connection], Broadcast]) -> Broadcast:
    from cdp.messaging.broadcasts.plan import BadPlan
    from cdp.messaging.broadcasts.states import NotNow

    try:
        with store.write() as tx:
            return act(tx)
    except (BadPlan, NotNow, NoSuchBroadcast, KeyTaken) as error:
        raise CliError(str(error)) from None


def _found(store: Store, key: str) -> Broadcast:
    try:
        with store.read() as tx:
            return broadcasts.find(tx, key)
    except NoSuchBroadcast as error:
        raise CliError(f"{error}: cdp broadcasts list") from None


def _row(row: Broadcast) -> dict[str, Any]:
    from cdp.api.broadcasts import shown

    return shown(row)


_LISTED = ["key", "name", "state", "people", "queued", "begins_at", "ended_at"]


@broadcasts_.command("list")
@store_options
@json_option
def list_(as_json: bool, **where: Any) -> None:
    """List them, newest first. Example: cdp broadcasts list"""
    _, store = open_store(**where)
    with store.read() as tx:
        found = [_row(row) for row in broadcasts.page(tx, None, 1000)]
    if not as_json:
        found = [{name: row[name] for name in _LISTED} for row in found]
    print_rows(found, as_json)


@broadcasts_.command()
@store_options
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", help="By which commands call it; made of the name if unset.")
@json_option
def add(file: Path, key: str | None, as_json: bool, **where: Any) -> None:
    """Add a draft from FILE, in YAML.

    Example: cdp broadcasts add sale.yaml
    """
    from cdp.delivery.broadcasts import acts

    settings, store = open_store(**where)
    know_functions(settings)
    try:
        body = load_yaml(file)
    except BadFile as error:
        raise CliError(f"{file}: {error}") from None
    if body.pop("kind", "broadcast") != "broadcast":
        raise CliError(f"{file}: its kind is not broadcast")
    key = key or body.pop("key", None)
    body.pop("key", None)
    made = _act(store, lambda tx: acts.create(tx, body, author(), now_ms(), key))
    print_object(_row(made), as_json)


@broadcasts_.command()
@store_options
@click.argument("key")
@json_option
def show(key: str, as_json: bool, **where: Any) -> None:
    """Show a broadcast, by key or number. Example: cdp broadcasts show sale"""
    _, store = open_store(**where)
    print_object(_row(_found(store, key)), as_json)


@broadcasts_.command()
@store_options
@click.argument("key")
@json_option
def check(key: str, as_json: bool, **where: Any) -> None:
    """Say what should hold before it goes, and who would get nothing and why.

    Example: cdp broadcasts check sale
    """
    from cdp.api.broadcasts import shown_checks
    from cdp.delivery.broadcasts import checking
    from cdp.messaging.broadcasts.plan import plan_of
    from cdp.plugin import manager

    settings, store = open_store(**where)
    know_functions(settings)
    plugins = manager.load(settings.plugin_folder)
    plan = plan_of(_found(store, key).body)
    found = checking.check(store, settings, plugins, plan, now_ms())
    if as_json:
        click.echo(json.dumps(shown_checks(found), ensure_ascii=False))
    else:
        print_rows([item._asdict() for item in found.items], False, ["state", "text"])
    if not found.ready:
        raise CliError("it can't go as it is")


@broadcasts_.command()
@store_options
@click.argument("key")
@json_option
def report(key: str, as_json: bool, **where: Any) -> None:
    """Say how it goes, or went. Example: cdp broadcasts report sale"""
    from cdp.api.broadcasts import shown_report
    from cdp.delivery.broadcasts import report as reports

    _, store = open_store(**where)
    row = _found(store, key)
    with store.read() as tx:
        found = reports.report(tx, row, now_ms())
    if as_json:
        click.echo(json.dumps(shown_report(row, found), ensure_ascii=False))
        return
    p = found.progress
    click.echo(f"{row.name}: {row.state}, {p.done:.0%} of {p.people:,} people")
    rows = [
        {"variant": line.name or line.template, "sent": line.results["opened"].sent}
        | {name: f"{item.did:,} ({item.rate:.1%})" for name, item in line.results.items()}
        for line in found.lines
    ]
    print_rows(rows, False)
    if found.channels:
        print_rows([{"channel": name, **n} for name, n in found.channels.items()], False)
    told = {"withheld": p.withheld, "failed": p.failed, "waiting": p.deferred}
    for what, counted in told.items():
        for reason, n in sorted(counted.items(), key=lambda item: -item[1]):
            click.echo(f"{what}: {n:,} {reason.removeprefix('person_').replace('_', ' ')}")
    for text in found.words.values():
        if text:
            click.echo(text)


def _command(verb: str, about: str, act: Callable[[Connection, int], Broadcast]) -> None:
    @store_options
    @click.argument("key")
    @json_option
    def command(key: str, as_json: bool, **where: Any) -> None:
        settings, store = open_store(**where)
        know_functions(settings)
        id_ = _found(store, key).id
        print_object(_row(_act(store, lambda tx: act(tx, id_))), as_json)

    text = f"{about} Example: cdp broadcasts {verb} sale"
    broadcasts_.command(verb, help=text)(command)


def _start(tx: Connection, id_: int) -> Broadcast:
    from cdp.delivery.broadcasts import acts

    return acts.schedule(tx, id_, now_ms(), at_once=True)


def _plain(verb: str) -> Callable[[Connection, int], Broadcast]:
    def act(tx: Connection, id_: int) -> Broadcast:
        from cdp.delivery.broadcasts import acts

        found: Broadcast = getattr(acts, verb)(tx, id_, now_ms())
        return found

    return act


_command("start", "Let it go now.", _start)
_command("schedule", "Let it go when it says.", _plain("schedule"))
_command("unschedule", "Make a draft again of what hasn't begun.", _plain("unschedule"))
_command("pause", "Hold back all that waits.", _plain("pause"))
_command("resume", "Go on where it was paused.", _plain("resume"))
_command("cancel", "Take back all that waits, for good.", _plain("cancel"))


@broadcasts_.command()
@store_options
@click.argument("key")
@click.argument("variant")
@json_option
def pick(key: str, variant: str, as_json: bool, **where: Any) -> None:
    """Let the rest of a test's people get VARIANT. Example: cdp broadcasts pick sale b"""
    from cdp.delivery.broadcasts import acts

    _, store = open_store(**where)
    id_ = _found(store, key).id
    done = _act(store, lambda tx: acts.pick(tx, id_, variant, author(), now_ms()))
    print_object(_row(done), as_json)
