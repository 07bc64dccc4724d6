"""``cdp journeys``: people on their way, step by step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection

from cdp.cli.common import (
    author,
    json_option,
    now_ms,
    open_store,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.definitions import group_of
from cdp.cli.errors import CliError
from cdp.cli.journey_approvals import APPROVALS, ROLE
from cdp.cli.journey_common import done, read_file, seen
from cdp.cli.journey_lint import lint
from cdp.cli.journey_people import PEOPLE
from cdp.cli.journey_report import report
from cdp.cli.journey_try import TRY
from cdp.definitions.journey import JOURNEY

journeys_ = group_of(
    JOURNEY, "journeys", "People on their way, step by step: launch, pause, stop, look.", None
)
_key = click.argument("key")
for command in (lint, report, *PEOPLE, *APPROVALS, *TRY):
    journeys_.add_command(command)


_LISTED = [
    "key",
    "name",
    "state",
    "reason",
    "inside",
    "held",
    "entered",
    "launched_version",
    "version",
]


@journeys_.command("list")
@store_options
@json_option
def list_(as_json: bool, **where: Any) -> None:
    """List journeys, with how many people are inside. Example: cdp journeys list"""
    from cdp.delivery.journeys import shown

    _, store = open_store(**where)
    print_rows(seen(store, shown.listed), as_json, _LISTED)


@journeys_.command("show")
@store_options
@_key
@json_option
def show(key: str, as_json: bool, **where: Any) -> None:
    """Show a journey, and who stands where. Example: cdp journeys show welcome"""
    from cdp.delivery.journeys import shown
    from cdp.store import definitions
    from cdp.store.journeys import launched as journeys

    def look(tx: Connection) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        found, row = shown.shown(tx, key), journeys.row(tx, key)
        there = definitions.current(tx, "journey", key)
        found["definition"] = there.body if there is not None else None
        return found, shown.standings(tx, row) if row is not None else []

    _, store = open_store(**where)
    found, steps = seen(store, look)
    if as_json:
        print_object({**found, "steps": steps}, True)
        return
    definition = found.pop("definition")
    print_object(found, False)
    if steps:
        click.echo("")
        print_rows(steps, False)
    if definition is not None:
        from cdp.files import dump_yaml

        click.echo("\n" + dump_yaml(definition).rstrip())


@journeys_.command("add")
@store_options
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", help="In place of the file's.")
@json_option
def add(file: Path, key: str | None, as_json: bool, **where: Any) -> None:
    """Add the journey in FILE, or a new version of it; its state is left to `launch`.

    Example: cdp journeys add welcome.yaml
    """
    from cdp.definitions import DefinitionError
    from cdp.delivery.journeys import shown
    from cdp.store.defined import defining

    _, store = open_store(**where)
    given, read = read_file(file)
    key = key or given.pop("key", None)
    given.pop("key", None)
    if not key:
        raise CliError(f"{file} has no key")
    try:
        with store.write() as tx:
            made = defining.put(tx, now_ms(), ("journey", key), given, author())
            row = shown.shown(tx, key)
    except DefinitionError as error:
        for fault in error.faults:
            click.echo(str(read.located(fault)), err=True)
        several = "s" * (len(error.faults) != 1)
        raise CliError(f"{len(error.faults)} error{several} in {file}; nothing was added") from None
    for fault in made.warnings:
        click.echo(f"warning: {read.located(fault)}", err=True)
    print_object(row, as_json)


@journeys_.command("launch")
@store_options
@_key
@click.option("--version", type=int, help="An older version; the newest, if not said.")
@click.option("--enter", type=click.Choice(["new", "all"]), help="Who: from now on, or all.")
@click.option(
    "--inside", default="stay", metavar="stay|move|JSON",
    help='People in other versions: stay there, move where their step is, or by step: '
    '{"STEP": {"to": "STEP"}, "STEP": "exit"}.',
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def launch(
    key: str, version: int | None, enter: str | None, inside: str, yes: bool, as_json: bool,
    **where: Any,
) -> None:  # fmt: skip
    """Let people enter KEY by its newest version, or by another; so one goes back, too.

    Example: cdp journeys launch welcome --inside move
    """
    from cdp.delivery.journeys import office, shown
    from cdp.delivery.journeys.launching import insiders
    from cdp.plugin import manager

    people: Any = inside
    if inside not in ("stay", "move"):
        try:
            people = json.loads(inside)
        except ValueError:
            people = None
        if not isinstance(people, dict):
            raise CliError('--inside takes stay, move, or {"STEP": {"to": "STEP"}}')
    settings, store = open_store(**where)
    there = seen(store, lambda tx: insiders(tx, key, version))
    if there and not yes and not as_json:
        print_rows([item._asdict() for item in there], False)
        click.confirm(f"Launch it? Those inside: {inside}", abort=True, err=True)
    classes = manager.load(settings.plugin_folder).destinations()

    def act(tx: Connection) -> dict[str, Any]:
        office.launch(
            tx, key, author(), now_ms(),
            version=version, destinations=classes, people=people, enter=enter, role=ROLE,
        )  # fmt: skip
        return shown.shown(tx, key)

    print_object(done(store, act), as_json)


def _act(verb: str, about: str) -> None:
    @store_options
    @_key
    @json_option
    def command(key: str, as_json: bool, **where: Any) -> None:
        from cdp.delivery.journeys import office, shown

        def act(tx: Connection) -> dict[str, Any]:
            getattr(office, verb)(tx, key, author(), now_ms())
            return shown.shown(tx, key)

        _, store = open_store(**where)
        print_object(done(store, act), as_json)

    text = f"{about} Example: cdp journeys {verb} welcome"
    journeys_.command(verb, help=text)(command)


_act("pause", "Nobody enters, and nobody takes a next step.")
_act("resume", "Go on after a pause.")
_act("drain", "Nobody enters any more; those inside go on to their end.")
_act("stop", "End it for all who are inside.")


@journeys_.command()
@store_options
@_key
@click.argument("share", type=float)
@json_option
def rollout(key: str, share: float, as_json: bool, **where: Any) -> None:
    """Let SHARE per cent of people enter KEY. Example: cdp journeys rollout welcome 10"""
    from cdp.delivery.journeys import office, shown

    def act(tx: Connection) -> dict[str, Any]:
        office.rollout(tx, key, author(), now_ms(), share)
        return shown.shown(tx, key)

    _, store = open_store(**where)
    print_object(done(store, act), as_json)


@journeys_.command()
@store_options
@_key
@json_option
def decisions(key: str, as_json: bool, **where: Any) -> None:
    """List what KEY decided by itself: that it paused, a winner, a stage of its rollout.

    Example: cdp journeys decisions welcome
    """
    from cdp.delivery.journeys import shown
    from cdp.delivery.journeys.there import launched
    from cdp.store.journeys import decisions as journey_decisions

    def look(tx: Connection) -> list[dict[str, Any]]:
        found = journey_decisions.of(tx, launched(tx, key).id)
        return [shown.decision(item) for item in found]

    _, store = open_store(**where)
    columns = ["at", "kind", "step", "variant", "author", "reason"]
    print_rows(seen(store, look), as_json, columns)


@journeys_.command()
@store_options
@_key
@json_option
def versions(key: str, as_json: bool, **where: Any) -> None:
    """List the versions of KEY, and who is inside. Example: cdp journeys versions welcome"""
    from cdp.delivery.journeys import shown

    _, store = open_store(**where)
    rows = seen(store, lambda tx: shown.versions(tx, key))
    if not as_json:
        rows = [{**row, "changed": ", ".join(row["changed"])} for row in rows]
    print_rows(rows, as_json)


@journeys_.command()
@store_options
@_key
@click.argument("before", type=int)
@click.argument("after", type=int, required=False)
@json_option
def diff(key: str, before: int, after: int | None, as_json: bool, **where: Any) -> None:
    """Say how version AFTER of KEY (the newest, if not said) differs from BEFORE, step by step.

    Example: cdp journeys diff welcome 1 2
    """
    from cdp.delivery.journeys.launching import differences

    _, store = open_store(**where)
    rows = seen(store, lambda tx: differences(tx, key, before, after))
    if as_json or rows:
        print_rows(rows, as_json)
    else:
        click.echo("they say the same", err=True)
