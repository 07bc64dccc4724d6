"""``cdp messages``: what was sent to whom, what was not and why; and the rules on how much."""

from __future__ import annotations

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
from cdp.cli.definitions import group_of
from cdp.cli.errors import CliError
from cdp.definitions.journey_rules import JOURNEY_GROUP, QUIET_WHILE
from cdp.definitions.message_limit import MESSAGE_LIMIT
from cdp.definitions.quiet_hours import QUIET_HOURS
from cdp.store.messages import link_keys
from cdp.store.messages import reads as message_reads
from cdp.store.messages.actions import ACTIONS, Refused, act, act_many
from cdp.store.messages.reads import Which
from cdp.store.profiles import people

limits = group_of(
    MESSAGE_LIMIT,
    "limits",
    "How many messages a person gets in a time, at most.",
    ("three_a_week --most 3 --per 7d --channel email", "three_a_week --most 4"),
)
quiet_hours = group_of(
    QUIET_HOURS,
    "quiet-hours",
    "When people get no messages.",
    ("night --channels sms --start 21:00 --end 08:00", "night --start 22:00"),
)
quiet_while = group_of(
    QUIET_WHILE,
    "quiet-while",
    "Journeys in which people get no other messages.",
    ("onboarding_first --journeys onboarding --channel email", "onboarding_first --wait 3d"),
)
journey_groups = group_of(
    JOURNEY_GROUP,
    "journey-groups",
    "Journeys of which a person is in one at a time.",
    ("lifecycle --journeys onboarding --journeys winback", "lifecycle --then stay"),
)

_COLUMNS = ["id", "created_at", "channel", "template", "recipient", "state", "reason", "sent_at"]


@click.group()
def messages() -> None:
    """What was sent to whom, what was not and why; held and drafted ones."""


def _filters(command: Any) -> Any:
    for name, about in (
        ("profile", "A public id, or type:value."),
        ("reason", "A code, such as unsubscribed."),
        ("origin-key", "The key of a broadcast or journey."),
        ("template", "The key of a template."),
        ("state", "waiting, sent, held, failed, bounced, undeliverable, drafted, cancelled."),
        ("channel", "email, sms, push, in_app, webhook, slack."),
    ):
        command = click.option(f"--{name}", help=about)(command)
    return command


def _which(tx: Any, given: dict[str, Any]) -> Which:
    named = given.pop("profile")
    profile = None
    if named is not None:
        found = people.named(tx, named)
        if found is None:
            raise CliError(f"there is no profile {named!r}")
        profile = found.id
    return Which(**given, profile=profile)


def _split(where: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = ("channel", "state", "template", "origin_key", "reason", "profile")
    return {name: where.pop(name) for name in names}, where


@messages.command("list")
@store_options
@_filters
@click.option("--limit", default=50, type=click.IntRange(1, 10_000), help="How many at most.")
@json_option
def list_(limit: int, as_json: bool, **where: Any) -> None:
    """List messages, newest first. Example: cdp messages list --state held"""
    given, where = _split(where)
    _, store = open_store(**where)
    with store.read() as tx:
        rows = message_reads.newest(tx, _which(tx, given), limit)
        print_rows(message_reads.shown(tx, rows), as_json, _COLUMNS)


@messages.command()
@store_options
@click.argument("name")
@json_option
def show(name: str, as_json: bool, **where: Any) -> None:
    """Show one message: as it was handed over, and what was told of it.

    Example: cdp messages show 5mv3c…
    """
    _, store = open_store(**where)
    with store.read() as tx:
        row = message_reads.by_name(tx, name)
        if row is None:
            raise CliError(f"there is no message {name!r}")
        print_object(message_reads.whole(tx, row), as_json)


@messages.command()
@store_options
@_filters
@json_option
def why(as_json: bool, **where: Any) -> None:
    """Count why messages did not go. Example: cdp messages why --channel email"""
    given, where = _split(where)
    _, store = open_store(**where)
    with store.read() as tx:
        rows = message_reads.reasons(tx, _which(tx, given))
    print_rows(rows, as_json, ["state", "reason", "count"])


@messages.command()
@store_options
@_filters
@click.option(
    "--by", default="channel", help=f"Some of {', '.join(message_reads.GROUPS)}, commas between."
)
@json_option
def counts(by: str, as_json: bool, **where: Any) -> None:
    """Count messages and what became of them, such as by the domain of their recipients.

    Example: cdp messages counts --by domain
    """
    names = [name.strip() for name in by.split(",") if name.strip()]
    if not names or not set(names) <= set(message_reads.GROUPS):
        raise click.UsageError(f"--by takes some of {', '.join(message_reads.GROUPS)}")
    given, where = _split(where)
    _, store = open_store(**where)
    with store.read() as tx:
        rows = message_reads.counts(tx, _which(tx, given), names)
    columns = ["total", "sent", "delivered", "opened", "clicked", "bounced", "complained"]
    print_rows(rows, as_json, [*names, *columns])


@messages.command("act")
@store_options
@click.argument("action", type=click.Choice(list(ACTIONS)))
@click.argument("name", required=False)
@_filters
@json_option
def act_(action: str, name: str | None, as_json: bool, **where: Any) -> None:
    """Do something to one message, or to all that match.

    send drafts, cancel what waits, retry what failed, recall what was sent in-app; of what
    is held and nobody knows: repeat it, or say that it was sent, or discard it.

    Example: cdp messages act repeat --state held
    """
    given, where = _split(where)
    _, store = open_store(**where)
    if name is None and not any(given.values()):
        raise click.UsageError("name a message, or say which: --state held")
    changed = 0
    if name is not None:
        with store.write() as tx:
            row = message_reads.by_name(tx, name)
            if row is None:
                raise CliError(f"there is no message {name!r}")
            try:
                act(tx, row, action, author(), now_ms())
            except Refused as refused:
                raise CliError(f"the message can't: {refused}") from None
        changed = 1
    else:
        more = True
        while more:
            with store.write() as tx:
                done = act_many(tx, _which(tx, dict(given)), action, author(), now_ms())
            changed, more = changed + done.changed, done.more and done.changed > 0
    print_object({"changed": changed}, as_json)


@messages.command("rotate-key")
@store_options
@json_option
def rotate_key(as_json: bool, **where: Any) -> None:
    """Sign links with a new key; those of the last five keys go on working.

    Example: cdp messages rotate-key
    """
    _, store = open_store(**where)
    with store.write() as tx:
        kept = link_keys.rotate(tx)
    print_object({"keys": len(kept)}, as_json)
