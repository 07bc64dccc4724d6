"""``cdp journeys runs, move, skip, exit, answer, …``: the people inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from sqlalchemy import Connection

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
from cdp.cli.journey_common import done, seen

_key = click.argument("key")
_run = click.option("--run", type=int, help="One run, by its number.")
_step = click.option("--step", help="All who are at this step.")
_reason = click.option("--reason", required=True, help="Why; it stays beside the run.")


def _ordered(as_json: bool, where: dict[str, Any], act: Callable[[Connection, int], int]) -> None:
    """Give an order, and show it."""
    from cdp.delivery.journeys import shown
    from cdp.store.journeys import launched as journeys

    def give(tx: Connection) -> dict[str, Any]:
        made = journeys.one_order(tx, act(tx, now_ms()))
        assert made is not None
        return shown.order(made)

    _, store = open_store(**where)
    print_object(done(store, give), as_json)


@click.command()
@store_options
@_key
@click.option("--status", type=click.Choice(["active", "ended"]), help="Only these.")
@_step
@click.option("--person", help="Only those of type:value.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, help="At most so many.")
@json_option
def runs(
    key: str, status: str | None, step: str | None, person: str | None, limit: int, as_json: bool,
    **where: Any,
) -> None:  # fmt: skip
    """List the runs of KEY, newest first. Example: cdp journeys runs welcome --status active"""
    from cdp.delivery.journeys import shown
    from cdp.delivery.journeys.there import launched
    from cdp.store.journeys import runs as journey_runs

    def look(tx: Connection) -> list[dict[str, Any]]:
        row = launched(tx, key)
        keys = {row.id: key}
        if person is None:
            found = journey_runs.listed(tx, row.id, keys, status=status, step=step, limit=limit)
        else:
            every = journey_runs.of_people(tx, [find(tx, person).id], keys)
            found = [
                item for item in reversed(every)
                if item.journey == row.id and status in (None, item.run.status)
                and step in (None, item.run.step)
            ][:limit]  # fmt: skip
        return shown.runs(tx, found)

    _, store = open_store(**where)
    columns = ["id", "person", "version", "status", "step", "since", "due", "held", "reason"]
    print_rows(seen(store, look), as_json, columns)


@click.command()
@store_options
@_key
@json_option
def people(key: str, as_json: bool, **where: Any) -> None:
    """Say how many people stand at each step of KEY. Example: cdp journeys people welcome"""
    from cdp.delivery.journeys import shown
    from cdp.delivery.journeys.there import launched

    _, store = open_store(**where)
    print_rows(seen(store, lambda tx: shown.standings(tx, launched(tx, key))), as_json)


@click.command()
@store_options
@_key
@click.argument("to")
@_run
@_step
@_reason
@json_option
def move(
    key: str, to: str, run: int | None, step: str | None, reason: str, as_json: bool, **where: Any
) -> None:
    """Move people in KEY to the step TO.

    Example: cdp journeys move welcome send-nudge --run 17 --reason "asked for it"
    """
    from cdp.delivery.journeys import inside

    def act(tx: Connection, now: int) -> int:
        return inside.move(tx, key, author(), now, to, reason, run=run, step=step)

    _ordered(as_json, where, act)


@click.command()
@store_options
@_key
@_run
@_step
@_reason
@json_option
def skip(
    key: str, run: int | None, step: str | None, reason: str, as_json: bool, **where: Any
) -> None:
    """Let people in KEY go on past their step.

    Example: cdp journeys skip welcome --step wait-2d --reason "sale ends today"
    """
    from cdp.delivery.journeys import inside

    def act(tx: Connection, now: int) -> int:
        return inside.skip(tx, key, author(), now, reason, run=run, step=step)

    _ordered(as_json, where, act)


@click.command("exit")
@store_options
@_key
@_run
@_step
@_reason
@json_option
def exit_(
    key: str, run: int | None, step: str | None, reason: str, as_json: bool, **where: Any
) -> None:
    """Take people out of KEY.

    Example: cdp journeys exit welcome --run 17 --reason "asked for it"
    """
    from cdp.delivery.journeys import inside

    def act(tx: Connection, now: int) -> int:
        if run is not None and step is None:
            return inside.end(tx, key, author(), now, run, reason)
        return inside.move(tx, key, author(), now, None, reason, run=run, step=step)

    _ordered(as_json, where, act)


@click.command()
@store_options
@_key
@click.argument("what", type=click.Choice(["approved", "rejected"]))
@_run
@_step
@json_option
def answer(
    key: str, what: str, run: int | None, step: str | None, as_json: bool, **where: Any
) -> None:
    """Approve or refuse what waits at a step of KEY.

    Example: cdp journeys answer offer approved --run 17
    """
    from cdp.delivery.journeys import inside

    def act(tx: Connection, now: int) -> int:
        return inside.answer(tx, key, author(), now, what, run=run, step=step, role="admin")

    _ordered(as_json, where, act)


@click.command("go-on")
@store_options
@_key
@_run
@_step
@json_option
def go_on(key: str, run: int | None, step: str | None, as_json: bool, **where: Any) -> None:
    """Let those in KEY try again whom an error stopped. Example: cdp journeys go-on welcome"""
    from cdp.delivery.journeys import inside

    def act(tx: Connection, now: int) -> int:
        return inside.go_on(tx, key, author(), now, run=run, step=step)

    _ordered(as_json, where, act)


@click.command()
@store_options
@_key
@json_option
def orders(key: str, as_json: bool, **where: Any) -> None:
    """List what was to be done with people in KEY. Example: cdp journeys orders welcome"""
    from cdp.delivery.journeys import shown
    from cdp.delivery.journeys.there import launched
    from cdp.store.journeys import launched as journeys

    def look(tx: Connection) -> list[dict[str, Any]]:
        return [shown.order(item) for item in journeys.orders_of(tx, launched(tx, key).id)]

    _, store = open_store(**where)
    print_rows(seen(store, look), as_json)


@click.command()
@store_options
@_key
@click.argument("step")
@click.argument("variant", required=False)
@click.option("--none", "undo", is_flag=True, help="By lot again.")
@click.option("--reason", default="", help="Why; it stays beside the decision.")
@json_option
def winner(
    key: str, step: str, variant: str | None, undo: bool, reason: str, as_json: bool, **where: Any
) -> None:
    """Let all who come to the experiment STEP of KEY get VARIANT.

    Example: cdp journeys winner welcome experiment b
    """
    from cdp.delivery.journeys import office

    if (variant is None) != undo:
        raise CliError("name a variant, or say --none")

    def act(tx: Connection, now: int) -> int:
        return office.pick(tx, key, author(), now, step, variant, reason)

    _ordered(as_json, where, act)


@click.command()
@store_options
@_key
@click.argument("act", type=click.Choice(["hold", "release", "advance", "back", "last"]))
@click.option("--reason", default="", help="Why; it stays beside the decision.")
@json_option
def stage(key: str, act: str, reason: str, as_json: bool, **where: Any) -> None:
    """Hold the staged rollout of KEY, let it go on, or bring it to another stage.

    Example: cdp journeys stage welcome hold --reason "support is away"
    """
    from cdp.delivery.journeys import office

    def do(tx: Connection, now: int) -> int:
        return office.stage(tx, key, author(), now, act, reason)

    _ordered(as_json, where, do)


PEOPLE = (runs, people, move, skip, exit_, answer, go_on, orders, winner, stage)
