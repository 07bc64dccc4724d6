"""``cdp audiences``: who is meant, and lists that are kept by hand."""

from __future__ import annotations

import json
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
from cdp.cli.definitions import group_of, switch
from cdp.cli.errors import CliError
from cdp.cli.find import find
from cdp.definitions.audience import AUDIENCE
from cdp.events import parse_time

audiences = group_of(
    AUDIENCE,
    "audiences",
    "Who meets a condition, and lists that are kept by hand.",
    (
        "big_spenders --who 'sum(properties.total of \"Order Completed\" within 30d) > 500'",
        "big_spenders --name 'Big spenders'",
    ),
)
audiences.add_command(
    switch(
        "audience", "archive", "archived", True,
        "Keep KEY and work it out no longer. Example: cdp audiences archive big_spenders",
    )
)  # fmt: skip
audiences.add_command(
    switch(
        "audience", "unarchive", "archived", False,
        "Work KEY out again. Example: cdp audiences unarchive big_spenders",
    )
)  # fmt: skip


@audiences.command("explain")
@store_options
@click.argument("key")
@click.argument("person")
@click.option("--at", help="As it was known then: a time such as 2026-01-31T12:00:00Z.")
@json_option
def explain(key: str, person: str, at: str | None, as_json: bool, **where: Any) -> None:
    """Why PERSON (type:value) is in the audience KEY, or isn't.

    Example: cdp audiences explain big_spenders user_id:u1
    """
    from cdp.api.memberships import told
    from cdp.pipeline.audiences.explain import NotComputed, why

    then = parse_time(at) if at else None
    if at and then is None:
        raise CliError(f"{at} is no time; write it as 2026-01-31T12:00:00Z")
    _, store = open_store(**where)
    with store.read() as tx:
        found = find(tx, person)
        try:
            answer = told(why(tx, key, found, now_ms(), then))
        except NotComputed as error:
            if error.trouble:
                raise CliError(error.trouble) from None
            when = f" at {at}" if at else " (yet)"
            raise CliError(f"there is no audience {key} that has members{when}") from None
    if as_json:
        print_object(answer, True)
        return
    since = f" since {answer['since']}" if answer["since"] else ""
    click.echo(f"{person} {'is' if answer['member'] else 'is not'} in {key}{since}")
    for clause in answer["clauses"]:
        value = f"   it is {json.dumps(clause['value'])}" if "value" in clause else ""
        click.echo(f"  {'yes' if clause['holds'] else 'no ':3} {clause['clause']}{value}")
    if answer["next_change"]:
        click.echo(f"time alone could change that at {answer['next_change']}")
    for change in answer["changes"][:10]:
        what = "entered" if change["entered"] else "left"
        by = f" by event {change['event']}" if change["event"] else ""
        click.echo(f"{change['at']}  {what}, {change['cause']}{by}")


@audiences.command("members")
@store_options
@click.argument("key")
@json_option
def members(key: str, as_json: bool, **where: Any) -> None:
    """List who is in the audience KEY, as CSV.

    Example: cdp audiences members big_spenders > members.csv
    """
    from cdp.store.audiences import membership
    from cdp.transfer.members import export_members, rows_of

    _, store = open_store(**where)
    with store.read() as tx:
        state = membership.states(tx, "audience", key).get(key)
    if state is None:
        raise CliError(f"there is no audience {key} that is worked out")
    if as_json:
        with store.read() as tx:
            print_rows(rows_of(tx, state.id), True)
        return
    for piece in export_members(store, state, author(), "command"):
        click.echo(piece, nl=False)


def _by_hand(name: str, about: str, example: str) -> click.Command:
    @click.command(name, help=f"{about} Example: {example}")
    @store_options
    @click.argument("key")
    @click.argument("people", nargs=-1)
    @click.option("--file", type=click.File("r", encoding="utf-8"), help="One a line, or CSV.")
    @click.option("--type", "type_", default="user_id", help="Of what has no type before it.")
    @json_option
    def command(
        key: str, people: tuple[str, ...], file: Any, type_: str, as_json: bool, **where: Any
    ) -> None:
        from cdp.store.bulk import chunks
        from cdp.store.defined import by_hand
        from cdp.transfer.members import named

        names = named("\n".join(people), type_) + (named(file.read(), type_) if file else [])
        if not names:
            raise CliError("name somebody, such as user_id:u1, or a --file")
        _, store = open_store(**where)
        n, unknown = 0, list[str]()
        for some in chunks(names, by_hand.MOST):
            add, remove = (some, ()) if name == "put" else ((), some)
            try:
                with store.write() as tx:
                    done = by_hand.change(tx, key, add, remove, now_ms())
            except by_hand.NoSuchList as error:
                raise CliError(str(error)) from None
            n += done.added + done.removed
            unknown += done.unknown
        print_object({"changed": n, "unknown": unknown}, as_json)

    return command


audiences.add_command(
    _by_hand(
        "put", "Put PEOPLE (type:value) on the list KEY, which is kept by hand.",
        "cdp audiences put vips user_id:u1 email:jo@example.org",
    )
)  # fmt: skip
audiences.add_command(
    _by_hand(
        "take", "Take PEOPLE (type:value) off the list KEY, which is kept by hand.",
        "cdp audiences take vips user_id:u1",
    )
)  # fmt: skip
