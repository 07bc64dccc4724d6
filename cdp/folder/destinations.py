"""Destinations as files; what their plugins call secret is never written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, NamedTuple

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from cdp.conditions import ConditionError, read_filter
from cdp.conditions.errors import did_you_mean
from cdp.definitions import Body, DefinitionError, Fault, Finding, Id
from cdp.definitions.difference import Change
from cdp.definitions.kind import line
from cdp.folder.model import Handler, Settled, Thing, Wanted, World
from cdp.folder.secrets import (
    MASK,
    Secret,
    found_in,
    is_reference,
    name_for,
    referred_to,
    words_for,
)
from cdp.folder.sources import load
from cdp.plugin import SettingsError
from cdp.plugin import validate as validate_settings
from cdp.store import config_rows
from cdp.store.catalogue.names import names_for
from cdp.store.config_rows import Destination


class DestinationSchema(Schema):
    """A destination, as its file has it."""

    name = line(metadata={"description": "What people call it; the plugin's name if unset."})
    plugin = fields.String(
        required=True, metadata={"description": "Which plugin delivers; it stays."}
    )
    source = fields.String(
        metadata={"description": "The key of the source it is for; every one if unset. It stays."}
    )
    enabled = fields.Boolean(
        load_default=True, truthy={True}, falsy={False},
        metadata={"description": "Whether anything is delivered."},
    )  # fmt: skip
    settings = fields.Dict(
        keys=fields.String(),
        load_default=dict,
        metadata={"description": "All of the plugin's settings; secrets as ${env:NAME}."},
    )
    consent_categories = fields.List(
        fields.String(validate=validate.Length(1, 500)),
        load_default=list,
        validate=validate.Length(max=100),
        metadata={
            "description": "An event that speaks of consent goes there only if it agrees to all."
        },
    )
    filter = fields.String(
        load_default="", metadata={"description": "The condition that events must meet."}
    )


class _Settings(NamedTuple):
    """Settings as they are to be stored; ``troubles`` by path."""

    stored: dict[str, Any]
    troubles: dict[str, str]
    literal: list[str]


class Destinations(Handler):
    """``kind: destination``."""

    folders: ClassVar[Mapping[str, str]] = {"destination": "destinations"}
    prunes = "seen"
    scope = "destinations"

    def things(self, tx: Connection, world: World) -> list[Thing]:
        sources = {item.id: item.key for item in config_rows.all_sources(tx)}
        authors = config_rows.last_authors(tx, "destination")
        items = sorted(config_rows.all_destinations(tx), key=lambda item: item.key)
        words = words_for(item.key for item in items)
        taken = {name for item in items for name in referred_to(item.settings)}
        found = []
        for item in items:
            cls = world.destinations.get(item.plugin)
            if cls is not None:
                hide = partial(_unnamed, taken)
                settings = {
                    name: _shown(value, (words[item.key], name), hide)
                    if name in _secret(cls)
                    else value
                    for name, value in item.settings.items()
                }
                body = _body(
                    item.name, item.plugin, sources.get(item.source_id or 0), item.enabled,
                    settings, item.consent_categories, item.filter,
                )  # fmt: skip
                found.append(Thing("destination", item.key, body, None, authors.get(item.key)))
        return found

    def left_out(self, tx: Connection, world: World) -> list[str]:
        """Why some destinations have no file."""
        return [
            f"the destination {item.key} is left out: without the plugin {item.plugin} nobody "
            "knows which of its settings are secret"
            for item in config_rows.all_destinations(tx)
            if item.plugin not in world.destinations
        ]

    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        found = load(DestinationSchema, id_, given)
        cls = world.destinations.get(found["plugin"])
        if cls is None:
            hint = did_you_mean(found["plugin"], world.destinations)
            text = f"no plugin brings {found['plugin']}. {hint}".strip()
            raise DefinitionError([Fault("plugin", text)])
        try:
            read_filter(found["filter"])
        except ConditionError as error:
            fault = Fault("filter", error.text, error.line, error.column)
            raise DefinitionError([fault]) from None
        body = _body(
            found.get("name", cls.name), cls.key, found.get("source"), found["enabled"], {},
            found["consent_categories"], found["filter"].strip(),
        )  # fmt: skip
        return Wanted(*id_, body, given, private=(cls, found["settings"]))

    def settle(self, tx: Connection, wanted: Wanted, there: Thing | None, world: World) -> Settled:
        cls, written = wanted.private
        item = config_rows.destination_by_key(tx, wanted.key)
        stored = item.settings if item is not None else {}
        pulled = there.body.get("settings", {}) if there is not None else {}
        body, found = {}, _Settings({}, {}, [])
        hidden: list[Change] = []
        for name, value in written.items():
            if name not in _secret(cls):
                body[name] = found.stored[name] = value
                continue
            leaf = partial(_leaf, world.environ, found, hidden)
            before, shown = stored.get(name), pulled.get(name)
            found.stored[name], body[name] = _settled(
                value, before, shown, (wanted.key, name), f"settings.{name}", leaf
            )
        whole = {**wanted.body, "settings": body} if body else wanted.body
        return Settled(wanted._replace(body=_ordered(whole), private=(cls, found)), hidden)

    def check(
        self,
        tx: Connection,
        changes: Mapping[Id, Wanted | None],
        every: Mapping[Id, Wanted | None],
        world: World,
    ) -> dict[Id, Finding]:
        sources = {item.key for item in config_rows.all_sources(tx)}
        coming = (*world.broken, *(id_ for id_, wanted in every.items() if wanted))
        sources |= {key for kind, key in coming if kind == "source"}
        there = {item.key: item for item in self.things(tx, world)}
        found = {id_: Finding([], []) for id_ in changes}
        for id_, wanted in changes.items():
            if wanted is not None:
                _check(tx, wanted, there.get(id_[1]), sources, found[id_])
        return found

    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        sources = {item.key: item.id for item in config_rows.all_sources(tx)}
        for (_, key), wanted in changes.items():
            item = config_rows.destination_by_key(tx, key)
            if wanted is None:
                if item is not None:
                    config_rows.delete_destination(tx, now, item, author)
                continue
            body, settings = wanted.body, wanted.private[1].stored
            consent, filter_ = body.get("consent_categories", []), body.get("filter", "")
            enabled = body.get("enabled", True)
            if item is not None:
                _change(tx, now, item, author, body["name"], enabled, settings, consent, filter_)
                continue
            source = sources[body["source"]] if "source" in body else None
            made = config_rows.add_destination(
                tx, now, key, body["name"], body["plugin"], source, settings, author, consent,
                filter_,
            )  # fmt: skip
            if not enabled:
                config_rows.change_destination(tx, now, made, author, enabled=False)


def _change(
    tx: Connection, now: int, item: Destination, author: str, name: str, enabled: bool,
    settings: dict[str, Any], consent: list[str], filter_: str,
) -> None:  # fmt: skip
    config_rows.change_destination(
        tx, now, item, author, name=name,
        enabled=enabled if enabled != item.enabled else None,
        settings=settings if settings != item.settings else None,
        consent_categories=consent, filter=filter_,
    )  # fmt: skip


def _check(
    tx: Connection, wanted: Wanted, there: Thing | None, sources: set[str], found: Finding
) -> None:
    body, (cls, settings) = wanted.body, wanted.private
    source = body.get("source")
    if source is not None and source not in sources:
        hint = did_you_mean(source, sources)
        found.errors.append(Fault("source", f"there is no source {source}. {hint}".strip()))
    before_all = there.body if there is not None else body
    for field in ("plugin", "source"):
        before = before_all.get(field)
        if before != body.get(field):
            text = f"it stays {before or 'every one'}: another one is another destination"
            found.errors.append(Fault(field, text))
    for path, text in settings.troubles.items():
        found.errors.append(Fault(path, text))
    if not settings.troubles:
        try:
            validate_settings(cls.Settings, settings.stored)
        except SettingsError as error:
            for name, texts in error.errors.items():
                found.errors.extend(Fault(f"settings.{name}", text) for text in texts)
    for path in settings.literal:
        found.warnings.append(Fault(path, "a secret is written out; ${env:NAME} keeps it away"))
    condition = read_filter(body.get("filter", ""), partial(names_for, tx))
    for warning in condition.warnings if condition is not None else ():
        found.warnings.append(Fault("filter", *warning))


def _body(
    name: str, plugin: str, source: str | None, enabled: bool, settings: Mapping[str, Any],
    consent: Any, filter_: str,
) -> dict[str, Any]:  # fmt: skip
    parts = {
        "name": name, "plugin": plugin, "source": source, "enabled": enabled,
        "settings": dict(settings), "consent_categories": list(consent), "filter": filter_,
    }  # fmt: skip
    empty: tuple[Any, ...] = (None, True, {}, [], "")
    return {field: value for field, value in parts.items() if value not in empty}


def _ordered(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in DestinationSchema().fields if name in body}


def _secret(cls: Any) -> set[str]:
    return {name for name, item in cls.Settings().fields.items() if item.metadata.get("secret")}


def _unnamed(taken: set[str], words: tuple[str, ...]) -> str:
    """A variable's name that no other secret has."""
    name = first = name_for(*words)
    number = 2
    while name in taken:
        name, number = f"{first}_{number}", number + 1
    taken.add(name)
    return name


