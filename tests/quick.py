"""What each of thousands of apps and stores would make anew, made once: it is the same for all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from werkzeug.routing.rules import Rule

from cdp.store.tables import metadata

_made: dict[Any, Any] = {}
_compile = Rule._compile_builder
_statements: list[str] = []
_create = metadata.create_all


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


def share() -> None:
    """Let all apps and stores of this process share what is the same."""
    Rule._compile_builder = _builder  # type: ignore[method-assign]
    metadata.create_all = _tables  # type: ignore[method-assign, assignment]
