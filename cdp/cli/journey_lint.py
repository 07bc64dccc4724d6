"""``cdp journeys lint``: what looks wrong, with step and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cdp.cli.common import json_option, open_store, print_rows, store_options
from cdp.cli.errors import CliError
from cdp.cli.journey_common import read_file
from cdp.definitions import Fault

_ENDINGS = (".yaml", ".yml")


@click.command("lint")
@store_options
@click.argument("what", nargs=-1, metavar="[KEY|FILE]...")
@json_option
def lint(what: tuple[str, ...], as_json: bool, **where: Any) -> None:
    """Say what looks wrong about journeys: those of KEYs, of FILEs, or all.

    Steps that nobody comes to, loops and waits without an end, ways that nobody takes,
    messages whose variables are missing, or that have no topic, and more. Ends with 1
    where there are errors.

    Example: cdp journeys lint welcome.yaml
    """
    from cdp.delivery.journeys.linting import findings
    from cdp.store.defined import defining

    _, store = open_store(**where)
    rows: list[dict[str, Any]] = []
    with store.read() as tx:
        known = defining.bodies(defining.load(tx, "journey"))
        for name in what or sorted(key for _, key in known):
            if name.endswith(_ENDINGS):
                given, file = read_file(Path(name))
                key = str(given.pop("key", ""))
            elif ("journey", name) in known:
                given, file, key = dict(known["journey", name]), None, name
            else:
                raise CliError(f"there is no journey {name}, and no file ending with .yaml")
            for item in findings(tx, key, given):
                row: dict[str, Any] = {"journey": key, **item._asdict()}
                if file is not None:
                    place = file.located(Fault(item.field, item.text, item.line, item.column))
                    row |= {"file": name, "line": place.line, "column": place.column}
                rows.append(row)
    if as_json:
        print_rows(rows, True)
    for row in () if as_json else rows:
        place = f"{row['file']}:{row['line']}:{row['column']}" if "file" in row else row["journey"]
        step = f"step {row['step']}: " if row["step"] else f"{row['field']}: "
        click.echo(f"{place}: {row['level']}: {step}{row['text']}")
    errors = sum(row["level"] == "error" for row in rows)
    if errors:
        raise CliError(f"{errors} error{'s' * (errors != 1)}")
    if not rows:
        click.echo("nothing looks wrong", err=True)
