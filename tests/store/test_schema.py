"""The migrated schema is the one that the tables describe, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cdp.store import Store
from cdp.store.migrate import HEAD, StoreTooNew, current, migrate
from cdp.store.tables import metadata
from tests.postgres import new_database


def differences(store: Store) -> list[object]:
    with store.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        return [d for d in compare_metadata(context, metadata) if "alembic_version" not in str(d)]


def test_sqlite_migrates_to_what_the_tables_say(tmp_path: Path) -> None:
    store = Store.at(tmp_path / "store.db")
    migrate(store)
    migrate(store)
    assert current(store) == HEAD
    assert differences(store) == []


@pytest.mark.postgres
def test_postgres_migrates_to_what_the_tables_say() -> None:
    from cdp.config import Settings

    store = Store.open(Settings(database_url=new_database()))
    migrate(store)
    migrate(store)
    assert current(store) == HEAD
    assert differences(store) == []
    store.close()


def test_a_store_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    store = Store.at(tmp_path / "store.db")
    migrate(store)
    with store.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreTooNew, match="9999"):
        migrate(store)
