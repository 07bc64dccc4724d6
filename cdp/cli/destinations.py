"""``cdp destinations``: where messages go."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from cdp.cli.common import (
    author,
    json_option,
    now_ms,
    open_store,
    pairs,
    print_object,
    print_rows,
    reads_conditions,
    store_options,
)
from cdp.cli.errors import CliError
from cdp.config import Settings
from cdp.events import format_time
from cdp.store import Store, config_rows
from cdp.store.config_rows import Destination
from cdp.store.destinations import health as delivery_health

_FILTER = "The condition that events must meet, such as 'type = \"track\"'."
_CONSENT = "Send what speaks of consent only if it agrees to this; repeatable."


@click.group()
def destinations() -> None:
    """Where messages go; calls, dead letters."""
    reads_conditions()


def _classes(settings: Settings) -> dict[str, Any]:
    from cdp.plugin import manager

    return manager.load(settings.plugin_folder).destinations()


def _find(store: Store, key: str) -> Destination:
    with store.read() as tx:
        found = config_rows.destination_by_key(tx, key)
    if found is None:
        raise CliError(f"there is no destination {key!r}")
    return found


def _row(store: Store, settings: Settings, item: Destination) -> dict[str, Any]:
    cls = _classes(settings).get(item.plugin)
    with store.read() as tx:
        health = delivery_health.destination_health(tx, item.id)
        sources = {s.id: s.key for s in config_rows.all_sources(tx)}
    return {
        "key": item.key,
        "name": item.name,
        "plugin": item.plugin,
        "source": sources.get(item.source_id or 0),
        "enabled": item.enabled,
        "state": health.state,
        "error": health.error,
        "behind": health.behind,
        "delivered": health.delivered,
        "filtered": health.filtered,
        "waiting": health.waiting,
        "dead": health.dead,
        "settings": cls.masked(item.settings) if cls else {},
        "consent_categories": list(item.consent_categories),
        "filter": item.filter,
    }


_COLUMNS = ["key", "plugin", "source", "enabled", "state", "behind", "delivered", "dead", "error"]


@destinations.command("list")
@store_options
@json_option
def list_(as_json: bool, **where: Any) -> None:
    """List them with how they are doing. Example: cdp destinations list"""
    settings, store = open_store(**where)
    with store.read() as tx:
        found = config_rows.all_destinations(tx)
    print_rows([_row(store, settings, item) for item in found], as_json, _COLUMNS)


@destinations.command()
@store_options
@click.argument("plugin")
@click.option("--source", help="Only messages of this source; all if unset.")
@click.option("--setting", "setting", multiple=True, help="name=value; ${env:NAME} is kept so.")
@click.option("--key", help="What it is called in commands; the plugin's name if unset.")
@click.option("--name", help="What people call it.")
@click.option("--consent-category", "categories", multiple=True, help=_CONSENT)
@click.option("--filter", "filter_", default="", help=_FILTER)
@json_option
def add(
    plugin: str,
    source: str | None,
    setting: tuple[str, ...],
    key: str | None,
    name: str | None,
    categories: tuple[str, ...],
    filter_: str,
    as_json: bool,
    **where: Any,
) -> None:
    """Add a destination of PLUGIN.

    Example: cdp destinations add webhook --setting url=https://example.com/hook
    """
    settings, store = open_store(**where)
    classes = _classes(settings)
    if plugin not in classes:
        raise CliError(f"no plugin brings {plugin!r}; known: {', '.join(sorted(classes))}")
    cls = classes[plugin]
    values = pairs(setting)
    _check(cls, values)
    _check_filter(filter_)
    with store.read() as tx:
        sources = {s.key: s.id for s in config_rows.all_sources(tx)}
        taken = {d.key for d in config_rows.all_destinations(tx)}
    if source is not None and source not in sources:
        raise CliError(f"there is no source {source!r}; known: {', '.join(sources)}")
    if key is None:
        key, number = plugin, 2
        while key in taken:
            key, number = f"{plugin}_{number}", number + 1
    with store.write() as tx:
        made = config_rows.add_destination(
            tx, now_ms(), key, name or cls.name, plugin,
            sources[source] if source else None, values, author(), categories, filter_.strip(),
        )  # fmt: skip
    print_rows([_row(store, settings, made)], as_json, _COLUMNS)


def _check(cls: Any, values: dict[str, Any]) -> None:
    from cdp.plugin import SettingsError, validate

    try:
        validate(cls.Settings, values)
    except SettingsError as error:
        raise CliError(str(error)) from None


def _check_filter(text: str) -> None:
    from cdp.conditions import ConditionError, read_filter

    try:
        read_filter(text)
    except ConditionError as error:
        raise CliError(f"--filter: {error.located}") from None


@destinations.command()
@store_options
@click.argument("key")
@json_option
def show(key: str, as_json: bool, **where: Any) -> None:
    """Show one. Example: cdp destinations show webhook"""
    settings, store = open_store(**where)
    print_object(_row(store, settings, _find(store, key)), as_json)


@destinations.command("set")
@store_options
@click.argument("key")
@click.option("--setting", "setting", multiple=True, help="name=value; an empty value unsets.")
@click.option("--name", help="What people call it.")
@click.option(
    "--consent-category",
    "categories",
    multiple=True,
    help=f"{_CONSENT} Replaces those of before; an empty one stands for none.",
)
@click.option("--filter", "filter_", help=f"{_FILTER} An empty one lets all through.")
@json_option
def set_(
    key: str,
    setting: tuple[str, ...],
    name: str | None,
    categories: tuple[str, ...],
    filter_: str | None,
    as_json: bool,
    **where: Any,
) -> None:
    """Change settings of KEY. Example: cdp destinations set webhook --setting batch=true"""
    settings, store = open_store(**where)
    found = _find(store, key)
    values = {**found.settings, **pairs(setting)}
    values = {name_: value for name_, value in values.items() if value != ""}
    cls = _classes(settings).get(found.plugin)
    if cls is None:
        raise CliError(f"the plugin {found.plugin!r} is not installed")
    _check(cls, values)
    if filter_ is not None:
        _check_filter(filter_)
    with store.write() as tx:
        config_rows.change_destination(
            tx, now_ms(), found, author(), name=name, settings=values,
            consent_categories=[word for word in categories if word] if categories else None,
            filter=filter_.strip() if filter_ is not None else None,
        )  # fmt: skip
    print_object(_row(store, settings, _find(store, key)), as_json)


def _switch(key: str, enabled: bool, as_json: bool, where: dict[str, Any]) -> None:
    settings, store = open_store(**where)
    with store.write() as tx:
        found = config_rows.destination_by_key(tx, key)
        if found is None:
            raise CliError(f"there is no destination {key!r}")
        config_rows.change_destination(tx, now_ms(), found, author(), enabled=enabled)
    print_rows([_row(store, settings, _find(store, key))], as_json, _COLUMNS)


@destinations.command()
@store_options
@click.argument("key")
@json_option
def enable(key: str, as_json: bool, **where: Any) -> None:
    """Deliver to KEY from now on. Example: cdp destinations enable webhook"""
    _switch(key, True, as_json, where)


@destinations.command()
@store_options
@click.argument("key")
@json_option
def disable(key: str, as_json: bool, **where: Any) -> None:
    """Stop delivering to KEY. Example: cdp destinations disable webhook"""
    _switch(key, False, as_json, where)


@destinations.command()
@store_options
@click.argument("key")
@click.option("--yes", is_flag=True, help="Don't ask.")
def remove(key: str, yes: bool, **where: Any) -> None:
    """Remove KEY with what waits for it. Example: cdp destinations remove webhook --yes"""
    _, store = open_store(**where)
    found = _find(store, key)
    if not yes:
        click.confirm(f"Remove {found.name} with all that waits for it?", abort=True)
    with store.write() as tx:
        config_rows.delete_destination(tx, now_ms(), found, author())


@destinations.command()
@store_options
@click.argument("key")
@json_option
def test(key: str, as_json: bool, **where: Any) -> None:
    """Send a test to KEY and show the exchange. Example: cdp destinations test webhook"""
    from cdp.plugin import PluginError

    made = _made(key, where)
    try:
        exchange = made.test()
    except PluginError as error:
        raise CliError(str(error)) from None
    finally:
        made.close()
    print_object(asdict(exchange), as_json)
    if exchange.error or exchange.status is None or exchange.status >= 300:
        raise CliError(exchange.error or f"the answer was {exchange.status}")


def _made(key: str, where: dict[str, Any]) -> Any:
    """The destination as it would deliver; whoever asks closes it."""
    from cdp.plugin import DestinationContext

    settings, store = open_store(**where)
    found = _find(store, key)
    cls = _classes(settings).get(found.plugin)
    if cls is None:
        raise CliError(f"the plugin {found.plugin!r} is not installed")
    context = DestinationContext(
        found.name,
        settings.allow_private_addresses,
        settings.public_url or "",
        key=found.key,
    )
    return cls(found.settings, context)


@destinations.command()
@store_options
@click.argument("key")
@json_option
def check(key: str, as_json: bool, **where: Any) -> None:
    """Look up what should hold before KEY sends: DNS records and the like.

    Example: cdp destinations check email
    """
    from cdp.plugin import Channel

    made = _made(key, where)
    try:
        found = made.checks() if isinstance(made, Channel) else []
    finally:
        made.close()
    print_rows([row._asdict() for row in found], as_json, ["name", "state", "text", "wanted"])
    failed = [row.name for row in found if row.state == "failed"]
    if failed:
        raise CliError(f"not as it should be: {', '.join(failed)}")


@destinations.command()
@store_options
@click.argument("key")
@click.option("--limit", default=20, show_default=True)
@json_option
def calls(key: str, limit: int, as_json: bool, **where: Any) -> None:
    """The newest calls of KEY. Example: cdp destinations calls webhook"""
    _, store = open_store(**where)
    found = _find(store, key)
    with store.read() as tx:
        rows = delivery_health.newest_calls(tx, found.id, limit)
        full = [delivery_health.one_call(tx, found.id, row.id) or row for row in rows]
    shown = [{**row._asdict(), "at": format_time(row.at)} for row in full]
    columns = ["at", "outcome", "status", "duration_ms", "events", "attempt", "key", "error"]
    print_rows(shown, as_json, columns)


@destinations.command()
@store_options
@click.argument("key")
@click.option("--replay", help="Try again: the number of an item, or all.")
@click.option("--error", help="With --replay all: only those with this error.")
@click.option("--limit", default=50, show_default=True)
@json_option
def dead(
    key: str, replay: str | None, error: str | None, limit: int, as_json: bool, **where: Any
) -> None:
    """What KEY refused for good. Example: cdp destinations dead webhook --replay all"""
    _, store = open_store(**where)
    found = _find(store, key)
    if replay is not None:
        if replay != "all" and not replay.isdigit():
            raise CliError("--replay takes the number of an item, or all")
        item = None if replay == "all" else int(replay)
        with store.write() as tx:
            count = delivery_health.replay_dead(
                tx, now_ms(), found, author(), item=item, error=error
            )
        print_object({"tried_again": count}, as_json)
        return
    with store.read() as tx:
        rows = delivery_health.outbox_items(tx, found.id, ("dead",), limit)
    shown = [{**row._asdict(), "created_at": format_time(row.created_at)} for row in rows]
    print_rows(shown, as_json, ["id", "created_at", "attempts", "error", "key"])
