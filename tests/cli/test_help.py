"""Help: each command has it, with an example, and it costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from cdp.cli import COMMANDS, SUMMARIES, cli
from tests.cli.conftest import Cdp

HEAVY = ("sqlalchemy", "flask", "marshmallow", "rich", "granian", "alembic", "requests", "msgspec",
         "structlog", "cdp.store", "cdp.server", "cdp.plugin", "asyncio", "liquid", "mrml",
         "css_inline", "nh3", "babel", "dateutil")  # fmt: skip


def leaves(command: click.Command, *words: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, *words, name)
        if not command.invoke_without_command:
            return
    yield words, command


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("-h",), ()])
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    program = (
        "import sys, json, contextlib\n"
        f"sys.argv = {['cdp', *words]!r}\n"
        "from cdp.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    loaded = json.loads(done.stderr.splitlines()[-1])
    assert [m for m in loaded if m in HEAVY or m.startswith(tuple(f"{h}." for h in HEAVY))] == []


def test_each_command_has_a_summary_help_and_an_example() -> None:
    assert list(COMMANDS) == list(SUMMARIES)
    found = list(leaves(cli))
    assert len(found) > 25
    for words, command in found:
        text = command.help or ""
        assert "Example: cdp " + words[0] in text, words


def test_commands_that_print_data_can_print_json() -> None:
    quiet = {("serve",), ("web",), ("worker",), ("export",), ("config", "password"),
             ("destinations", "remove"), ("lists", "remove"), ("config", "token", "revoke"),
             ("profiles", "cuts", "undo"), ("audiences", "remove"), ("traits", "remove"),
             ("events", "virtual", "remove"), ("templates", "remove"), ("layouts", "remove"),
             ("snippets", "remove"), ("limits", "remove"), ("topics", "remove"),
             ("suppressions", "add"), ("suppressions", "remove"), ("suppressions", "import"),
             ("suppressions", "export"), ("profiles", "subscribe"), ("profiles", "unsubscribe"),
             ("quiet-hours", "remove"), ("journeys", "remove"), ("quiet-while", "remove"),
             ("journey-groups", "remove"), ("images", "remove")}  # fmt: skip
    for words, command in leaves(cli):
        options = {option for p in command.params for option in p.opts}
        assert ("--json" in options) != (words in quiet), words


def test_help_lists_every_command(cdp: Cdp) -> None:
    out = cdp("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in out
