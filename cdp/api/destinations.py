"""``/api/destinations``: where messages go."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from marshmallow import Schema, fields
from marshmallow import validate as validate_
from sqlalchemy import Connection

from cdp.api.errors import ApiError, not_found, wrong_fields
from cdp.api.fields import Empty, Key, Name, Words
from cdp.api.masking import personal
from cdp.api.room import Room, author, here, page_of
from cdp.api.sources import find as find_source
from cdp.conditions import ConditionError, read_filter
from cdp.events import format_time
from cdp.plugin import (
    Channel,
    DestinationContext,
    PluginError,
    SettingsError,
    describe,
    unmask,
    validate,
)
from cdp.plugin import (
    Destination as Factory,
)
from cdp.store import config_rows
from cdp.store.catalogue.names import names_for
from cdp.store.config_rows import Destination
from cdp.store.destinations import health as delivery_health

_FILTER = "The condition that events must meet; empty: all of them."
room = Room("destinations", "Where messages go, and how that is going.")


def _categories(**more: Any) -> Any:
    text = "An event that speaks of consent goes there only if it agrees to all of these."
    return fields.List(
        Words(), validate=validate_.Length(max=100), metadata={"description": text}, **more
    )


class HealthSchema(Schema):
    """How a destination is doing."""

    state = fields.String(metadata={"description": "running, stalled or stopped."})
    since = fields.String(allow_none=True)
    error = fields.String(allow_none=True)
    delivered = fields.Integer()
    filtered = fields.Integer()
    failed = fields.Integer()
    behind = fields.Integer(metadata={"description": "Events not yet looked at."})
    waiting = fields.Integer(metadata={"description": "Single events that will be tried again."})
    dead = fields.Integer(metadata={"description": "Events that were given up."})


class DestinationSchema(Schema):
    """A destination; secrets among its settings are masked."""

    key = fields.String()
    name = fields.String()
    plugin = fields.String()
    source = fields.String(allow_none=True, metadata={"description": "null: every source."})
    enabled = fields.Boolean()
    settings = fields.Dict(metadata=personal("no"))
    consent_categories = fields.List(fields.String())
    filter = fields.String(metadata=personal("no", _FILTER))
    filter_warnings = fields.List(
        fields.String(), metadata=personal("no", "What of the filter looks like a mistake.")
    )
    created_at = fields.String()
    updated_at = fields.String()
    health = fields.Nested(HealthSchema)


class NewDestination(Schema):
    """What a new destination is made of."""

    key = Key(metadata={"description": "The plugin's name if unset."})
    name = Name()
    plugin = Words(required=True)
    source = Words(allow_none=True)
    settings = fields.Dict(keys=fields.String(), load_default=dict)
    consent_categories = _categories(load_default=list)
    filter = fields.String(load_default="", metadata={"description": _FILTER})


class DestinationChange(Schema):
    """What may be changed; settings that are not named stay, null unsets one."""

    name = Name()
    enabled = fields.Boolean()
    settings = fields.Dict(keys=fields.String())
    consent_categories = _categories()
    filter = fields.String(metadata={"description": _FILTER})


class ExchangeSchema(Schema):
    """A test: what was sent and answered. ``ok`` says whether the provider took it."""

    ok = fields.Boolean()
    error = fields.String(allow_none=True)
    exchange = fields.Dict(allow_none=True, metadata=personal("no"))


class CheckSchema(Schema):
    """Something that should hold before a channel sends; ``wanted`` is what to publish."""

    name = fields.String()
    state = fields.String(validate=validate_.OneOf(["ok", "warning", "failed", "unknown"]))
    text = fields.String()
    wanted = fields.String(metadata=personal("no"))


class KindSchema(Schema):
    """A kind of destination that can be added, with the fields of its settings."""

    plugin = fields.String()
    name = fields.String()
    description = fields.String()
    settings = fields.List(fields.Dict(), metadata=personal("no"))


def find(tx: Connection, key: str) -> Destination:
    """The destination called ``key``, or 404."""
    found = config_rows.destination_by_key(tx, key)
    if found is None:
        raise not_found(f"There is no destination called {key}.")
    return found


def factory(plugin: str) -> type[Factory]:
    """The class that a plugin brings; `ApiError` if it is not loaded."""
    known = here().plugins.destinations()
    if plugin not in known:
        text = f"No plugin brings {plugin!r}; there are {', '.join(sorted(known))}."
        raise wrong_fields({"plugin": [text]})
    found: type[Factory] = known[plugin]
    return found


def _checked(cls: type[Factory], settings: dict[str, Any]) -> dict[str, Any]:
    try:
        validate(cls.Settings, settings)
    except SettingsError as error:
        named = {f"settings.{name}": texts for name, texts in error.errors.items()}
        raise wrong_fields(named) from None
    return settings


def _checked_filter(text: str) -> str:
    try:
        read_filter(text)
    except ConditionError as error:
        raise wrong_fields({"filter": [error.located]}) from None
    return text.strip()


def _warnings(tx: Connection, text: str) -> list[str]:
    """What looks wrong about a filter, by what the catalogue has seen."""
    try:
        condition = read_filter(text, partial(names_for, tx))
    except ConditionError as error:
        return [error.located]
    return [warning.text for warning in condition.warnings] if condition is not None else []


def _shown(tx: Connection, item: Destination) -> dict[str, Any]:
    sources = {s.id: s.key for s in config_rows.all_sources(tx)}
    cls = here().plugins.destinations().get(item.plugin)
    health = delivery_health.destination_health(tx, item.id)._asdict()
    since = health["since"]
    return {
        "key": item.key,
        "name": item.name,
        "plugin": item.plugin,
        "source": sources.get(item.source_id or 0),
        "enabled": item.enabled,
        # Without its plugin nobody knows what is secret.
        "settings": cls.masked(item.settings) if cls else {},
        "consent_categories": list(item.consent_categories),
        "filter": item.filter,
        "filter_warnings": _warnings(tx, item.filter),
        "created_at": format_time(item.created_at),
        "updated_at": format_time(item.updated_at),
        "health": {**health, "since": format_time(since) if since is not None else None},
    }


@room.on("GET", "/destinations", "destinations:read", gives=page_of(DestinationSchema))
def list_destinations() -> dict[str, Any]:
    """List destinations."""
    with here().store.read() as tx:
        rows = [_shown(tx, item) for item in config_rows.all_destinations(tx)]
    return {"data": rows, "next": None}


@room.on("GET", "/destination-kinds", "destinations:read", gives=page_of(KindSchema))
def list_kinds() -> dict[str, Any]:
    """List the kinds of destinations that plugins bring, with their settings."""
    rows = [
        {
            "plugin": cls.key,
            "name": cls.name,
            "description": cls.description,
            "settings": describe(cls.Settings),
        }
        for cls in here().plugins.destinations().values()
    ]
    return {"data": sorted(rows, key=lambda row: row["plugin"]), "next": None}


@room.on(
    "POST",
    "/destinations",
    "destinations:write",
    body=NewDestination,
    gives=DestinationSchema,
    status=201,
)
def add_destination(body: dict[str, Any]) -> dict[str, Any]:
    """Add a destination; it gets what comes from now on."""
    cls = factory(body["plugin"])
    settings = _checked(cls, body["settings"])
    key, source = body.get("key", cls.key), body.get("source")
    filter_ = _checked_filter(body["filter"])
    with here().store.write() as tx:
        source_id = find_source(tx, source).id if source is not None else None
        made = config_rows.add_destination(
            tx, here().now(), key, body.get("name", cls.name), cls.key, source_id, settings,
            author(), body["consent_categories"], filter_,
        )  # fmt: skip
        return _shown(tx, made)


@room.on("GET", "/destinations/<key>", "destinations:read", gives=DestinationSchema)
def get_destination(key: str) -> dict[str, Any]:
    """One destination."""
    with here().store.read() as tx:
        return _shown(tx, find(tx, key))


@room.on(
    "PATCH",
    "/destinations/<key>",
    "destinations:write",
    body=DestinationChange,
    gives=DestinationSchema,
)
def change_destination(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Rename, enable, disable or reconfigure; a masked secret stays what it was."""
    with here().store.write() as tx:
        item = find(tx, key)
        new = dict(body)
        if "settings" in body:
            merged = {**item.settings, **unmask(body["settings"], item.settings)}
            kept = {name: value for name, value in merged.items() if value is not None}
            new["settings"] = _checked(factory(item.plugin), kept)
        if "filter" in body:
            new["filter"] = _checked_filter(body["filter"])
        config_rows.change_destination(tx, here().now(), item, author(), **new)
        return _shown(tx, find(tx, key))


