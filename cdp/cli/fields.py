"""``cdp catalogue``: which fields hold personal data."""

from __future__ import annotations

from typing import Any

import click

from cdp.cli.common import author, json_option, now_ms, open_store, print_rows, store_options
from cdp.cli.errors import CliError


@click.group("catalogue")
def catalogue() -> None:
    """Fields that were seen, and which of them are personal."""


@catalogue.command("fields")
@store_options
@click.option(
    "--state",
    type=click.Choice(["waiting", "personal", "open", "all"]),
    default="all",
    show_default=True,
    help="waiting: looks personal, and nobody has confirmed it.",
)
@click.option("--q", default="", help="A part of the field's name.")
@json_option
def list_fields(state: str, q: str, as_json: bool, **where: Any) -> None:
    """List traits, properties and context fields, and whether they are personal.

    Example: cdp catalogue fields --state waiting
    """
    from cdp.api.personal import shown
    from cdp.store.catalogue.fields import known_fields

    _, store = open_store(**where)
    with store.read() as tx:
        rows = [shown(item) for item in known_fields(tx, state, q)]
    print_rows(rows if as_json else map(_short, rows), as_json)


def _short(row: dict[str, Any]) -> dict[str, Any]:
    names = row["names"]
    return {
        "field": row["field"],
        "personal": "yes" if row["personal"] else "no",
        "state": row["state"],
        "looks like": f"{row['kind']} ({row['by']})" if row["kind"] else "",
        "in": ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else ""),
    }


@catalogue.command("decide")
@store_options
@click.argument("fields", nargs=-1, required=True, metavar="FIELD...")
@click.option("--personal", "said", flag_value="yes", help="They hold personal data.")
@click.option("--not-personal", "said", flag_value="no", help="They hold none.")
@click.option("--undecided", "said", flag_value="open", help="Leave them to their look again.")
@json_option
def decide_fields(fields: tuple[str, ...], said: str | None, as_json: bool, **where: Any) -> None:
    """Say whether FIELDs are personal.

    What is personal is masked for viewers of the console, and no values of it are kept
    in the catalogue.

    Example: cdp catalogue decide traits.nickname properties.note --personal
    """
    from cdp.api.personal import shown
    from cdp.protocols import NoField
    from cdp.store.catalogue.fields import decide, known_fields

    if said is None:
        raise click.UsageError("say --personal, --not-personal or --undecided")
    personal = {"yes": True, "no": False, "open": None}[said]
    _, store = open_store(**where)
    with store.write() as tx:
        try:
            keys = decide(tx, now_ms(), dict.fromkeys(fields, personal), author())
        except NoField as error:
            raise CliError(str(error)) from None
        rows = [shown(item) for item in known_fields(tx) if item.field in keys]
    print_rows(rows if as_json else map(_short, rows), as_json)
