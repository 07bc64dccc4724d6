"""The migrated schema is the one that the tables describe, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from cdp.store import Store
from cdp.store.migrate import HEAD, StoreTooNew, current, migrate, upgrade
from cdp.store.tables import metadata
from tests.postgres import empty_database


def differences(store: Store) -> list[object]:
    with store.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        return [d for d in compare_metadata(context, metadata) if "alembic_version" not in str(d)]


def columns(store: Store) -> dict[str, object]:
    """Every table with its columns, keys and indexes, as the database tells them."""
    with store.read() as tx:
        look = inspect(tx)
        return {
            name: (
                sorted((c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(name)),
                look.get_pk_constraint(name)["constrained_columns"],
                sorted((i["name"], i["column_names"]) for i in look.get_indexes(name)),
                sorted(c["column_names"] for c in look.get_unique_constraints(name)),
            )
            for name in look.get_table_names()
        }


def step_by_step(store: Store) -> Store:
    """The store as one that was made by the first version and has run every migration."""
    with store.write() as tx:
        upgrade(tx)
    return store


def test_sqlite_migrates_to_what_the_tables_say(tmp_path: Path) -> None:
    old, new = step_by_step(Store.at(tmp_path / "old.db")), Store.at(tmp_path / "new.db")
    migrate(new)
    for store in (old, new):
        migrate(store)
        assert current(store) == HEAD
        assert differences(store) == []
    assert columns(old) == columns(new)
    assert rowless(old) == rowless(new)


def rowless(store: Store) -> set[str]:
    """The tables without row ids."""
    with store.read() as tx:
        rows = tx.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        return {name for name, sql in rows if "WITHOUT ROWID" in sql.upper()}


@pytest.mark.postgres
def test_postgres_migrates_to_what_the_tables_say() -> None:
    from cdp.config import Settings

    old = step_by_step(Store.open(Settings(database_url=empty_database())))
    new = Store.open(Settings(database_url=empty_database()))
    migrate(new)
    for store in (old, new):
        migrate(store)
        assert current(store) == HEAD
        assert differences(store) == []
    assert columns(old) == columns(new)
    old.close()
    new.close()


def test_a_store_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    store = Store.at(tmp_path / "store.db")
    migrate(store)
    with store.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreTooNew, match="9999"):
        migrate(store)
