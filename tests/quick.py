"""What each of thousands of apps and stores would make anew, made once: it is the same for all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from werkzeug.routing.rules import Rule

from cdp.store.db import Store
from cdp.store.tables import metadata

_made: dict[Any, Any] = {}
_compile = Rule._compile_builder
_statements: list[str] = []
_create = metadata.create_all
#: The engine of each kind of database whose compiled statements all others use.
_engines: dict[str, Engine] = {}
_open = Store.__init__
#: Statements that are kept compiled.
_KEPT = 1000


def _builder(rule: Rule, append_unknown: bool = True) -> Any:
    """The function that builds addresses of a rule; compiling it takes longer than all else."""
    key = (tuple(rule._trace), repr(rule.defaults), append_unknown)
    if key not in _made:
        _made[key] = _compile(rule, append_unknown)
    return _made[key]


def _tables(tx: Connection, **how: Any) -> None:
    """Make all tables: in SQLite from the statements that the first store was made with."""
    if tx.dialect.name != "sqlite":
        _create(tx, **how)
        return
    if not _statements:
        _create(tx, **how)
        rows = tx.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        _statements.extend(sql for (sql,) in rows)
        return
    cursor = tx.connection.cursor()
    for sql in _statements:
        cursor.execute(sql)
    cursor.close()


def _opened(store: Store, engine: Engine, *rest: Any) -> None:
    """A store as it is, which uses statements that another store has compiled.

    SQLAlchemy keeps them with the engine and by the dialect, so that both are shared.
    """
    _open(store, engine, *rest)
    first = _engines.get(store.dialect)
    if first is None:
        engine._compiled_cache.capacity = _KEPT  # type: ignore[union-attr]
        # Only now is its dialect complete.
        event.listen(engine, "engine_connect", lambda _: _engines.setdefault(store.dialect, engine))
        return
    engine.dialect = engine.pool._dialect = first.dialect
    engine._compiled_cache = first._compiled_cache


def share() -> None:
    """Let all apps and stores of this process share what is the same."""
    Rule._compile_builder = _builder  # type: ignore[method-assign]
    Store.__init__ = _opened  # type: ignore[method-assign, assignment]
    metadata.create_all = _tables  # type: ignore[method-assign, assignment]


def forget() -> None:
    """Let go of all compiled statements: those of random conditions are large and come once."""
    for engine in _engines.values():
        engine._compiled_cache.clear()  # type: ignore[union-attr]
