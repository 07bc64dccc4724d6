"""``cdp journeys backtest``: what a journey would have done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from cdp.cli.common import json_option, open_store, print_object, print_rows, store_options
from cdp.cli.errors import CliError
from cdp.cli.journey_simulate import moment


@click.command("backtest")
@store_options
@click.argument("key")
@click.option("--from", "start", required=True, help="From when: 2026-01-01T00:00:00Z.")
@click.option("--to", "end", required=True, help="Until when.")
@click.option("--version", type=int, help="Of the definition; the newest, if unset.")
@click.option("--against", help="A version, or a file with another one, to compare with.")
@click.option("--people", type=int, help="Of so many people at most, for a first look.")
@json_option
def backtest(
    key: str, start: str, end: str, version: int | None, against: str | None, people: int | None,
    as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """What the journey KEY would have done to everybody's past. Sends and stores nothing.

    Example: cdp journeys backtest welcome --from 2026-01-01 --to 2026-02-01
    """
    from rich.console import Console
    from rich.progress import Progress

    from cdp.pipeline.journeys.backtest import backtest as run
    from cdp.pipeline.journeys.trying import program_for
    from cdp.store.audiences.lists import ListsAt

    since, until = moment(start, "--from"), moment(end, "--to")
    if since >= until:
        raise CliError("--from must be before --to")
    _, store = open_store(**where)
    with store.read() as tx:
        programs = [_program(tx, key, version, None, program_for)]
        if against is not None:
            file = Path(against) if not against.isdigit() else None
            number = int(against) if against.isdigit() else None
            programs.append(_program(tx, key, number, file, program_for))
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("people", total=None)
            found = run(
                tx, programs, since, until, ListsAt(tx), people,
                lambda at: bar.update(task, total=at.of, completed=at.done),
            )  # fmt: skip
    told = found.told()
    if as_json:
        print_object(told, True)
        return
    _compared(told)


def _program(
    tx: Any, key: str, version: int | None, file: Path | None, program_for: Any
) -> tuple[str, Any]:
    from cdp.cli.journey_common import read_file
    from cdp.journeys import JourneyError

    body = read_file(file)[0] if file is not None else None
    try:
        number, program = program_for(tx, key, version, body)
    except JourneyError as error:
        raise CliError(f"the journey {key} can't be read: {error}") from None
    except LookupError as error:
        raise CliError(str(error.args[0])) from None
    return (str(file) if file is not None else f"version {number}"), program


_NAMED = (
    ("ended", "ended: "), ("inside", "still at "), ("sent", "sent "),
    ("near_other_messages", "within a day of "), ("errors", "held: "),
)  # fmt: skip


def _compared(told: dict[str, Any]) -> None:
    """Print versions side by side."""
    versions = told["versions"]
    click.echo(f"{told['journey']} from {told['from']} to {told['to']}")
    click.echo(f"{told['looked_at']:,} of {told['candidates']:,} people who might have entered\n")
    names = [one["version"] for one in versions]

    def row(what: str, values: Iterable[Any]) -> dict[str, Any]:
        return {"what": what, **dict(zip(names, values, strict=True))}

    rows = [
        row(title, [one[field] for one in versions])
        for title, field in (
            ("people", "people"), ("runs", "runs"), ("converted", "converted"),
            ("messages", "messages"), ("most in a week", "most_in_a_week"), ("held", "held"),
        )
    ]  # fmt: skip
    edges = [{(e["step"], e["exit"]): e["runs"] for e in one["edges"]} for one in versions]
    for step, exit in dict.fromkeys(edge for some in edges for edge in some):
        rows.append(row(f"{step} → {exit}", [some.get((step, exit), 0) for some in edges]))
    for field, title in _NAMED:
        for name in dict.fromkeys(name for one in versions for name in one[field]):
            rows.append(row(f"{title}{name}", [one[field].get(name, 0) for one in versions]))
    print_rows(rows, False)
    for note in told["notes"]:
        click.echo(f"note: {note}")
    if told["endless"]:
        click.echo(f"warning: it never comes to rest for {', '.join(told['endless'][:5])}")
