"""The ``cdp`` command. Each command's module is imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from cdp import __version__

#: Command → where it is. A command's module is only loaded when it is needed.
COMMANDS = {
    "serve": "cdp.cli.serve:serve",
    "web": "cdp.cli.serve:web",
    "worker": "cdp.cli.serve:worker",
    "demo": "cdp.cli.demo:demo",
    "sources": "cdp.cli.sources:sources",
    "destinations": "cdp.cli.destinations:destinations",
    "audiences": "cdp.cli.audiences:audiences",
    "traits": "cdp.cli.computed_traits:traits",
    "templates": "cdp.cli.templates:templates",
    "layouts": "cdp.cli.templates:layouts",
    "snippets": "cdp.cli.templates:snippets",
    "limits": "cdp.cli.messages:limits",
    "quiet-hours": "cdp.cli.messages:quiet_hours",
    "quiet-while": "cdp.cli.messages:quiet_while",
    "journey-groups": "cdp.cli.messages:journey_groups",
    "images": "cdp.cli.images:images",
    "messages": "cdp.cli.messages:messages",
    "topics": "cdp.cli.topics:topics",
    "broadcasts": "cdp.cli.broadcasts:broadcasts_",
    "journeys": "cdp.cli.journeys:journeys_",
    "suppressions": "cdp.cli.suppressions:suppressions",
    "profiles": "cdp.cli.profiles:profiles",
    "events": "cdp.cli.events:events",
    "catalogue": "cdp.cli.fields:catalogue",
    "conditions": "cdp.cli.conditions:conditions",
    "lists": "cdp.cli.lists:lists",
    "import": "cdp.cli.imports:import_",
    "export": "cdp.cli.export:export",
    "pull": "cdp.cli.folder:pull",
    "plan": "cdp.cli.folder:plan",
    "apply": "cdp.cli.folder:apply",
    "plugins": "cdp.cli.plugins:plugins",
    "config": "cdp.cli.config_cmd:config",
    "doctor": "cdp.cli.doctor:doctor",
    "backup": "cdp.cli.backup:backup",
    "restore": "cdp.cli.backup:restore",
}

#: What ``cdp --help`` says of each, so that it need not load them.
SUMMARIES = {
    "serve": "Run everything on one box.",
    "web": "Run only the web server (scaled out).",
    "worker": "Run only the pipeline and delivery (scaled out).",
    "demo": "Fill the space with a small shop's life, or remove it.",
    "sources": "Where messages come from, and their write keys.",
    "destinations": "Where messages go; calls, dead letters.",
    "audiences": "Who meets a condition, and lists that are kept by hand.",
    "traits": "Computed traits: what a person's or account's history is worth.",
    "templates": "What messages say: add, preview, lint; which variables they need.",
    "layouts": "What emails stand in.",
    "snippets": "Texts that many messages say.",
    "limits": "How many messages a person gets in a time, at most.",
    "quiet-hours": "When people get no messages.",
    "quiet-while": "Journeys in which people get no other messages.",
    "journey-groups": "Journeys of which a person is in one at a time.",
    "images": "Images that messages show: list, add, remove.",
    "messages": "What was sent to whom, what was not and why; held and drafted ones.",
    "topics": "What messages are about, as people choose it.",
    "broadcasts": "One message to an audience: add, check, start, pause, report.",
    "journeys": "People on their way: launch, pause, stop; who is where; lint and reports.",
    "suppressions": "Addresses that nothing is sent to: list, add, remove, import, export.",
    "profiles": "Look people and accounts up, and explain them.",
    "events": "See, follow and replay events; the rejected ones with reasons.",
    "catalogue": "Which fields are personal; confirm or overrule what is proposed.",
    "conditions": "Evaluate, format and explain conditions.",
    "lists": "Lists of texts that conditions ask: add, replace, revert, remove.",
    "import": "Take messages, or people from a table; list and undo imports.",
    "export": "Write people, accounts, objects, identifiers, events or messages to a file.",
    "pull": "Write what is defined into a folder, one object a file.",
    "plan": "Say what an apply of a folder would change, and for whom.",
    "apply": "Make what a folder's files say hold: all of it, or nothing.",
    "plugins": "What is installed; start a plugin of your own.",
    "config": "Settings, API tokens, passwords.",
    "doctor": "Look over the settings, the store and what runs, and say what to do.",
    "backup": "Put everything into one archive, while the server runs.",
    "restore": "Put a backup into a data folder.",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return super().get_command(ctx, name) or _from_plugins(self, name)
        module, attribute = COMMANDS[name].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in COMMANDS])


def _from_plugins(group: click.Group, name: str) -> click.Command | None:
    """A command that a plugin's ``register_cli`` hook adds."""
    from cdp.config import Settings
    from cdp.plugin import manager

    manager.load(Settings.load().plugin_folder).register_cli(group)
    return group.commands.get(name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headwater")
@click.pass_context
def cli(context: click.Context) -> None:
    """Headwater: Segment's pipes and Customer.io's journeys, owned by you."""
    context.obj = LazyTools()


class LazyTools:
    """What commands of plugins may ask, imported when one does."""

    def __getattr__(self, name: str) -> Any:
        from cdp.cli.tools import Tools

        return getattr(Tools(), name)


def main() -> None:
    """The entry point: errors of ours are one clear line and exit code 1."""
    from cdp.cli.errors import run

    run(cli)
