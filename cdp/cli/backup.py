"""``cdp backup`` and ``cdp restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cdp.cli.common import author, json_option, print_object, store_options
from cdp.cli.errors import CliError
from cdp.config import Settings


@click.command()
@store_options
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Write over FILE if it exists.")
@json_option
def backup(file: Path, force: bool, as_json: bool, **where: Any) -> None:
    """Put the store, the log and the plugins into one archive, while the server runs.

    The archive holds secrets and personal data: keep it as safe as the server.

    Example: cdp backup /backups/headwater.tar.gz
    """
    from cdp.server.archive import CannotBackUp, back_up

    settings = Settings.load(**where)
    try:
        made = back_up(settings, file, force, author())
    except CannotBackUp as error:
        raise CliError(str(error)) from None
    print_object(made, as_json)
    if settings.database_url:
        text = (
            "The store and its log are in Postgres and not in this archive: use pg_dump for them."
        )
        click.echo(text, err=True)


@click.command()
@store_options
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is in the data folder.")
@json_option
def restore(file: Path, force: bool, as_json: bool, **where: Any) -> None:
    """Put the content of a backup into a data folder that no server uses.

    Example: cdp restore /backups/headwater.tar.gz --data ./data
    """
    from cdp.server.archive import CannotBackUp
    from cdp.server.archive import restore as run

    settings = Settings.load(**where)
    try:
        found = run(settings, file, force)
    except CannotBackUp as error:
        raise CliError(str(error)) from None
    print_object({**found, "data": str(settings.data)}, as_json)
    if found["database"] == "postgresql":
        click.echo(
            "The store of this backup was in Postgres: restore it with pg_restore.", err=True
        )
    elif settings.database_url:
        text = "CDP_DATABASE_URL is set: the server will use Postgres, not the store put here."
        click.echo(text, err=True)
