"""``cdp import``: messages, or people and accounts from a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import click

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
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the data.")
@click.option("--database-url", help="postgresql://… instead of SQLite.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def import_(file: BinaryIO, source: str, live: bool, as_json: bool, **flags: Any) -> None:
    """Take messages from FILE (or - for stdin), one JSON object a line.

    It may be run again: what was taken before is not doubled. A line without a
    messageId gets one from its own text. Lines that can't be taken are named on
    stderr and kept among the rejected events. What cdp export messages wrote is
    taken exactly as it was. With a running server the server folds them in,
    without one this command does.

    Example: cdp import events.jsonl
    """
    from cdp.cli.import_messages import import_messages

    name = str(getattr(file, "name", ""))
    if name.endswith((".csv", ".tsv", ".parquet")):
        raise CliError(f"{name} is a table: say --as people or --as accounts")
    import_messages(file, source, live, as_json, **flags)