def _shown(value: Any, words: tuple[str, ...], hide: Any) -> Any:
    """A secret as files have it."""
    if isinstance(value, dict):
        return {key: _shown(item, (*words, key), hide) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item, (*words, str(n)), hide) for n, item in enumerate(value, 1)]
    if value is None or value == "" or is_reference(value):
        return value
    return f"${{env:{hide(words)}}}"


def _settled(
    written: Any, stored: Any, pulled: Any, words: tuple[str, ...], path: str, leaf: Any
) -> tuple[Any, Any]:
    """What is to be stored of a secret, and how it is shown."""
    if isinstance(written, dict):
        old, seen = _of(stored, dict), _of(pulled, dict)
        pairs = {
            key: _settled(
                item, old.get(key), seen.get(key), (*words, str(key)), f"{path}.{key}", leaf
            )
            for key, item in written.items()
        }
        return {k: p[0] for k, p in pairs.items()}, {k: p[1] for k, p in pairs.items()}
    if isinstance(written, list):
        old_, seen_ = _of(stored, list), _of(pulled, list)
        rows = [
            _settled(item, _at(old_, n), _at(seen_, n), (*words, str(n + 1)), path, leaf)
            for n, item in enumerate(written)
        ]
        return [row[0] for row in rows], [row[1] for row in rows]
    found: tuple[Any, Any] = leaf(written, stored, pulled, words, path)
    return found


def _leaf(
    environ: Mapping[str, str] | None, found: _Settings, hidden: list[Change],
    written: Any, stored: Any, pulled: Any, words: tuple[str, ...], path: str,
) -> tuple[Any, Any]:  # fmt: skip
    if written is None or written == "":
        return written, written
    stored = None if isinstance(stored, dict | list) else stored
    secret: Secret = found_in(written, stored, environ)
    if secret.trouble:
        found.troubles[path] = secret.trouble
        return None, f"${{env:{name_for(*words)}}}"
    if not is_reference(written) and written != MASK:
        found.literal.append(path)
    if stored is not None and secret.value == stored:
        return stored, pulled if isinstance(pulled, str) else written
    if stored is not None:
        of = written if is_reference(written) else "what the file says"
        hidden.append(Change(path, MASK, f"another value, {of}"))
    if is_reference(secret.value):
        return secret.value, secret.value
    return secret.value, f"${{env:{name_for(*words)}}}"


def _of(value: Any, kind: type) -> Any:
    return value if isinstance(value, kind) else kind()


def _at(items: list[Any], n: int) -> Any:
    return items[n] if n < len(items) else None
