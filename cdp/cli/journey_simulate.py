"""``cdp journeys simulate``: somebody is walked through a journey."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from cdp.cli.common import json_option, now_ms, open_store, print_object, store_options
from cdp.cli.errors import CliError
from cdp.cli.find import find
from cdp.cli.journey_explain import clauses_told
from cdp.events import parse_time


def moment(text: str, option: str) -> int:
    """An instant of an option."""
    found = parse_time(text)
    if found is None:
        raise CliError(f"{option}: {text} is no time; write it as 2026-01-31T12:00:00Z")
    return found


@click.command("simulate")
@store_options
@click.argument("journey", metavar="KEY|FILE")
@click.option(
    "--events",
    required=True,
    type=click.File("r", encoding="utf-8"),
    help='What happens: JSON lines of calls, and {"advance": "3d"}; - for stdin.',
)
@click.option("--person", help="Somebody who is there, as they are now: type:value.")
@click.option("--start", help="When it begins; now, if unset.")
@json_option
def simulate(
    journey: str, events: Any, person: str | None, start: str | None, as_json: bool, **where: Any
) -> None:
    """Walk somebody through the journey KEY, or the one in FILE. Sends and stores nothing.

    Example: cdp journeys simulate welcome --events events.jsonl
    """
    from cdp.definitions.walk import BadScript, walk
    from cdp.journeys.replay import Life, NeverEnds
    from cdp.pipeline.journeys.trying import scene_for, somebody
    from cdp.store.audiences.lists import ListsAt

    _, store = open_store(**where)
    script = list(_lines(events))
    begin = moment(start, "--start") if start else None
    with store.read() as tx:
        scene, program = _scene(tx, journey, ListsAt(tx), scene_for)
        setting = scene.setting([program])
        first = next((t for item in script if (t := parse_time(item.get("timestamp")))), now_ms())
        if person is not None:
            life = somebody(tx, setting, program, find(tx, person), begin or now_ms())
        else:
            life = Life(setting, "somebody", begin or first)
    try:
        for told in walk(life, scene, script):
            _print(told, as_json)
    except (BadScript, NeverEnds) as error:
        raise CliError(str(error)) from None
    for run in life.course.runs.values():
        if run.step is not None and not as_json:
            click.echo(f"it is at {run.step}")
    if not life.course.runs and not as_json:
        click.echo("nobody entered")


def _scene(tx: Any, journey: str, lists: Any, scene_for: Any) -> Any:
    from cdp.cli.journey_common import read_file
    from cdp.journeys import JourneyError

    path = Path(journey)
    body, file = None, None
    if path.suffix in (".yaml", ".yml"):
        body, file = read_file(path)
    key = str((body or {}).pop("key", path.stem)) if body is not None else journey
    try:
        return scene_for(tx, key, body, lists)
    except JourneyError as error:
        from cdp.definitions import Fault

        if file is None:
            raise CliError(f"the journey {key} can't be read: {error}") from None
        for wrong in error.wrong:
            click.echo(str(file.located(Fault(*wrong))), err=True)
        raise CliError(f"the journey in {path} can't be read") from None
    except LookupError as error:
        raise CliError(str(error.args[0])) from None


def _lines(file: Iterable[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError as error:
            raise CliError(f"line {number} is no JSON: {error}") from None
        if not isinstance(item, dict):
            raise CliError(f"line {number} must be an object")
        yield item


def _print(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_object(told, True)
        return
    at = told["at"][:19].replace("T", " ")
    if told["kind"] == "said":
        said = told["said"]
        name = said.get("event") or said.get("name") or ""
        what = f"{said.get('type', 'track')} {name}".strip() if "advance" not in said else ""
        rest = {k: said[k] for k in ("properties", "traits") if said.get(k)}
        click.echo(f"{at}  {what} {json.dumps(rest) if rest else ''}".rstrip())
        return
    exit = f" by {told['exit']}" if told["exit"] not in (None, "next") else ""
    click.echo(f"{at}    {told['step'] or ''}: {told['what']}{exit}")
    clauses_told(told["why"] or {}, "        ")
    for did in told["did"]:
        _did(did)


def _did(did: dict[str, Any]) -> None:
    if "send" not in did:
        click.echo(f"        {json.dumps(did, ensure_ascii=False)}")
        return
    click.echo(f"        sends {' or '.join(did['send'])}")
    if "error" in did:
        click.echo(f"        it can't be rendered: {did['error']}")
    for name, value in did.get("content", {}).items():
        if name in ("subject", "title", "text") and isinstance(value, str) and value:
            click.echo("".join(f"          {line}\n" for line in value.splitlines()).rstrip("\n"))
