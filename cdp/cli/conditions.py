"""``cdp conditions``: evaluate, format and explain conditions. Only names need a store."""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import click

from cdp.cli.common import (
    json_option,
    know_functions,
    pairs,
    print_object,
    print_rows,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.conditions import (
    Condition,
    ConditionError,
    Context,
    Names,
    Predicate,
    compile_text,
    format_text,
    from_json_text,
    parse,
    to_ir,
    to_json,
)
from cdp.conditions.ast import Uploaded, walk
from cdp.conditions.errors import did_you_mean
from cdp.conditions.formatter import WIDTH
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.language import Look
from cdp.conditions.lists import BrokenList, Texts, read_values
from cdp.conditions.parser import parse_text
from cdp.config import Settings
from cdp.events import MalformedJSON, decode_json
from cdp.store import Store
from cdp.store.catalogue.names import names_for
from cdp.store.db import FILE

_context = click.option(
    "--context",
    type=click.Choice([context.value for context in Context]),
    default=Context.MESSAGE.value,
    show_default=True,
    help="What it is asked of: a filter's message, an audience's person, a journey's branch.",
)


@click.group()
def conditions() -> None:
    """Evaluate, format and explain conditions."""
    know_functions(Settings.load())


@conditions.command("eval")
@click.argument("lines", type=click.File("rb"), default="-")
@click.option(
    "--list",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="What list(NAME) is, a value a line.",
)
@json_option
def eval_(lines: IO[bytes], files: tuple[str, ...], as_json: bool) -> None:
    """Evaluate conditions over messages: JSON lines in, JSON lines out.

    A line in is {"condition": TEXT, "message": {…}}; each gives, in order,
    {"result": true|false} or {"error": "…", "line": 1, "column": 7}, the place being
    that in the condition. A line that is none gives an error without a place. It is
    JSON with and without --json.

    Example: cdp conditions eval checks.jsonl
    """
    known = _Files(files)
    for number, line in enumerate(lines, 1):
        if line.strip():
            click.echo(json.dumps(_evaluated(line, number, known), ensure_ascii=False))


class _Files:
    """Lists from files; to ask for another one is an error."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self._texts: dict[str, Texts] = {}
        for name, path in pairs(files, "--list").items():
            try:
                with open(path, "rb") as file:
                    self._texts[name] = Texts(read_values(file))
            except OSError as error:
                raise CliError(f"{path}: {error.strerror or error}") from None
            except BrokenList as error:
                raise CliError(f"{path}: {error}") from None

    def get(self, name: str) -> Texts | None:
        return self._texts.get(name)

    @lru_cache(maxsize=1024)  # noqa: B019 - as long as the command
    def compiled(self, text: str) -> Predicate:
        parsed = parse_text(text)
        for node in walk(parsed.root):
            if isinstance(node, Uploaded) and node.name not in self._texts:
                hint = did_you_mean(node.name, self._texts)
                raise ConditionError(
                    f"there is no list {node.name}", *parsed.place(node), hint=hint
                )
        return compile_text(text, self)


def _evaluated(line: bytes, number: int, lists: _Files) -> dict[str, Any]:
    try:
        given = decode_json(line)
    except MalformedJSON as error:
        return {"error": f"line {number} of the input is not JSON: {error}"}
    text = given.get("condition") if isinstance(given, dict) else None
    message = given.get("message") if isinstance(given, dict) else None
    if not isinstance(text, str) or not isinstance(message, dict):
        return {
            "error": f'line {number} of the input is not {{"condition": TEXT, "message": {{…}}}}'
        }
    try:
        return {"result": lists.compiled(text)(message)}
    except ConditionError as error:
        return {"error": error.text, "line": error.line, "column": error.column}


@conditions.command()
@click.argument("condition")
@_context
@json_option
def fmt(condition: str, context: str, as_json: bool) -> None:
    """Write CONDITION in its canonical form; - reads it from standard input.

    With --json as the tree that builders edit; such a tree is taken for CONDITION, too.

    Example: cdp conditions fmt 'type="track" and !(event="Order Completed")'
    """
    found = _read(condition, context)
    if as_json:
        click.echo(json.dumps(to_json(found.root), ensure_ascii=False))
        return
    click.echo(format_text(found.root, WIDTH))


@conditions.command()
@store_options
@click.argument("condition")
@_context
@json_option
def explain(condition: str, context: str, as_json: bool, **where: Any) -> None:
    """Say CONDITION in plain English, with what looks wrong about it; - reads standard input.

    Where there is a store, names that were never seen and types that never fit are told.
    With --json also the tree, and what Segment's browser package evaluates (null where
    it can't).

    Example: cdp conditions explain 'properties.total > 50 and traits.plan != null'
    """
    found = _read(condition, context, _seen_in(**where))
    if as_json:
        shown = {
            "prose": found.prose,
            "text": found.text,
            "tree": to_json(found.root),
            "ir": _ir(found),
            "warnings": [warning._asdict() for warning in found.warnings],
        }
        print_object(shown, True)
        return
    click.echo(found.prose)
    for warning in found.warnings:
        click.echo(
            f"warning: line {warning.line}, column {warning.column}: {warning.text}", err=True
        )


@conditions.command()
@json_option
def functions(as_json: bool) -> None:
    """List the functions of conditions, those of plugins too. Example: cdp conditions functions"""
    rows = [
        {
            "function": function.signature,
            "gives": function.returns,
            "plugin": function.plugin or None,
            "summary": function.summary,
            "example": function.example.text,
        }
        for function in FUNCTIONS.values()
    ]
    print_rows(rows, as_json, ["function", "gives", "plugin", "summary"])


def _ir(found: Condition) -> str | None:
    try:
        return to_ir(found.root, browser=True)
    except ConditionError:
        return None


def _seen_in(data: Path | None, database_url: str | None) -> Look | None:
    """How to find out what was seen, if there is a store; one is not made for that."""
    settings = Settings.load(data=data, database_url=database_url)
    if not settings.database_url and not (settings.data / FILE).exists():
        return None

    def look(root: Any) -> Names:
        with Store.open(settings).read() as tx:
            return names_for(tx, root)

    return look


def _read(text: str, context: str, names: Look | None = None) -> Condition:
    if text == "-":
        text = sys.stdin.read().rstrip("\r\n")
    if text.lstrip().startswith("{"):  # which no text of a condition begins with
        try:
            text = format_text(from_json_text(text))
        except ConditionError as error:
            raise CliError(error.text) from None
    try:
        return parse(text, Context(context), names)
    except ConditionError as error:
        other = next((one for one in Context if one.value != context and _holds(text, one)), None)
        hint = f"; with --context {other.value} it is right" if other is not None else ""
        raise CliError((error.located.rstrip(".") if hint else error.located) + hint) from None


def _holds(text: str, context: Context) -> bool:
    try:
        parse(text, context)
    except ConditionError:
        return False
    return True
