"""``cdp templates``, ``cdp layouts``, ``cdp snippets``: what messages say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from cdp.cli.common import (
    json_option,
    now_ms,
    open_store,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.definitions import group_of
from cdp.cli.errors import CliError
from cdp.cli.find import find
from cdp.definitions.layout import LAYOUT, SNIPPET
from cdp.definitions.template import TEMPLATE

templates = group_of(
    TEMPLATE,
    "templates",
    "What messages say, for one channel, in their locales.",
    (
        "welcome --channel email --subject 'Hello {{ customer.first_name }}' --body @welcome.md",
        "welcome --subject 'Hi!'",
    ),
)
layouts = group_of(
    LAYOUT,
    "layouts",
    "What emails stand in.",
    ("plain --body @plain.html", "plain --body @plain.html"),
)
snippets = group_of(
    SNIPPET,
    "snippets",
    "Texts that many messages say.",
    ("footer --body 'Shop, 1 Main Street'", "footer --body 'Shop, 2 Main Street'"),
)


@templates.command("lint")
@store_options
@click.argument("keys", nargs=-1)
@json_option
def lint(keys: tuple[str, ...], as_json: bool, **where: Any) -> None:
    """What looks wrong about the templates KEYS, or about all of them.

    Broken links, missing alt texts, size, no way to unsubscribe, variables without a
    default and more. Ends with 1 where there are errors.

    Example: cdp templates lint welcome
    """
    from cdp.delivery.messages.trial import Known
    from cdp.store.defined import defining

    _, store = open_store(**where)
    rows: list[dict[str, Any]] = []
    with store.read() as tx:
        every = [key for _, key in defining.load(tx, "template")]
        for key in keys or every:
            rows += [{"template": key, **row} for row in Known(tx, key).findings()]
    if as_json or rows:
        print_rows(rows, as_json)
    else:
        click.echo("nothing looks wrong", err=True)
    errors = sum(row["level"] == "error" for row in rows)
    if errors:
        raise CliError(f"{errors} error{'s' * (errors != 1)}")


@templates.command("variables")
@store_options
@click.argument("key")
@click.option("--audience", help="Shares of its members, not of everybody.")
@json_option
def variables(key: str, audience: str | None, as_json: bool, **where: Any) -> None:
    """Which variables the template KEY needs, and the share of people who have each.

    Example: cdp templates variables welcome --audience newcomers
    """
    from cdp.delivery.messages.trial import Known
    from cdp.store.messages.coverage import NoSuchAudience

    _, store = open_store(**where)
    try:
        with store.read() as tx:
            rows = Known(tx, key).variables(tx, audience)
    except NoSuchAudience as error:
        raise CliError(str(error)) from None
    if not as_json:
        rows = [
            {
                "variable": row["name"],
                "needed": row["needed"],
                "have it": "" if row["share"] is None else f"{row['share']:.1%}",
                "where": ", ".join(dict.fromkeys(f"{u['field']}:{u['line']}" for u in row["uses"])),
            }
            for row in rows
        ]
    print_rows(rows, as_json)


@templates.command("preview")
@store_options
@click.argument("key")
@click.option("--person", help="To whom: type:value.")
@click.option("--given", metavar="JSON|@FILE", default="{}", help="What Liquid sees beside it.")
@click.option("--locale", default="", help="In which locale.")
@click.option("--html", "only_html", is_flag=True, help="Print the HTML alone.")
@json_option
def preview(
    key: str, person: str | None, given: str, locale: str, only_html: bool, as_json: bool,
    **where: Any,
) -> None:  # fmt: skip
    """What the template KEY says to somebody. Sends nothing.

    Example: cdp templates preview welcome --person user_id:u1 --given '{"event": {"total": 3}}'
    """
    from cdp.delivery.messages.trial import Known, customer_at

    _, store = open_store(**where)
    scope = _scope(given)
    with store.read() as tx:
        known = Known(tx, key)
        if person is not None:
            scope["customer"] = customer_at(tx, find(tx, person).id)
        told = known.preview(scope, locale, now_ms())
    if told["error"] is not None:
        raise CliError(f"{told['error']['where']}: {told['error']['text']}")
    if only_html:
        click.echo(told["fields"].get("html", ""))
    else:
        print_object(told if as_json else told["fields"], as_json)


def _scope(given: str) -> dict[str, Any]:
    try:
        text = Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise CliError(f"--given: {error}") from None
    if not isinstance(found, dict):
        raise CliError('--given takes an object, such as {"event": {"total": 3}}')
    return found
