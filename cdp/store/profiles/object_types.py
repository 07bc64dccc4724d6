"""The types of objects: accounts, and those that messages have named."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from cdp.identity.objects import ACCOUNT_TYPE, ObjectTypes
from cdp.store import config_rows
from cdp.store.bulk import insert_many, upsert
from cdp.store.tables import ACCOUNTS, USERS, object_types


class ObjectType(NamedTuple):
    """A type; ``id`` is its collection, ``key`` the objectTypeId of messages."""

    id: int
    key: str
    name: str
    created_at: int | None

    @property
    def word(self) -> str:
        """Its name in addresses."""
        return "accounts" if self.id == ACCOUNTS else self.key


def all_types(tx: Connection) -> list[ObjectType]:
    """Every type by its number, accounts first."""
    rows = [ObjectType(*row) for row in tx.execute(select(object_types))]
    if all(row.id != ACCOUNTS for row in rows):
        rows.append(ObjectType(ACCOUNTS, ACCOUNT_TYPE, "Accounts", None))
    return sorted(rows)


def words(tx: Connection) -> dict[int, str]:
    """The names in addresses of all collections: ``users``, ``accounts``, keys of types."""
    return {USERS: "users", **{row.id: row.word for row in all_types(tx)}}


def collection_called(tx: Connection, word: str) -> int | None:
    """The collection of a name in addresses; None if there is none."""
    return next((number for number, name in words(tx).items() if name == word), None)


def load(tx: Connection) -> ObjectTypes:
    """What the pipeline knows of types."""
    return ObjectTypes({row.key: row.id for row in all_types(tx)})


def add(tx: Connection, new: dict[str, int], now: int) -> None:
    """Keep types that came up, by key and collection."""
    rows = [(number, key, f"Object type {key}", now) for key, number in sorted(new.items())]
    insert_many(tx, object_types, ("id", "key", "name", "created_at"), rows)


def rename(tx: Connection, now: int, key: str, name: str, author: str) -> ObjectType | None:
    """Call a type by another name; None if there is none of that key."""
    old = next((row for row in all_types(tx) if row.key == key), None)
    if old is None:
        return None
    made = old._replace(name=name, created_at=old.created_at or now)
    statement = upsert(tx, object_types).values(made._asdict())
    tx.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"name": name}))
    config_rows.record_change(
        tx, now, author, "object_type", key, "updated", {"name": old.name}, {"name": name}
    )
    return made