@room.on("DELETE", "/destinations/<key>", "destinations:write", gives=Empty, status=200)
def delete_destination(key: str) -> dict[str, Any]:
    """Remove a destination with all that waits for it."""
    with here().store.write() as tx:
        config_rows.delete_destination(tx, here().now(), find(tx, key), author())
    return {}


@room.on(
    "POST", "/destinations/<key>/retry", "destinations:write", body=Empty, gives=DestinationSchema
)
def retry_destination(_body: dict[str, Any], key: str) -> dict[str, Any]:
    """Let a stalled or stopped destination try again at once."""
    with here().store.write() as tx:
        config_rows.change_destination(tx, here().now(), find(tx, key), author())
        return _shown(tx, find(tx, key))


@room.on("POST", "/destinations/<key>/test", "destinations:write", body=Empty, gives=ExchangeSchema)
def test_destination(_body: dict[str, Any], key: str) -> dict[str, Any]:
    """Send a test for real and show what was sent and answered."""
    with here().store.read() as tx:
        item = find(tx, key)
    cls = factory(item.plugin)
    made: Factory | None = None
    try:
        made = cls(item.settings, _context(item))
        exchange = made.test()
    except (PluginError, SettingsError) as error:
        return {"ok": False, "error": str(error), "exchange": None}
    except NotImplementedError as error:
        raise ApiError(400, "invalid_request_error", str(error)) from None
    finally:
        if made is not None:
            made.close()
    taken = exchange.status is not None and exchange.status < 300 and exchange.error is None
    return {"ok": taken, "error": exchange.error, "exchange": asdict(exchange)}


@room.on("GET", "/destinations/<key>/checks", "destinations:read", gives=page_of(CheckSchema))
def check_destination(key: str) -> dict[str, Any]:
    """Look up what should hold before a channel sends, such as DNS records. Others have none."""
    with here().store.read() as tx:
        item = find(tx, key)
    cls = factory(item.plugin)
    if not issubclass(cls, Channel):
        return {"data": [], "next": None}
    try:
        made = cls(item.settings, _context(item))
    except SettingsError as error:
        raise ApiError(400, "invalid_request_error", str(error)) from None
    try:
        return {"data": [check._asdict() for check in made.checks()], "next": None}
    finally:
        made.close()


def _context(item: Destination) -> DestinationContext:
    settings = here().settings
    return DestinationContext(
        item.name, settings.allow_private_addresses, settings.public_url or "", key=item.key
    )
