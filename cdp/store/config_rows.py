"""What the operator configures: sources, destinations, tokens, users."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cdp.store import meta
from cdp.store.tables import changes, destinations, sources, streams, tokens, users


class Source(NamedTuple):
    """Where messages come from."""

    id: int
    key: str
    name: str
    write_key: str
    enabled: bool
    settings: dict[str, Any]
    created_at: int


class Destination(NamedTuple):
    """Where messages go; ``source_id`` None means from every source.

    ``filter`` is the text of a condition that events must meet, or empty.
    """

    id: int
    key: str
    name: str
    plugin: str
    source_id: int | None
    enabled: bool
    settings: dict[str, Any]
    created_at: int
    updated_at: int
    consent_categories: tuple[str, ...] = ()
    filter: str = ""


class Token(NamedTuple):
    """An API token, of which only the SHA-256 is kept."""

    id: int
    name: str
    hash: str
    scopes: frozenset[str]
    created_at: int
    last_used_at: int | None


class User(NamedTuple):
    """Somebody who may log in to the console."""

    id: int
    name: str
    password_hash: str
    role: str


class NameTaken(ValueError):
    """An object of that kind and key exists already."""


def record_change(
    tx: Connection,
    now: int,
    author: str,
    kind: str,
    key: str,
    action: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Note who changed what, and let all processes know."""
    tx.execute(
        insert(changes).values(
            id=meta.take_numbers(tx, "change", 1),
            at=now,
            author=author,
            kind=kind,
            key=key,
            action=action,
            before=json.dumps(before) if before is not None else None,
            after=json.dumps(after) if after is not None else None,
        )
    )
    meta.bump(tx)


def last_authors(tx: Connection, kind: str) -> dict[str, str]:
    """Who changed each object of a kind last, by its key."""
    newest = select(func.max(changes.c.id)).where(changes.c.kind == kind).group_by(changes.c.key)
    statement = select(changes.c.key, changes.c.author).where(changes.c.id.in_(newest))
    return {row.key: row.author for row in tx.execute(statement)}


def all_sources(tx: Connection) -> list[Source]:
    """Every source, in the order of their making."""
    rows = tx.execute(select(sources).order_by(sources.c.id))
    return [
        Source(
            r.id,
            r.key,
            r.name,
            r.write_key,
            bool(r.enabled),
            json.loads(r.settings),
            r.created_at,
        )
        for r in rows
    ]


def own_sources(tx: Connection) -> list[Source]:
    """The sources that people made; those that stand for an import are left out."""
    return [source for source in all_sources(tx) if "import" not in source.settings]


def add_source(
    tx: Connection, now: int, key: str, name: str, write_key: str, author: str
) -> Source:
    """Make a source; `NameTaken` if its key exists."""
    if tx.execute(select(sources.c.id).where(sources.c.key == key)).first():
        raise NameTaken(f"a source called {key} exists already")
    id_ = meta.take_numbers(tx, "source", 1)
    tx.execute(
        insert(sources).values(
            id=id_,
            key=key,
            name=name,
            write_key=write_key,
            enabled=True,
            settings="{}",
            created_at=now,
            updated_at=now,
        )
    )
    record_change(tx, now, author, "source", key, "created", after={"name": name})
    return Source(id_, key, name, write_key, True, {}, now)


def change_source(
    tx: Connection,
    now: int,
    source: Source,
    author: str,
    *,
    name: str | None = None,
    enabled: bool | None = None,
    write_key: str | None = None,
) -> None:
    """Rename, enable or disable a source, or give it another write key."""
    new: dict[str, Any] = {}
    if name is not None:
        new["name"] = name
    if enabled is not None:
        new["enabled"] = enabled
    if write_key is not None:
        new["write_key"] = write_key
    tx.execute(update(sources).where(sources.c.id == source.id).values(updated_at=now, **new))
    if "write_key" in new:
        new["write_key"] = "changed"
    before = {"name": source.name, "enabled": source.enabled}
    record_change(tx, now, author, "source", source.key, "changed", before, {**before, **new})


def delete_source(tx: Connection, now: int, source: Source, author: str) -> None:
    """Remove a source; what it sent stays, unless it was removed before."""
    tx.execute(delete(sources).where(sources.c.id == source.id))
    record_change(tx, now, author, "source", source.key, "deleted", before={"name": source.name})


def _destination(row: Any) -> Destination:
    return Destination(
        row.id,
        row.key,
        row.name,
        row.plugin,
        row.source_id,
        bool(row.enabled),
        json.loads(row.settings),
        row.created_at,
        row.updated_at,
        tuple(json.loads(row.consent_categories)),
        row.filter,
    )


def all_destinations(tx: Connection) -> list[Destination]:
    """Every destination, in the order of their making."""
    return [_destination(r) for r in tx.execute(select(destinations).order_by(destinations.c.id))]


def destination_by_key(tx: Connection, key: str) -> Destination | None:
    """The destination called ``key``."""
    row = tx.execute(select(destinations).where(destinations.c.key == key)).first()
    return _destination(row) if row else None


