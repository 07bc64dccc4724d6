"""``cdp journeys explain``: where somebody is and why, or why they aren't in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from cdp.cli.common import json_option, now_ms, open_store, print_object, store_options
from cdp.cli.errors import CliError
from cdp.cli.find import find


@click.command("explain")
@store_options
@click.argument("key")
@click.argument("person")
@json_option
def explain(key: str, person: str, as_json: bool, **where: Any) -> None:
    """Where PERSON (type:value, or a run's number) is in KEY and why, or why they aren't in it.

    Example: cdp journeys explain welcome user_id:u1
    """
    from cdp.pipeline.journeys.explain import NoJourney, explained, whose

    _, store = open_store(**where)
    with store.read() as tx:
        try:
            run = int(person) if person.isdecimal() and len(person) < 19 else None
            profile = find(tx, person) if run is None else whose(tx, key, run)
            answer = explained(tx, key, profile, now_ms()).told()
        except NoJourney as error:
            raise CliError(str(error)) from None
    if as_json:
        print_object(answer, True)
        return
    for item in answer["runs"]:
        if run in (None, item["run"]):
            _run(item)
    if run is not None:
        return
    click.echo("may they enter now?" if answer["runs"] else f"{person} is not in {key}")
    for check in answer["checks"]:
        click.echo(f"  {'yes' if check['ok'] else 'no '} {check['text']}")
        clauses_told({"clauses": check["clauses"]}, "        ")


def _run(run: dict[str, Any]) -> None:
    state = f"is at {run['step']}" if run["status"] == "active" else f"ended: {run['reason']}"
    click.echo(f"run {run['run']} (version {run['version']}), from {run['started']}: {state}")
    clauses_told(run["entered"] or {}, "      ")
    for step in run["steps"]:
        exit = f" by {step['exit']}" if step["exit"] not in (None, "next") else ""
        click.echo(f"  {step['came']}  {step['step']}: {step['what']}{exit}")
        clauses_told(step["why"] or {}, "      ")
        message = step["message"]
        if message is not None:
            why = " ".join(filter(None, (message["reason"], message["detail"])))
            click.echo(
                f"      {message['template'] or message['channel']}: {message['state']} {why}"
            )
    if run["error"]:
        click.echo(f"  it is held: {run['error']}")
    if run["converted"]:
        click.echo(f"  the goal was reached at {run['converted']}")


def clauses_told(why: Mapping[str, Any], before: str) -> None:
    """Print why: the clauses of conditions, what was waited for, who did it."""
    clauses = why.get("clauses") or ()
    ways = clauses.items() if isinstance(clauses, Mapping) else [("", clauses)]
    for way, some in ways:
        for clause in some:
            value = f"   it is {json.dumps(clause['value'])}" if "value" in clause else ""
            named = f"{way}: " if way else ""
            holds = "yes" if clause["holds"] else "no "
            click.echo(f"{before}{named}{holds} {clause['clause']}{value}")
    rest = {name: value for name, value in why.items() if name not in ("clauses", "way")}
    if rest:
        said = ", ".join(f"{name} {value}" for name, value in rest.items() if value)
        click.echo(f"{before}{said}" if said else "", nl=bool(said))
