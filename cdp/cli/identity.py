"""``cdp profiles explain``, ``unmerge``, ``cuts`` and ``rules``: how people become one profile."""

from __future__ import annotations

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
from cdp.identity import Identifier, parse_identifier, public_id
from cdp.store import config_rows
from cdp.store.profiles import identity, people


@click.command()
@store_options
@click.argument("identifier")
@json_option
def explain(identifier: str, as_json: bool, **where: Any) -> None:
    """Say what joined the profile of IDENTIFIER, when, by which message and rule.

    Example: cdp profiles explain user_id:u1
    """
    from cdp.pipeline.story import story

    _, store = open_store(**where)
    with store.read() as tx:
        told = story(tx, find(tx, identifier))
    if as_json:
        print_object(told, True)
        return
    from rich.console import Console
    from rich.tree import Tree

    branch = told["profile"]
    console = Console(highlight=False, markup=False)
    if branch is None:
        console.print(f"{told['id']}  the rules block all of its identifiers by now")
    else:
        tree = Tree(_head(branch), highlight=False)
        _grow(tree, branch, branch["id"])
        console.print(tree)
    for other in told["elsewhere"]:
        for apart in other["kept_apart"]:
            console.print(
                f"{other['at']}  {_message(other)} of {other['profile']} also named "
                f"{apart['identifier']}, kept apart: {apart['because']}"
            )
    for cut in told["cuts"]:
        console.print(
            f"cut {cut['number']}  {', '.join(cut['taken'])}  from  {', '.join(cut['from'])}"
            f"  ({cut['author']}, {cut['at']}{', ' + cut['note'] if cut['note'] else ''})"
        )


def _head(branch: dict[str, Any]) -> str:
    return f"{branch['id']}  founded by {branch['founded_by']} at {branch['created_at']}"


def _grow(tree: Any, branch: dict[str, Any], told: str) -> None:
    """Add the steps of ``branch``, which is in the profile with the id ``told``."""
    for step in branch["steps"]:
        parts = [f"{step['at']}  {_message(step)}"]
        if step["known_by"]:
            parts.append(f"known by {', '.join(step['known_by'])}")
        if step["added"]:
            parts.append(f"added {', '.join(step['added'])}")
        leaf = tree.add("; ".join(parts))
        for apart in step["kept_apart"]:
            home = apart["belongs_to"]
            # A limit in a window: what was kept apart in one may be theirs in the next.
            whose = "; by now it is theirs" if home == told else f"; it is {home}'s" if home else ""
            leaf.add(f"kept apart {apart['identifier']}: {apart['because']}{whose}")
        for joined in step["joined"]:
            by = ", ".join(joined["by"])
            taken = leaf.add(f"took in, by {by}:  {_head(joined['profile'])}")
            _grow(taken, joined["profile"], told)
    if branch["more"]:
        tree.add(f"and {branch['more']:,} more")


def _message(step: dict[str, Any]) -> str:
    what = step.get("name") or step.get("type") or "message"
    source = f" from {step['source']}" if step["source"] else ""
    return f"{what}{source} ({step['message_id']})"


def _identifier(text: str) -> Identifier:
    found = parse_identifier(text)
    if found is None:
        raise CliError(f"write an identifier as type:value, not {text!r}")
    return found


