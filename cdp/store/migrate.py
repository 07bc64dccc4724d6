"""Bringing the store's tables up to date, with Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, inspect, text

from cdp.store.db import Store
from cdp.store.tables import metadata

#: The newest migration; opening a store that is at it costs one query.
HEAD = "0034"

FOLDER = Path(__file__).parent / "migrations"

#: Alembic's own table.
_version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))

_LOCK = 0x48656165  # any fixed number: held by whoever prepares a store


class StoreTooNew(RuntimeError):
    """The store was made by a newer version of Headwater."""


def current(store: Store) -> str | None:
    """The migration that the store is at; None for an empty one."""
    with store.read() as tx:
        if not inspect(tx).has_table("alembic_version"):
            return None
        found: str | None = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return found


def take_turn(tx: Connection) -> None:
    """Wait until no other process prepares the store; the turn ends with ``tx``.

    Several may start at once over an empty Postgres; SQLite has one writer anyway.
    """
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def migrate(store: Store) -> None:
    """Bring the store up to date. `StoreTooNew` if it is ahead of us.

    An empty one is made from the tables as they are now, which takes a fraction of the
    time; any other runs the migrations that it has not had. A test compares the two.
    """
    at = current(store)
    if at == HEAD:
        return
    if at is not None and at > HEAD:
        raise StoreTooNew(f"the store is at version {at}, this Headwater knows {HEAD}")
    with store.write() as tx:
        take_turn(tx)
        if inspect(tx).has_table(_version.name):
            upgrade(tx)
        else:
            metadata.create_all(tx, checkfirst=False)
            _version.create(tx)
            tx.execute(insert(_version).values(version_num=HEAD))


def upgrade(tx: Connection) -> None:
    """Run the migrations that the store has not had, one after another."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = tx
    command.upgrade(config, "head")
