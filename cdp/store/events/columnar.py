"""Questions over very many events, asked of DuckDB over the Parquet files of `kept_files`.

A statement of `cdp.conditions.sql` runs over one view of all kept values: those in files,
and those of partitions that have none yet, which are brought along. Whose the events are
is brought as well, and so is every set of people that the store itself selects. All of it
is as one transaction sees it, so that the answer is the store's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, column, func, literal, select, table
from sqlalchemy.dialects.postgresql.base import PGDialect, PGTypeCompiler
from sqlalchemy.engine import IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.sql.visitors import iterate

from cdp.conditions.ast import OF_A_PERSON, Changed, EventRef, Uploaded, walk
from cdp.conditions.sql import Found, Known, Part, Side
from cdp.conditions.sql.events import bounds
from cdp.conditions.sql.sides import exactly
from cdp.store.events import kept, kept_files
from cdp.store.events.homes import all_homes, decode
from cdp.store.events.kept_files import COLUMNS, KeptFile
from cdp.store.stopping import elsewhere
from cdp.store.tables import (
    USERS,
    Big,
    audiences,
    homes,
    members,
    nodes,
    partition_tables,
    profiles,
)

#: Kept values from which on bringing people along is less work than the store's own scan:
#: of 800,000 values of a million people SQLite took 1.8 s of CPU, and this 0.8 s; of ten
#: million 23 to 33 s, and this 3 to 5 s.
LARGE = 500_000
#: Partitions without files whose values are brought along at most.
BROUGHT = 3
#: Stands for all partitions.
_VIEW = 0
_MEMORY = "1GB"


class Unreadable(RuntimeError):
    """DuckDB could not answer; the store can. The text says why."""


def ready(tx: Connection) -> list[KeptFile]:
    """The files that are there, if they are so many that a question could be worth it."""
    if kept_files.folder_of(tx) is None or find_spec("duckdb") is None:
        return []
    found = [item for item in kept_files.listed(tx) if item.rows is not None]
    return found if sum(item.rows or 0 for item in found) >= LARGE else []


def open_for(
    tx: Connection, condition: Any, known: Known, now: int, listed: list[KeptFile]
) -> Columnar | None:
    """A DuckDB for a condition at ``now``, where it reads so many events that it is worth it.

    ``listed`` is what is `ready`.
    """
    folder = kept_files.folder_of(tx)
    wanted = _properties(condition, known)
    if folder is None or wanted is None or _size(condition, known, now, listed) < LARGE:
        return None
    files = [item for item in listed if item.property in wanted]
    there = {(item.partition, item.property) for item in files}
    pairs = [(part.number, id_) for part in known.parts for id_ in sorted(wanted)]
    without = [pair for pair in pairs if pair not in there]
    if len({number for number, _ in without}) > BROUGHT:
        return None
    paths = [(item.property, folder / item.name) for item in files if item.rows]
    return Columnar(tx, paths, without)


def _properties(condition: Any, known: Known) -> set[int] | None:
    """The numbers of what is kept of the events that are asked for; None if it is not all."""
    if any(isinstance(node, Uploaded) for ref in _refs(condition) for node in walk(ref)):
        return None  # they stay in the store
    events = _events(condition)
    found = [item for (event, _), item in known.properties.items() if event in events]
    whole = all(item.backfilled_to >= item.backfill_until for item in found)
    return {item.id for item in found} if whole else None


def _size(condition: Any, known: Known, now: int, listed: list[KeptFile]) -> int:
    """How many kept values in files the longest look into the past goes through, about."""
    rows = {(item.partition, item.property): item.rows or 0 for item in listed}
    most = 0
    for node in walk(condition):
        if isinstance(node, OF_A_PERSON):
            events, span = _events(node), bounds(node.window, now)
            numbers = [part.number for part in known.parts_of(span.start, span.end)]
            for (event, _), item in known.properties.items():
                if event in events:
                    most = max(most, sum(rows.get((number, item.id), 0) for number in numbers))
    return most


def _refs(node: Any) -> list[EventRef]:
    return [item for item in walk(node) if isinstance(item, EventRef)]


def _events(node: Any) -> set[str]:
    events = {ref.name for ref in _refs(node)}
    changes = any(isinstance(item, Changed) for item in walk(node))
    return events | {kept.TRAITS} if changes else events


class Columnar:
    """A DuckDB in memory, for the statements about one condition in one transaction.

    ``files`` are of (property, path); the values of ``without``, of (partition, property),
    are brought from the store.
    """

    def __init__(
        self, tx: Connection, files: list[tuple[int, Path]], without: list[tuple[int, int]]
    ) -> None:
        import duckdb

        self._tx, self._files, self._without = tx, files, without
        # Nothing of people may be spilled where no deletion looks, or fetched from elsewhere.
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": _MEMORY,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._duck = duckdb.connect(":memory:", config=config)
        self._error = duckdb.Error
        self._shown: frozenset[int] = frozenset()
        self._there: set[str] = set()
        self._sets = 0

    def known(self, known: Known) -> Known:
        """The same with all events in one partition, of a database of this kind."""
        return known._replace(dialect="duckdb", parts=(Part(_VIEW, 1, None, None),))

    def bring(self, side: Side) -> Side:
        """A set that the store selects, as one that DuckDB selects."""
        if side.ids is None:
            return side
        name, listed = self._new_name(), side.ids.subquery()
        self._register(name, self._numbers(listed.c.profile))
        own = table(name, column("profile", Big))
        return Side(side.all_but, select(own.c.profile), None, side.weight)

    def execute(self, statement: Any, read: Iterable[int]) -> Result[Any]:
        """The rows of a statement that asks for the kept properties ``read``.

        Raises `Unreadable`; `Stopped` within `stopping`, as the store does.
        """
        rows = self._run(statement, read)
        names = [item.name for item in statement.selected_columns]
        return IteratorResult(SimpleResultMetaData(names), iter(rows))

    def listed(self, found: Found, read: Iterable[int]) -> Found:
        """The same sets, found out now, whatever is asked of them. Raises as `execute` does."""
        sure, could = found
        # Of two that are said in one way the one is in the other.
        inner, outer = (could, sure) if could.all_but else (sure, could)
        if sure.all_but is not could.all_but or inner.ids is None or outer.ids is None:
            return found
        name, all_ = self._new_name(), outer.ids.subquery().c.profile
        among = literal(True) if found.exact else all_.in_(inner.ids)
        self._run(select(all_, among.label("among")), read, f"CREATE TABLE {name} AS ")
        own = table(name, column("profile", Big), column("among", Boolean))
        whole = outer._replace(ids=select(own.c.profile), probe=None)
        if found.exact:
            return exactly(whole)
        part = inner._replace(ids=select(own.c.profile).where(own.c.among), probe=None)
        return Found(whole, part) if could.all_but else Found(part, whole)

    def _run(self, statement: Any, read: Iterable[int], before: str = "") -> list[Any]:
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        values = [compiled.params[name] for name in compiled.positiontup or ()]
        try:
            self._provide(statement, frozenset(read))
            with elsewhere(self._tx, self._duck.interrupt):
                return self._duck.execute(before + str(compiled), values).fetchall()
        except self._error as error:
            raise Unreadable(str(error).splitlines()[0]) from error

    def _new_name(self) -> str:
        self._sets += 1
        return f"set_{self._sets}"

    def _provide(self, statement: Any, read: frozenset[int]) -> None:
        tables = {getattr(item, "name", None) for item in iterate(statement)}
        if homes.name in tables and homes.name not in self._there:
            self._bring_homes()
        if profiles.name in tables and profiles.name not in self._there:
            c = profiles.c
            own = self._numbers(c.id, c.collection, where=c.collection == USERS)
            self._register(profiles.name, own)
        if members.name in tables and members.name not in self._there:
            m, a = members.c, audiences.c
            live = select(a.id).where(a.kind == "audience", a.state == "live")
            self._register_by(m.audience, m.profile, self._tx.execute(live).scalars().all())
        if not read <= self._shown:
            self._shown |= read
            self._show()

    def _bring_homes(self) -> None:
        import pyarrow

        newest = self._tx.execute(select(func.max(nodes.c.id))).scalar() or 0
        found = all_homes(self._tx, newest)
        listed = [None, pyarrow.py_buffer(found)]
        column = pyarrow.Array.from_buffers(pyarrow.int64(), len(found), listed)
        self._duck.register("listed_homes", pyarrow.table({"profile": column}))
        # A node's number is its place.
        self._duck.execute(
            f"CREATE VIEW {homes.name} AS SELECT row_number() OVER () - 1 AS id, profile "
            "FROM listed_homes"
        )
        self._there.add(homes.name)

    def _numbers(self, *columns: Any, where: Any = None) -> dict[str, list[int]]:
        """Columns of whole numbers: as JSON they come in a tenth of the time of rows."""
        arrays = [func.json_group_array(column) for column in columns]
        statement = select(*arrays) if where is None else select(*arrays).where(where)
        found = self._tx.execute(statement).one()
        names = [column.name for column in columns]
        return {name: decode(text) for name, text in zip(names, found, strict=True)}

    def _show(self) -> None:
        """Make the view of all kept values of the properties that are asked for."""
        pieces: list[Sequence[Any]] = []
        for number in sorted({number for number, _ in self._without}):
            own = [id_ for part, id_ in self._without if part == number and id_ in self._shown]
            pieces += kept_files.values(self._tx, number, own)
        self._register("brought", _columns(("property", *COLUMNS), pieces))
        names = ", ".join(COLUMNS)
        parts = [f"SELECT property, {names} FROM brought"]
        for id_ in sorted(self._shown):
            paths = [_quoted(path) for item, path in self._files if item == id_]
            if paths:
                listed = ", ".join(paths)
                parts.append(f"SELECT {id_} AS property, {names} FROM read_parquet([{listed}])")
        view = partition_tables(_VIEW).kept.name
        self._duck.execute(f"CREATE OR REPLACE VIEW {view} AS {' UNION ALL '.join(parts)}")

    def _register_by(self, key: Any, value: Any, keys: Iterable[int]) -> None:
        """Bring a table of two columns, of which one is some numbers over and over."""
        import pyarrow

        def piece(same: Any, values: list[int]) -> Any:
            return pyarrow.table({key.name: same, value.name: pyarrow.array(values, whole)})

        whole = pyarrow.int64()
        pieces = [piece(pyarrow.array([], whole), [])]
        for number in keys:
            (values,) = self._numbers(value, where=key == number).values()
            pieces.append(piece(pyarrow.repeat(pyarrow.scalar(number, whole), len(values)), values))
        self._duck.register(key.table.name, pyarrow.concat_tables(pieces))
        self._there.add(key.table.name)

    def _register(self, name: str, columns: dict[str, Any]) -> None:
        import pyarrow

        made = {key: pyarrow.array(items, _kind(key)) for key, items in columns.items()}
        self._duck.register(name, pyarrow.table(made))
        self._there.add(name)


def _kind(name: str) -> Any:
    import pyarrow

    kinds = {"num": pyarrow.float64(), "text": pyarrow.string(), "json": pyarrow.string()}
    return kinds.get(name, pyarrow.int64())


def _columns(names: tuple[str, ...], pieces: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """The columns of rows that come in pieces."""
    columns: list[list[Any]] = [[] for _ in names]
    for piece in pieces:
        for whole, values in zip(columns, zip(*piece, strict=True), strict=True):
            whole.extend(values)
    return dict(zip(names, columns, strict=True))


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


class _Types(PGTypeCompiler):
    def visit_FLOAT(self, type_: Any, **kw: Any) -> str:
        return "DOUBLE"  # its FLOAT has four bytes


class _Dialect(PGDialect):
    """DuckDB reads what is written for Postgres, almost."""

    name = "duckdb"
    type_compiler_cls = _Types
    supports_statement_cache = False


_DIALECT: Any = _Dialect(paramstyle="qmark")  # type: ignore[no-untyped-call]
