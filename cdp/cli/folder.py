"""``cdp pull``, ``cdp plan`` and ``cdp apply``: what people define, as files."""

from __future__ import annotations

import os
import sys
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
    reads_conditions,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.cli.plans import print_plan
from cdp.config import Settings
from cdp.folder import work
from cdp.folder.lock import BadLock
from cdp.folder.model import StalePlan, World
from cdp.store import Store
from cdp.store.messages.images import NoRoom

_folder = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
_prune = click.option(
    "--prune", is_flag=True, help="Also remove what the folder does not have (any more)."
)
_overwrite = click.option(
    "--overwrite", is_flag=True, help="Go over edits that the folder has not seen."
)


def _world(settings: Settings) -> World:
    from cdp.delivery.messages.letters import base_url
    from cdp.plugin import manager

    return World(
        manager.load(settings.plugin_folder).destinations(), os.environ,
        base=base_url(settings), room=settings.images_room,
    )  # fmt: skip


def _refused(error: work.BadFiles, as_json: bool, so: str) -> CliError:
    """Tell all that is wrong with files, and what came of it."""
    for fault in error.faults:
        if as_json:
            row = fault._asdict()
            print_object({"error": row.pop("text"), **row}, True)
        else:
            click.echo(str(fault), err=True)
    return CliError(f"{error}; {so}")


@click.command()
@store_options
@_folder
@click.option(
    "--overwrite", is_flag=True, help="Take what the store has over edits made in the folder."
)
@json_option
def pull(folder: Path, overwrite: bool, as_json: bool, **where: Any) -> None:
    """Write what is defined into FOLDER, one object a file; comments in files stay.

    Sources, destinations, virtual events, computed traits, audiences, and the rules of
    identity and traits where they were changed. Secrets become ${env:NAME}.

    Example: cdp pull definitions
    """
    settings, store = open_store(**where)
    world = _world(settings)
    try:
        told = work.pull(store, folder, world, overwrite=overwrite)
    except work.BadFiles as error:
        raise _refused(error, as_json, "nothing was pulled") from None
    except BadLock as error:
        raise CliError(str(error)) from None
    for text in work.left_out(store, world):
        click.echo(f"warning: {text}", err=True)
    rows = [
        {
            "action": row.action,
            "kind": row.id[0],
            "key": row.id[1],
            "file": row.file,
            "why": row.why,
        }
        for row in told
    ]
    if rows or as_json:
        print_rows(rows, as_json)
    else:
        click.echo("the folder is up to date", err=True)
    kept = [row for row in told if row.action == "kept"]
    if kept:
        several = f"{len(kept)} files were" if len(kept) > 1 else f"{kept[0].file} was"
        raise CliError(f"{several} kept: {kept[0].why}; --overwrite takes what the store has")


def _planned(store: Store, world: World, folder: Path, as_json: bool, **how: Any) -> work.Planned:
    try:
        return work.plan(store, folder, world, **how)
    except work.BadFiles as error:
        raise _refused(error, as_json, "nothing was applied") from None
    except BadLock as error:
        raise CliError(str(error)) from None


@click.command()
@store_options
@_folder
@_prune
@_overwrite
@json_option
def plan(folder: Path, prune: bool, overwrite: bool, as_json: bool, **where: Any) -> None:
    """Say what an apply of FOLDER would change, and for how many people.

    All that is wrong with the files is told at once, with file, line and column. With
    --json an object a line for each change, or for each error.

    Example: cdp plan definitions
    """
    reads_conditions()
    settings, store = open_store(**where)
    how = {"prune": prune, "overwrite": overwrite}
    planned = _planned(store, _world(settings), folder, as_json, now=now_ms(), **how)
    _show(planned, as_json)
    if planned.plan.conflicts:
        raise CliError(str(work.Conflicts(planned.plan)))


def _show(planned: work.Planned, as_json: bool) -> None:
    if as_json:
        new = [{"action": "create", "kind": "image", "file": one.file} for one in planned.images]
        print_rows([*new, *planned.plan.rows()], True)
        return
    for one in planned.images:
        click.echo(f"+ image {one.file} ({len(one.image.data) / 1024:,.0f} KB)")
    if planned.plan.steps:
        print_plan(planned.plan)
    elif not planned.images:
        click.echo("nothing to do: the store says what the files say", err=True)


@click.command()
@store_options
@_folder
@click.option("--yes", is_flag=True, help="Don't ask.")
@_prune
@_overwrite
@json_option
def apply(
    folder: Path, yes: bool, prune: bool, overwrite: bool, as_json: bool, **where: Any
) -> None:
    """Make what FOLDER says hold: all of it, or nothing.

    Shows the plan and asks first. What somebody changed since the folder saw it last is
    not overwritten: cdp pull brings it into the folder.

    Example: cdp apply definitions --yes
    """
    reads_conditions()
    settings, store = open_store(**where)
    world = _world(settings)
    how = {"prune": prune, "overwrite": overwrite}
    planned = _planned(store, world, folder, as_json, now=None if yes else now_ms(), **how)
    _show(planned, as_json)
    if planned.plan.conflicts:
        raise CliError(f"{work.Conflicts(planned.plan)}; nothing was applied")
    changes = len(planned.plan.steps) + len(planned.images)
    if changes and not yes:
        if not sys.stdin.isatty() and as_json:
            raise CliError("nothing was applied: --yes says that it is meant")
        click.confirm("Apply this?", abort=True, err=True)
    who = author().removesuffix(" (cli)")
    try:
        work.apply(store, planned, world, who, now_ms())
    except (StalePlan, NoRoom) as error:
        raise CliError(f"{error}; nothing was applied") from None
    if changes and not as_json:
        click.echo(f"applied: {changes} change{'s' * (changes != 1)}")
