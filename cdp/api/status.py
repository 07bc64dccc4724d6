"""``/api/status`` and ``/api/plugins``: is all well, what is installed."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from cdp import __version__
from cdp.api.masking import personal
from cdp.api.room import ANY, Room, here, page_of
from cdp.events import format_time
from cdp.store import config_rows
from cdp.store.destinations.health import destination_health
from cdp.store.events import console_queries
from cdp.store.events.console_queries import MINUTE_MS
from cdp.store.profiles import people
from cdp.store.tables import ACCOUNTS, USERS

room = Room("status", "Is all well, and what is installed.")

_DAY = 24 * 60


class TroubleSchema(Schema):
    """Something that needs somebody: a destination, or messages that were refused."""

    kind = fields.String()
    key = fields.String()
    text = fields.String()
    since = fields.String(allow_none=True)


class StatusSchema(Schema):
    """Counts of the space, and what is broken."""

    version = fields.String()
    space = fields.String()
    people = fields.Integer()
    accounts = fields.Integer()
    sources = fields.Integer()
    destinations = fields.Integer()
    events_last_hour = fields.Integer()
    events_last_day = fields.Integer()
    refused_last_day = fields.Integer()
    troubles = fields.List(fields.Nested(TroubleSchema))


class PluginErrorSchema(Schema):
    """What a plugin raised, counted."""

    hook = fields.String()
    error = fields.String(metadata=personal("quoted"))
    count = fields.Integer()
    first_at = fields.String()
    last_at = fields.String()
    traceback = fields.String(metadata=personal("dots"))


class PluginSchema(Schema):
    """A plugin; ``loaded`` is false where loading failed, and ``error`` says why."""

    name = fields.String()
    loaded = fields.Boolean()
    origin = fields.String(allow_none=True)
    hooks = fields.List(fields.String())
    error = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(PluginErrorSchema))


@room.on("GET", "/status", ANY, gives=StatusSchema)
def get_status() -> dict[str, Any]:
    """How much there is, and what is broken."""
    minute = here().now() // MINUTE_MS
    with here().store.read() as tx:
        destinations = config_rows.all_destinations(tx)
        refused = console_queries.refused_by_code(tx, minute - _DAY)
        found: list[dict[str, Any]] = []
        for item in destinations:
            health = destination_health(tx, item.id)
            if item.enabled and health.state in ("stalled", "stopped"):
                since = format_time(health.since) if health.since else None
                text = f"{health.state}: {health.error or 'no reason was given'}"
                found.append(_trouble("destination", item.key, text, since))
            if health.dead:
                found.append(_trouble("dead", item.key, f"{health.dead} not delivered", None))
        found += [_trouble("refused", code, f"{n} refused", None) for code, n, _ in refused]
        return {
            "version": __version__,
            "space": "default",
            "people": people.count(tx, USERS),
            "accounts": people.count(tx, ACCOUNTS),
            "sources": len(config_rows.own_sources(tx)),
            "destinations": len(destinations),
            "events_last_hour": console_queries.taken_between(tx, minute - 59, minute),
            "events_last_day": console_queries.taken_between(tx, minute - _DAY + 1, minute),
            "refused_last_day": sum(n for _, n, _ in refused),
            "troubles": found,
        }


def _trouble(kind: str, key: str, text: str, since: str | None) -> dict[str, Any]:
    return {"kind": kind, "key": key, "text": text, "since": since}


@room.on("GET", "/plugins", "plugins:read", gives=page_of(PluginSchema))
def list_plugins() -> dict[str, Any]:
    """List plugins, their hooks, and what they raised."""
    plugins = here().plugins
    with here().store.read() as tx:
        raised = console_queries.all_plugin_errors(tx)
    rows: dict[str, dict[str, Any]] = {}
    for name in plugins.names():
        origin, hooks = plugins.origins[name], plugins.hooks_of(name)
        rows[name] = _plugin(name, loaded=True, origin=origin, hooks=hooks)
    for failure in plugins.failures:
        row = rows.setdefault(failure.plugin, _plugin(failure.plugin, loaded=False))
        row["error"] = failure.error
    for item in raised:
        row = rows.setdefault(item.plugin, _plugin(item.plugin, loaded=False))
        row["errors"].append(
            {
                **item._asdict(),
                "count": item.n,
                "first_at": format_time(item.first_at),
                "last_at": format_time(item.last_at),
            }
        )
    return {"data": list(rows.values()), "next": None}


def _plugin(name: str, loaded: bool, **more: Any) -> dict[str, Any]:
    row = {"name": name, "loaded": loaded, "origin": None, "hooks": [], "error": None}
    return {**row, "errors": [], **more}
