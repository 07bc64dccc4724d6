"""``cdp in-app``: tokens to try things with."""

from __future__ import annotations

import time

import click

from cdp.plugin import CommandTools
from cdp_inapp.channel import InApp


@click.group("in-app")
def in_app() -> None:
    """Messages in your own pages and apps."""


@in_app.command()
@click.argument("person")
@click.option("--destination", default="in_app", show_default=True, help="Its key.")
@click.option("--minutes", default=60, show_default=True, help="How long the token is good for.")
@click.pass_obj
def token(tools: CommandTools, person: str, destination: str, minutes: int) -> None:
    """Print a signed user token for PERSON, as your own backend would make it.

    Example: cdp in-app token user_id:u1
    """
    type_, colon, value = person.partition(":")
    if not colon or not type_ or not value:
        raise click.UsageError(f"a person is type:value, such as user_id:u1, not {person!r}")
    found = tools.destination(destination)
    if not isinstance(found, InApp):
        raise click.ClickException(f"the destination {destination!r} shows no in-app messages")
    click.echo(found.token((type_, value), int(time.time()) + minutes * 60))
