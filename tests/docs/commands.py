"""The command line, as click describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

import click

from cdp.cli import COMMANDS, SUMMARIES
from cdp.plugin import manager
from tests.docs.markdown import prose, table


class Command(NamedTuple):
    """A command with its full name, such as ``cdp sources add``."""

    name: str
    command: click.Command


def all_commands() -> Iterator[Command]:
    """Every command, sub-commands after their group."""
    for name, place in COMMANDS.items():
        module, attribute = place.split(":")
        yield from _walk(f"cdp {name}", getattr(import_module(module), attribute))
    for name, command in of_plugins().items():
        yield from _walk(f"cdp {name}", command)


def of_plugins() -> dict[str, click.Command]:
    """The commands that the plugins add which come along."""
    group = click.Group()
    manager.load().register_cli(group)
    return dict(sorted(group.commands.items()))


def _walk(name: str, command: click.Command) -> Iterator[Command]:
    yield Command(name, command)
    if isinstance(command, click.Group):
        for key, sub in command.commands.items():
            yield from _walk(f"{name} {key}", sub)


def help_of(command: click.Command) -> tuple[str, str]:
    """What the help says, and its example (empty for a plain group)."""
    text, _, example = (command.help or "").partition("Example: ")
    return prose(text), example.strip()


def commands() -> str:
    """A section a command: what it does, an example, arguments, options."""
    parts = [table(("Command", "What it does"), _summaries())]
    for name, command in all_commands():
        text, example = help_of(command)
        level = "##" if name.count(" ") == 1 else "###"
        part = [f"{level} {name}", text]
        if example:
            part.append(f"```sh\n{example}\n```")
        arguments = [p for p in command.params if isinstance(p, click.Argument)]
        if arguments:
            words = (p.human_readable_name for p in arguments)
            part.append("Arguments: " + ", ".join(f"`{word}`" for word in words))
        if rows := list(_options(command)):
            part.append(table(("Option", "Default", "Meaning"), rows))
        parts.append("\n\n".join(part))
    return "\n\n".join(parts)


def _summaries() -> Iterator[tuple[str, str]]:
    for name in COMMANDS:
        yield f"[`cdp {name}`](#cdp-{name})", SUMMARIES[name]
    for name, command in of_plugins().items():
        yield f"[`cdp {name}`](#cdp-{name})", command.get_short_help_str(200)


def _options(command: click.Command) -> Iterator[tuple[str, str, str]]:
    context = click.Context(command, info_name=command.name)
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            record = option.get_help_record(context)
            assert record is not None
            shown, meaning = record
            default = ""
            if option.show_default:
                default = f"`{option.default}`"
                meaning = meaning.rpartition("[default:")[0].strip()
            yield f"`{shown}`", default, meaning


BLOCKS: dict[str, Callable[[], str]] = {"commands": commands}