def add_destination(
    tx: Connection,
    now: int,
    key: str,
    name: str,
    plugin: str,
    source_id: int | None,
    settings: dict[str, Any],
    author: str,
    consent_categories: Sequence[str] = (),
    filter: str = "",
) -> Destination:
    """Make a destination and its stream, which begins with the next message."""
    if tx.execute(select(destinations.c.id).where(destinations.c.key == key)).first():
        raise NameTaken(f"a destination called {key} exists already")
    id_ = meta.take_numbers(tx, "destination", 1)
    tx.execute(
        insert(destinations).values(
            id=id_,
            key=key,
            name=name,
            plugin=plugin,
            source_id=source_id,
            enabled=True,
            settings=json.dumps(settings),
            created_at=now,
            updated_at=now,
            consent_categories=json.dumps(list(consent_categories)),
            filter=filter,
        )
    )
    tx.execute(
        insert(streams).values(
            name=f"destination:{id_}",
            destination_id=id_,
            seq=meta.next_number(tx, "seq"),
            state="running",
            since=now,
            updated_at=now,
        )
    )
    record_change(tx, now, author, "destination", key, "created", after={"plugin": plugin})
    found = tuple(consent_categories)
    return Destination(id_, key, name, plugin, source_id, True, settings, now, now, found, filter)


def change_destination(
    tx: Connection,
    now: int,
    destination: Destination,
    author: str,
    *,
    name: str | None = None,
    enabled: bool | None = None,
    settings: dict[str, Any] | None = None,
    consent_categories: Sequence[str] | None = None,
    filter: str | None = None,
) -> None:
    """Rename, enable, disable or reconfigure; a stopped or stalled stream tries anew at once."""
    new: dict[str, Any] = {}
    if name is not None:
        new["name"] = name
    if enabled is not None:
        new["enabled"] = enabled
    if filter is not None:
        new["filter"] = filter
    told = dict(new)
    if consent_categories is not None:
        new["consent_categories"] = json.dumps(list(consent_categories))
        told["consent_categories"] = list(consent_categories)
    if settings is not None:
        new["settings"] = json.dumps(settings)
        told["settings"] = "changed"
    tx.execute(
        update(destinations)
        .where(destinations.c.id == destination.id)
        .values(updated_at=now, **new)
    )
    tx.execute(
        update(streams)
        .where(
            streams.c.destination_id == destination.id,
            streams.c.state.in_(("stalled", "stopped")),
        )
        .values(state="running", attempts=0, next_at=0, since=now, updated_at=now)
    )
    if enabled and not destination.enabled:
        # What came while it was disabled was not for it.
        tx.execute(
            update(streams)
            .where(streams.c.name == f"destination:{destination.id}")
            .values(seq=meta.next_number(tx, "seq"), to_seq=None)
        )
    before = {"name": destination.name, "enabled": destination.enabled}
    record_change(
        tx,
        now,
        author,
        "destination",
        destination.key,
        "changed",
        before,
        {**before, **told},
    )


def delete_destination(tx: Connection, now: int, destination: Destination, author: str) -> None:
    """Remove a destination, its stream and what waits for it."""
    from cdp.store.tables import calls, outbox

    for table in (streams, outbox, calls):
        tx.execute(delete(table).where(table.c.destination_id == destination.id))
    tx.execute(delete(destinations).where(destinations.c.id == destination.id))
    record_change(
        tx,
        now,
        author,
        "destination",
        destination.key,
        "deleted",
        before={"name": destination.name},
    )


def all_tokens(tx: Connection) -> list[Token]:
    """Every API token."""
    return [
        Token(
            r.id,
            r.name,
            r.hash,
            frozenset(r.scopes.split()),
            r.created_at,
            r.last_used_at,
        )
        for r in tx.execute(select(tokens).order_by(tokens.c.id))
    ]


def token_by_hash(tx: Connection, hash_: str) -> Token | None:
    """The token whose SHA-256 in hex is ``hash_``."""
    r = tx.execute(select(tokens).where(tokens.c.hash == hash_)).first()
    if r is None:
        return None
    return Token(r.id, r.name, r.hash, frozenset(r.scopes.split()), r.created_at, r.last_used_at)


def add_token(tx: Connection, now: int, name: str, hash_: str, scopes: str, author: str) -> int:
    """Keep the hash of a new token and return its number."""
    id_ = meta.take_numbers(tx, "token", 1)
    tx.execute(insert(tokens).values(id=id_, name=name, hash=hash_, scopes=scopes, created_at=now))
    record_change(tx, now, author, "token", name, "created", after={"scopes": scopes})
    return id_


def delete_token(tx: Connection, now: int, id_: int, author: str) -> bool:
    """Revoke a token; False if there is none of that number."""
    row = tx.execute(select(tokens.c.name).where(tokens.c.id == id_)).first()
    if row is None:
        return False
    tx.execute(delete(tokens).where(tokens.c.id == id_))
    record_change(tx, now, author, "token", row.name, "revoked")
    return True


def touch_token(tx: Connection, now: int, id_: int) -> None:
    """Note that a token was used."""
    tx.execute(update(tokens).where(tokens.c.id == id_).values(last_used_at=now))


def all_users(tx: Connection) -> list[User]:
    """Everybody who may log in."""
    rows = tx.execute(select(users).order_by(users.c.id))
    return [User(r.id, r.name, r.password_hash, r.role) for r in rows]


def user_by_name(tx: Connection, name: str) -> User | None:
    """The user called ``name``."""
    r = tx.execute(select(users).where(users.c.name == name)).first()
    return User(r.id, r.name, r.password_hash, r.role) if r else None


def put_user(
    tx: Connection, now: int, name: str, password_hash: str, role: str, author: str
) -> None:
    """Make a user, or give one another password and role."""
    existing = user_by_name(tx, name)
    if existing:
        tx.execute(
            update(users)
            .where(users.c.id == existing.id)
            .values(password_hash=password_hash, role=role)
        )
    else:
        tx.execute(
            insert(users).values(
                id=meta.take_numbers(tx, "user", 1),
                name=name,
                password_hash=password_hash,
                role=role,
                created_at=now,
            )
        )
    record_change(
        tx,
        now,
        author,
        "user",
        name,
        "changed" if existing else "created",
        after={"role": role},
    )
