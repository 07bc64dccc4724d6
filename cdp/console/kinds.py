"""Kinds of destinations as forms need them, from the plugins' settings schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import msgspec
from marshmallow import Schema
from sqlalchemy import Connection

from cdp.console.context import console
from cdp.plugin import (
    Channel,
    Check,
    Destination,
    DestinationContext,
    Event,
    Exchange,
    PluginError,
    SettingsError,
    describe,
    validate,
)
from cdp.store import config_rows
from cdp.store.destinations import health as delivery_health
from cdp.store.destinations.health import Call


class Field(NamedTuple):
    """A setting as a form shows it; ``type`` as `cdp.plugin.describe` names it."""

    name: str
    label: str
    type: str
    required: bool
    secret: bool
    default: Any
    hint: str
    choices: tuple[Any, ...]
    only: dict[str, list[str]]
    needed: bool


class Kind(NamedTuple):
    """A kind of destination."""

    key: str
    name: str
    description: str
    fields: list[Field]
    schema: type[Schema]
    factory: type[Destination]

    @property
    def carries_messages(self) -> bool:
        """Whether it is a channel: it gets messages, and no events."""
        return issubclass(self.factory, Channel)


class Tested(NamedTuple):
    """What a test showed; ``exchange`` as in `exchange_view`, ``checks`` of a channel."""

    ok: bool
    text: str
    exchange: dict[str, Any] | None
    checks: tuple[Check, ...] = ()


def kinds() -> list[Kind]:
    """Every kind that the loaded plugins offer, by name."""
    plugins = console().services.plugins
    if plugins is None:
        return []
    found = [_kind(factory) for factory in plugins.destinations().values()]
    return sorted(found, key=lambda kind: kind.name.casefold())


def kind(key: str) -> Kind | None:
    """The kind of that key."""
    return next((kind for kind in kinds() if kind.key == key), None)


def _kind(factory: type[Destination]) -> Kind:
    rows = [
        Field(
            row["name"],
            row["label"],
            row["type"],
            row["required"],
            row["secret"],
            row["default"],
            row["help"],
            tuple(row["choices"] or ()),
            row["only"],
            row["needed"],
        )
        for row in describe(factory.Settings)
    ]
    return Kind(factory.key, factory.name, factory.description, rows, factory.Settings, factory)


def read_form(
    kind: Kind, form: Mapping[str, str], old: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings that a form asks for, and what is wrong by field.

    An empty secret keeps the ``old`` one, unless its ``clear`` box is ticked. What
    refers to the environment (``${env:NAME}``) is kept as it was written.
    """
    raw: dict[str, Any] = {}
    for item in kind.fields:
        text = form.get(f"s.{item.name}", "").replace("\r\n", "\n").strip()
        if item.type == "boolean":
            raw[item.name] = f"s.{item.name}" in form
        elif text:
            raw[item.name] = _parsed(item, text)
        elif item.secret and item.name in old and f"clear.{item.name}" not in form:
            raw[item.name] = old[item.name]
    try:
        checked = validate(kind.schema, raw)
    except SettingsError as error:
        known = {item.name for item in kind.fields}
        wrong: dict[str, str] = {}
        for name, texts in error.errors.items():
            field = name.split(".")[0]
            wrong.setdefault(field if field in known else "name", " ".join(texts))
        return {}, wrong
    return {name: value if _refers(value) else checked[name] for name, value in raw.items()}, {}


def shown(kind: Kind | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as the fields of a form show them: secrets not at all."""
    if kind is None:
        return {}
    values = {}
    for item in kind.fields:
        value = settings.get(item.name, item.default)
        if item.secret:
            value = "" if not settings.get(item.name) else None  # None: there is one
        elif isinstance(value, list) and all(isinstance(part, str) for part in value):
            value = ", ".join(value)
        elif isinstance(value, dict | list):
            value = msgspec.json.encode(value).decode() if value else ""
        values[item.name] = value
    return values


def typed(kind: Kind, form: Mapping[str, str], old: dict[str, Any]) -> dict[str, Any]:
    """What was typed into a form that is shown again; secrets must be typed anew."""
    values = shown(kind, old)
    for item in kind.fields:
        if item.type == "boolean":
            values[item.name] = f"s.{item.name}" in form
        elif not item.secret:
            values[item.name] = form.get(f"s.{item.name}", "")
    return values


def test(kind: Kind, destination: config_rows.Destination) -> Tested:
    """Let the plugin send its test, for real; a channel is checked as well."""
    settings = console().settings
    context = DestinationContext(
        destination.name,
        settings.allow_private_addresses,
        settings.public_url or "",
        key=destination.key,
    )
    try:
        sender = kind.factory(destination.settings, context)
    except SettingsError as error:
        return Tested(False, f"Its settings don't hold any more: {error}", None)
    except Exception as error:  # a plugin may raise anything; it is shown, not hidden
        return Tested(False, _fault(error), None)
    try:
        return _tried(sender)._replace(checks=_checked(sender))
    finally:
        sender.close()


def _tried(sender: Destination) -> Tested:
    try:
        exchange = sender.test()
    except (PluginError, NotImplementedError) as error:
        made = sender.http.take_exchanges()
        return Tested(False, str(error), exchange_view(made[-1]) if made else None)
    except Exception as error:
        return Tested(False, _fault(error), None)
    return Tested(exchange.error is None, exchange.error or "", exchange_view(exchange))


def _checked(sender: Destination) -> tuple[Check, ...]:
    if not isinstance(sender, Channel):
        return ()
    try:
        return tuple(sender.checks())
    except Exception as error:
        return (Check("Checks", "unknown", _fault(error)),)


def _fault(error: Exception) -> str:
    return f"The plugin failed: {type(error).__name__}: {error}"


def wants(kind: Kind, destination: config_rows.Destination, event: Event) -> bool:
    """Whether a destination, as it is set, takes an event; True where that can't be told."""
    try:
        sender = kind.factory(destination.settings)
    except Exception:  # settings that don't hold any more; its own page says so
        return True
    try:
        return sender.wants(event)
    finally:
        sender.close()


def exchange_view(exchange: Exchange | dict[str, Any]) -> dict[str, Any]:
    """An exchange in two halves: {request: …, response: …}."""
    flat = asdict(exchange) if isinstance(exchange, Exchange) else exchange
    if "request" in flat:
        return flat
    line = f"{flat.get('method', '')} {flat.get('url', '')}".strip()
    status = flat.get("status")
    answer = {
        "line": f"{status} in {flat.get('duration_ms', 0):.0f} ms",
        "headers": flat.get("response_headers") or {},
        "body": flat.get("response_body") or "",
    }
    return {
        "request": {
            "line": line,
            "headers": flat.get("request_headers") or {},
            "body": flat.get("request_body") or "",
        },
        "response": answer if status is not None else None,
    }


def _parsed(item: Field, text: str) -> Any:
    # Lists and maps may be written as JSON; else the schema reads its own short form.
    if item.type in ("list", "map") and text[0] in "[{":
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text


def _refers(value: Any) -> bool:
    return isinstance(value, str) and "${env:" in value


def failing(tx: Connection, destination: config_rows.Destination) -> Call | None:
    """The newest call of a channel that gets nowhere just now; None for all others.

    What was before its settings changed says nothing of it.
    """
    found = kind(destination.plugin)
    if found is None or not found.carries_messages:
        return None
    call = delivery_health.failing(tx, destination.id)
    return call if call is not None and call.at >= destination.updated_at else None