@click.command()
@store_options
@click.argument("identifier")
@click.option("--take", multiple=True, required=True, help="type:value to take out; repeatable.")
@click.option("--keep", help="type:value that stays; by default IDENTIFIER, if it has a type.")
@click.option("--note", help="Why, for whoever looks at it later.")
@click.option("--dry-run", is_flag=True, help="Only say what would be parted.")
@json_option
def unmerge(
    identifier: str,
    take: tuple[str, ...],
    keep: str | None,
    note: str | None,
    dry_run: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Take identifiers out of the profile of IDENTIFIER for good. It can be undone.

    Traits and events of both sides become what they would have been without the link,
    and no replay and no new event brings it back.

    Example: cdp profiles unmerge user_id:u1 --take anonymous_id:a7
    """
    from cdp.pipeline import unmerge as parting
    from cdp.pipeline.story import cut_shown, word

    _, store = open_store(**where)
    taken = [_identifier(text) for text in take]
    stays = _identifier(keep or identifier)
    try:
        with store.read() as tx:
            found = find(tx, identifier)
            if keep is None and (stays[0] in ("id", "segment_id") or stays in taken):
                stays = None  # type: ignore[assignment]
            plan = parting.plan(tx, found, taken, stays)
            joins = parting.company(tx, found, plan.sides)
        shown: dict[str, Any] = {
            "taken": [word(item) for item in sorted(plan.sides.left)],
            "from": [word(item) for item in sorted(plan.sides.right)],
            "links": [row.first_message_id for row in plan.links],
            "events_taken": plan.events_taken,
            "events_kept": plan.events_kept,
            "joins": [word(item) for item in joins],
        }
        if not dry_run:
            cut = parting.unmerge(store, found, taken, author(), now_ms(), keep=stays, note=note)
            with store.read() as tx:
                row = next(row for row in identity.all_cuts(tx) if row.cut == cut)
                twin = people.resolve(tx, cut.collection, *taken[0])
            shown = {"cut": cut_shown(row)["number"], **shown}
            if twin is not None:
                shown["profile"] = public_id(twin.collection, twin.anchor)
    except parting.CannotUnmerge as error:
        raise CliError(str(error)) from None
    print_object(shown, as_json)
    if not dry_run and not as_json:
        click.echo(f"undo it with: cdp profiles cuts undo {shown['cut']}", err=True)


@click.group(invoke_without_command=True)
@store_options
@json_option
@click.pass_context
def cuts(ctx: click.Context, /, as_json: bool, **where: Any) -> None:
    """List what was parted, by whom and when. Example: cdp profiles cuts"""
    from cdp.pipeline.story import cut_shown

    if ctx.invoked_subcommand is None:
        _, store = open_store(**where)
        with store.read() as tx:
            print_rows([cut_shown(row) for row in identity.all_cuts(tx)], as_json)


@cuts.command("undo")
@store_options
@click.argument("number", type=int)
def undo(number: int, **where: Any) -> None:
    """Take a cut back: its links hold again. Example: cdp profiles cuts undo 3"""
    from cdp.pipeline import unmerge as parting

    _, store = open_store(**where)
    if not parting.undo(store, number, author(), now_ms()):
        raise CliError(f"there is no cut {number} that holds")


@click.group(invoke_without_command=True)
@store_options
@json_option
@click.pass_context
def rules(ctx: click.Context, /, as_json: bool, **where: Any) -> None:
    """Print the identity rules as a file. Example: cdp profiles rules > identity.yaml"""
    from cdp.identity.rules_file import default_file
    from cdp.store import definitions

    if ctx.invoked_subcommand is not None:
        return
    _, store = open_store(**where)
    with store.read() as tx:
        found = definitions.current(tx, identity.KIND, identity.KEY)
    body = found.body if found is not None and found.body is not None else default_file()
    if as_json:
        print_object(body, True)
    else:
        from cdp.files import dump_yaml

        click.echo(dump_yaml(body), nl=False)


@rules.command("apply")
@store_options
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--wait", is_flag=True, help="Return when all profiles follow the new rules.")
@json_option
def apply(file: Path, dry_run: bool, wait: bool, as_json: bool, **where: Any) -> None:
    """Make FILE the identity rules; they hold for the past as well.

    Example: cdp profiles rules apply identity.yaml --dry-run
    """
    from rich.console import Console
    from rich.progress import Progress

    from cdp.files import BadFile, load_yaml
    from cdp.identity.rules_file import RulesError, check
    from cdp.pipeline import sweep

    _, store = open_store(**where)
    try:
        body = check(load_yaml(file))
    except (BadFile, RulesError) as error:
        raise CliError(f"{file}: {error}") from None
    err = Console(stderr=True)
    with store.read() as tx:
        known = {source.key for source in config_rows.all_sources(tx)}
    for key in sorted(set(body.get("sources", {})) - known):
        click.echo(f"careful: there is no source {key!r}, so its line does nothing", err=True)
    with Progress(console=err, transient=True) as bar:
        if dry_run:
            task = bar.add_task("comparing", total=None)
            effect = sweep.Effect(0, 0, 0, 0, [])
            for effect in sweep.preview(store, body):
                bar.update(task, completed=effect.looked_at, total=effect.of)
            shown: dict[str, Any] = effect._asdict()
            shown["examples"] = [
                {
                    "now": [":".join(i) for i in now],
                    "then": [[":".join(i) for i in t] for t in then],
                }
                for now, then in effect.examples
            ]
        else:
            made = sweep.change_rules(store, body, author(), now_ms())
            shown = {"version": made.version, "author": made.author}
            if wait:
                task = bar.add_task("folding profiles anew", total=None)
                while (at := sweep.step(store, now_ms())) is not None:
                    bar.update(task, completed=at.at, total=at.end)
    print_object(shown, as_json)


@rules.command("history")
@store_options
@json_option
def history(as_json: bool, **where: Any) -> None:
    """List the versions of the rules, newest first. Example: cdp profiles rules history"""
    from cdp.events import format_time
    from cdp.store import definitions

    _, store = open_store(**where)
    with store.read() as tx:
        found = definitions.versions(tx, identity.KIND, identity.KEY)
    rows = [{"version": v.version, "author": v.author, "at": format_time(v.at)} for v in found]
    print_rows(rows, as_json)
