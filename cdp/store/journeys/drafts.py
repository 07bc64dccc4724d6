"""Drafts of journeys: what stands in the editor, kept as one works, whole or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select, update

from cdp.store.bulk import upsert
from cdp.store.tables import journey_drafts

_c = journey_drafts.c


class Draft(NamedTuple):
    """A draft, changed ``rev`` times; made from version ``seen`` of the definition (0: none)."""

    key: str
    body: dict[str, Any]
    seen: int
    rev: int
    author: str
    at: int


class StaleDraft(Exception):
    """Somebody else has changed the draft since; ``now`` is how it stands."""

    def __init__(self, now: Draft | None) -> None:
        self.now = now
        super().__init__(f"{now.author if now else 'somebody'} has changed the draft")


def all_drafts(tx: Connection) -> list[Draft]:
    """Every draft, the last changed first."""
    statement = select(journey_drafts).order_by(_c.at.desc(), _c.key)
    return [_draft(found) for found in tx.execute(statement)]


def one(tx: Connection, key: str) -> Draft | None:
    """The draft of a key."""
    found = tx.execute(select(journey_drafts).where(_c.key == key)).first()
    return _draft(found) if found is not None else None


def put(
    tx: Connection, key: str, body: Mapping[str, Any], seen: int, rev: int, author: str, now: int
) -> Draft:
    """Keep a draft that was made from revision ``rev`` (0: there was none); `StaleDraft`."""
    before = one(tx, key)
    values = {
        "body": json.dumps(body, ensure_ascii=False),
        "rev": rev + 1,
        "author": author,
        "at": now,
    }
    # Of two at once only one finds the revision that it was made from.
    if rev:
        statement: Any = update(journey_drafts).where(_c.key == key, _c.rev == rev).values(**values)
    else:
        statement = upsert(tx, journey_drafts).values(key=key, seen=seen, **values)
        statement = statement.on_conflict_do_nothing()
    if tx.execute(statement.returning(_c.rev)).first() is None:
        raise StaleDraft(one(tx, key))
    return Draft(key, dict(body), before.seen if before else seen, rev + 1, author, now)


def drop(tx: Connection, key: str) -> None:
    """Forget a draft."""
    tx.execute(delete(journey_drafts).where(_c.key == key))


def _draft(found: Any) -> Draft:
    return Draft(*found)._replace(body=json.loads(found.body))
