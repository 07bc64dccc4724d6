"""Stores that are emptied and used again: laws are tried on thousands of histories.

To make a store takes longer than most of what is then done with it. The tables of its
partitions stay, empty: to make them for each history makes SQLite read its schema anew.
"""

from __future__ import annotations

import atexit
import itertools
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Table

from cdp.config import Settings
from cdp.store import Store
from cdp.store.db import FILE
from cdp.store.migrate import migrate
from tests import postgres
from tests.scratch import SCRATCH

#: A store that has got so many tables more than at first is not used again.
_MORE = 60
_numbers = itertools.count()


class Space(NamedTuple):
    """A store and its settings; ``tables`` it had when it was made, 0: not to be used again."""

    settings: Settings
    store: Store
    tables: int = 0


_free: list[Space] = []


@lru_cache(maxsize=1)
def _home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="hw-laws-", dir=SCRATCH))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def lend(database_url: str | None, folder: Path | None) -> Space:
    """An empty store that nobody else has until it is given back, or the one that is named."""
    if database_url is None and folder is None and _free:
        space = _free.pop()
        # Whoever remembers something of a store remembers it of this object.
        return space._replace(store=Store(space.store.engine, space.store.path))
    settings = Settings(
        data=folder or _home() / str(next(_numbers)),
        database_url=database_url,
        partition_messages=50,
    )
    if database_url in postgres.kept:
        kept = postgres.kept[database_url]
        _there[kept.store.engine] = kept.tables
        return Space(settings, Store(kept.store.engine))
    store = Store.open(settings)
    migrate(store)
    if database_url is not None or folder is not None:
        return Space(settings, store)
    with store.read() as tx:
        return Space(settings, store, len(_tables(tx.connection.driver_connection)))


def give_back(space: Space) -> None:
    """Empty a store for the next; one that was tampered with or is still used is closed."""
    if space.settings.database_url in postgres.kept:
        return
    engine: Any = space.store.engine
    folder = space.settings.data
    used = engine.pool.checkedout() or engine.dispatch.before_cursor_execute
    if used or not space.tables or not _emptied(space):
        space.store.close()
        if folder.is_relative_to(_home()):
            shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if not path.name.startswith(FILE):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    _free.append(space)


def _tables(connection: Any) -> tuple[str, ...]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return tuple(name for (name,) in rows if not name.startswith("sqlite_"))


def _emptied(space: Space) -> bool:
    with space.store.engine.connect() as tx:
        connection: Any = tx.connection.driver_connection
        tables = _tables(connection)
        if len(tables) > space.tables + _MORE:
            return False
        connection.execute("BEGIN IMMEDIATE")
        for (name,) in connection.execute(postgres.filled(tables)).fetchall():
            connection.execute(f"DELETE FROM {name}")
        connection.execute("COMMIT")
    _there[space.store.engine] = tables
    return True


#: Tables that emptied stores have before they are lent, by their engines.
_there: WeakKeyDictionary[Engine, tuple[str, ...]] = WeakKeyDictionary()
_create = Table.create


def _made(table: Table, bind: Any, **how: Any) -> None:
    """Make a table, if it is not one that stayed."""
    if table.name not in _there.get(bind.engine, ()):
        _create(table, bind, **how)


Table.create = _made  # type: ignore[method-assign]
