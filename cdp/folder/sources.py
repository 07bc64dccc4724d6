"""Sources as files. A write key is never written; one of your own comes from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, ValidationError, fields, validate
from sqlalchemy import Connection

from cdp.definitions import Body, DefinitionError, Fault, Finding, Id
from cdp.definitions.difference import Change
from cdp.definitions.kind import line
from cdp.folder.model import Handler, Settled, Thing, Wanted, World
from cdp.folder.secrets import MASK, Secret, found_in
from cdp.store import config_rows
from cdp.store.config_rows import Source
from cdp.store.keys import new_write_key

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
KEY_TEXT = "A key is small letters, digits, - and _, 60 at most, a letter or digit first."
WRITE_KEY = re.compile(r"[A-Za-z0-9_.-]{8,200}")


class SourceSchema(Schema):
    """A source, as its file has it."""

    name = line(metadata={"description": "What people call it; the key if unset."})
    enabled = fields.Boolean(
        load_default=True, truthy={True}, falsy={False},
        metadata={"description": "Whether its messages are taken."},
    )  # fmt: skip
    write_key = fields.String(
        validate=validate.Length(1, 300),
        metadata={
            "description": "A write key of your own, as ${env:NAME}. Without it a new source gets "
            "a random one, and another keeps its own."
        },
    )


class Sources(Handler):
    """``kind: source``."""

    folders: ClassVar[Mapping[str, str]] = {"source": "sources"}
    scope = "sources"

    def things(self, tx: Connection, world: World) -> list[Thing]:
        authors = config_rows.last_authors(tx, "source")
        return [
            Thing("source", item.key, _body(item), None, authors.get(item.key))
            for item in config_rows.own_sources(tx)
        ]

    def read(self, id_: Id, given: Body, world: World) -> Wanted:
        body = load(SourceSchema, id_, given)
        named = {"name": body.get("name", id_[1])}
        kept = named if body["enabled"] else {**named, "enabled": False}
        return Wanted(*id_, kept, given, private=body.get("write_key"))

    def settle(self, tx: Connection, wanted: Wanted, there: Thing | None, world: World) -> Settled:
        if wanted.private is None:
            return Settled(wanted, [])
        now = _by_key(tx).get(wanted.key)
        secret = found_in(wanted.private, now.write_key if now else None, world.environ)
        changed = now is not None and secret.value not in (None, now.write_key)
        hidden = [Change("write_key", MASK, f"another, of {wanted.private}")] if changed else []
        return Settled(wanted._replace(private=secret), hidden)

    def check(
        self,
        tx: Connection,
        changes: Mapping[Id, Wanted | None],
        every: Mapping[Id, Wanted | None],
        world: World,
    ) -> dict[Id, Finding]:
        known = {item.write_key: item.key for item in config_rows.all_sources(tx)}
        found = {id_: Finding([], []) for id_ in changes}
        for id_, wanted in changes.items():
            secret = wanted.private if wanted is not None else None
            if not isinstance(secret, Secret):
                continue
            if secret.trouble or secret.value is None:
                text = secret.trouble or "a reference is read when files are applied"
                found[id_].errors.append(Fault("write_key", text))
            elif not WRITE_KEY.fullmatch(secret.value):
                text = "a write key is 8 to 200 letters, digits and . _ -"
                found[id_].errors.append(Fault("write_key", text))
            elif known.setdefault(secret.value, id_[1]) != id_[1]:
                text = f"the source {known[secret.value]} has this write key"
                found[id_].errors.append(Fault("write_key", text))
        return found

    def apply(
        self, tx: Connection, now: int, changes: Mapping[Id, Wanted | None], author: str
    ) -> None:
        known = _by_key(tx)
        for (_, key), wanted in changes.items():
            assert wanted is not None  # sources are not pruned
            name, enabled = wanted.body["name"], wanted.body.get("enabled", True)
            own = wanted.private.value if wanted.private is not None else None
            source = known.get(key)
            if source is None:
                fresh = own or new_write_key()
                source = config_rows.add_source(tx, now, key, name, fresh, author)
                if enabled:
                    continue
            another = own if own != source.write_key else None
            config_rows.change_source(
                tx, now, source, author, name=name, enabled=enabled, write_key=another
            )


def _body(item: Source) -> dict[str, Any]:
    return {"name": item.name} if item.enabled else {"name": item.name, "enabled": False}


def _by_key(tx: Connection) -> dict[str, Source]:
    return {item.key: item for item in config_rows.all_sources(tx)}


def load(schema: type[Schema], id_: Id, given: Body) -> dict[str, Any]:
    """The fields of a source's or destination's file; `DefinitionError`."""
    faults = [] if KEY.fullmatch(id_[1]) else [Fault("key", KEY_TEXT)]
    loaded: dict[str, Any] = {}
    try:
        loaded = schema(unknown=RAISE).load(dict(given))
    except ValidationError as error:
        faults += faults_of(schema, id_[0], error.messages_dict)
    if faults:
        raise DefinitionError(faults)
    return loaded


def faults_of(schema: type[Schema], what: str, messages: Mapping[str, Any]) -> list[Fault]:
    """marshmallow's messages, those of nested fields by their paths."""
    from cdp.conditions.errors import did_you_mean

    names = schema().fields
    found: list[Fault] = []

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}.{name}" if path else str(name), inner)
        elif path not in names and "." not in path:
            hint = did_you_mean(path, names)
            found.append(Fault(path, f"a {what} has no such field. {hint}".strip()))
        else:
            found.extend(Fault(path, str(text)) for text in value)

    walk("", messages)
    return found
