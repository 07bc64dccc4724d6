"""``cdp import``: messages, or people and accounts from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import click

from cdp.cli.common import json_option, open_store, print_object, print_rows, store_options
from cdp.cli.errors import CliError


class WithDefault(click.Group):
    """A command that has commands below it: what is none of their names is its own argument."""

    allow_interspersed_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] in self.commands:
            ctx.meta["below"] = args
            return []
        return click.Command.parse_args(self, ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        if "below" not in ctx.meta:
            return click.Command.invoke(self, ctx)
        name, *rest = ctx.meta.pop("below")
        below = self.commands[name]
        with below.make_context(name, rest, parent=ctx) as sub:
            return below.invoke(sub)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return click.Command.collect_usage_pieces(self, ctx)


@click.group(name="import", cls=WithDefault, invoke_without_command=True, no_args_is_help=False)
@click.argument("file", type=click.File("rb"))
@click.option("--source", default="default", show_default=True, help="The source they came from.")
@click.option("--live", is_flag=True, help="Treat them as news: start journeys, deliver, send.")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["people", "accounts"]),
    help="FILE is a table (CSV, JSON lines, Parquet) of these; the options below go with it.",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="COLUMN=TARGET",
    help="What a column is: user_id, email, traits.plan, time, ignore, …",
)
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="COLUMN=TYPE",
    help="A column is an identifier: user_id, or a type of your own.",
)
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="COLUMN=TYPE",
    help="text, number, boolean, date or date:%d.%m.%Y.",
)
@click.option(
    "--mapping",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with all of that.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    help="What FILE is, if its name does not tell.",
)
@click.option("--encoding", help="Of text, if it is not found out.")
@click.option("--delimiter", help="Between cells, if it is not found out; tab for a tab.")
@click.option("--preview", is_flag=True, help="Show what the columns are taken for, and stop.")
@click.option("--dry-run", is_flag=True, help="Tell what would happen to whom, and stop.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write every refused line to this CSV file.",
)
@click.option("--again", is_flag=True, help="Bring a file in that was brought before.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data.")
@click.option("--database-url", help="postgresql://… instead of SQLite.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(
    file: BinaryIO,
    source: str,
    live: bool,
    kind: str | None,
    format_: str | None,
    as_json: bool,
    data: Path | None,
    database_url: str | None,
    **asked: Any,
) -> None:
    """Take messages from FILE (or - for stdin), one JSON object a line.

    It may be run again: what was taken before is not doubled. A line without a
    messageId gets one from its own text. Lines that can't be taken are named on
    stderr and kept among the rejected events. What cdp export messages wrote is
    taken exactly as it was. With a running server the server folds them in,
    without one this command does.

    With --as, FILE is a table with a row a person or an account. The first line (or
    the keys) names the columns; what they are is guessed from the names, shown by
    --preview, and told by --map, --id and --type. Killed and run again it goes on
    where it was.

    Example: cdp import events.jsonl
    """
    from cdp.cli.import_messages import import_messages

    where = {"data": data, "database_url": database_url}
    if kind is not None:
        from cdp.cli.import_people import Asked, import_people

        if live:
            raise click.UsageError("people and accounts are history: --live does not go with --as")
        import_people(file, Asked(kind=kind, format=format_, **asked), as_json, **where)
        return
    if format_ or any(asked.values()):
        raise click.UsageError("these options go with --as people or --as accounts")
    name = str(getattr(file, "name", ""))
    if name.endswith((".csv", ".tsv", ".parquet")):
        raise CliError(f"{name} is a table: say --as people or --as accounts")
    import_messages(file, source, live, as_json, **where)


@import_.command("list")
@store_options
@json_option
def list_(as_json: bool, **where: Any) -> None:
    """The imports of people and accounts, newest first.

    Example: cdp import list
    """
    from cdp.cli.import_people import shown_import
    from cdp.store.profiles import imports

    _, store = open_store(**where)
    with store.read() as tx:
        rows = [
            shown_import(item, imports.taken(tx, item.source_id))
            for item in imports.all_imports(tx)
        ]
    store.close()
    print_rows(rows, as_json)


@import_.command()
@click.argument("number", type=int)
@store_options
@json_option
def refused(number: int, as_json: bool, **where: Any) -> None:
    """The lines of an import that were not taken, and why.

    Example: cdp import refused 3
    """
    from cdp.cli.import_people import find
    from cdp.store.profiles import imports

    _, store = open_store(**where)
    find(store, number)
    with store.read() as tx:
        print_rows((row._asdict() for row in imports.all_refusals(tx, number)), as_json)
    store.close()


@import_.command()
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Don't ask.")
@store_options
@json_option
def undo(number: int, yes: bool, as_json: bool, **where: Any) -> None:
    """Take an import back: all that it brought goes, as if it had never been there.

    Example: cdp import undo 3 --yes
    """
    from cdp.cli.import_people import find, shown_import, undo_import
    from cdp.store.profiles import imports

    settings, store = open_store(**where)
    item = find(store, number)
    if not yes:
        click.confirm(f"take all back that {item.name} brought?", abort=True)
    undo_import(settings, store, item)
    with store.read() as tx:
        done = imports.by_id(tx, number)
        assert done is not None
        shown = shown_import(done, imports.taken(tx, done.source_id))
    store.close()
    print_object(shown, as_json)
