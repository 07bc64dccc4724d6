"""What people define, in versions; the newest of each holds."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select

from cdp.store.config_rows import record_change
from cdp.store.tables import definitions


class Version(NamedTuple):
    """One version of a definition; ``body`` None says that it was removed then."""

    kind: str
    key: str
    version: int
    body: dict[str, Any] | None
    author: str
    at: int


def versions(tx: Connection, kind: str, key: str) -> list[Version]:
    """All versions of a definition, the newest first."""
    statement = (
        select(definitions)
        .where(definitions.c.kind == kind, definitions.c.key == key)
        .order_by(definitions.c.version.desc())
    )
    return [_version(row) for row in tx.execute(statement)]


def current(tx: Connection, kind: str, key: str) -> Version | None:
    """The newest version of a definition; None if there is none or it was removed."""
    statement = (
        select(definitions)
        .where(definitions.c.kind == kind, definitions.c.key == key)
        .order_by(definitions.c.version.desc())
        .limit(1)
    )
    row = tx.execute(statement).first()
    return _version(row) if row is not None and row.body is not None else None


def body_of(tx: Connection, kind: str, key: str, version: int) -> dict[str, Any] | None:
    """What a version of a definition says; None if there is none, or it is a removal."""
    table = definitions.c
    statement = select(table.body).where(
        table.kind == kind, table.key == key, table.version == version
    )
    text = tx.execute(statement).scalar()
    return json.loads(text) if text is not None else None


def all_current(tx: Connection, *kinds: str) -> list[Version]:
    """The newest version of each definition of some kinds that wasn't removed, by kind and key."""
    newest = (
        select(definitions.c.kind, definitions.c.key, func.max(definitions.c.version).label("v"))
        .where(definitions.c.kind.in_(kinds))
        .group_by(definitions.c.kind, definitions.c.key)
        .subquery()
    )
    statement = (
        select(definitions)
        .join(
            newest,
            (definitions.c.kind == newest.c.kind)
            & (definitions.c.key == newest.c.key)
            & (definitions.c.version == newest.c.v),
        )
        .where(definitions.c.body.is_not(None))
        .order_by(definitions.c.kind, definitions.c.key)
    )
    return [_version(row) for row in tx.execute(statement)]


def last_version(tx: Connection, kind: str, key: str) -> int:
    """The number of the newest version, a removal too; 0 if there was none."""
    table = definitions.c
    statement = select(func.max(table.version)).where(table.kind == kind, table.key == key)
    return int(tx.execute(statement).scalar() or 0)


def put(
    tx: Connection, now: int, kind: str, key: str, body: dict[str, Any] | None, author: str
) -> Version:
    """Add a version, or return the newest one if it says the same already."""
    last = last_version(tx, kind, key)
    before = current(tx, kind, key)
    if before is not None and before.body == body:
        return before
    made = Version(kind, key, last + 1, body, author, now)
    tx.execute(
        insert(definitions).values(
            made._replace(body=json.dumps(body) if body is not None else None)._asdict()  # type: ignore[arg-type]
        )
    )
    action = "removed" if body is None else "changed" if before else "created"
    record_change(tx, now, author, kind, key, action, before.body if before else None, body)
    return made


def _version(row: Any) -> Version:
    body = json.loads(row.body) if row.body is not None else None
    return Version(row.kind, row.key, row.version, body, row.author, row.at)
