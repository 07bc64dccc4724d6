"""Files of people and accounts that were brought in: how far they are, what was refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from cdp.store import config_rows, meta
from cdp.store.bulk import insert_many
from cdp.store.config_rows import record_change
from cdp.store.keys import new_write_key
from cdp.store.tables import counts, import_refusals, imports, numbers, sources

#: In a source's settings: the number of the import that it stands for.
MARK = "import"

#: States of an import that is not at its end.
ACTIVE = ("waiting", "running", "undoing")


class Import(NamedTuple):
    """An import; see `cdp.store.tables.imports`. Times are milliseconds since 1970."""

    id: int
    at: int
    author: str
    name: str
    format: str
    collection: int
    mapping: dict[str, Any]
    digest: str
    dry_run: bool
    source_id: int | None
    state: str
    error: str | None
    total: int | None
    read: int
    line: int
    rows: int
    refused: int
    result: dict[str, Any] | None
    updated_at: int
    finished_at: int | None
    undone_by: str | None

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return 1.0 if self.state == "done" else min(1.0, self.read / max(1, self.total or 1))


class Refusal(NamedTuple):
    """A line that was not taken: its number, the column at fault, and why."""

    line: int
    column: str | None
    reason: str


_JSON = ("mapping", "result")


def _import(row: Any) -> Import:
    made = Import(**row._mapping)
    return made._replace(
        mapping=json.loads(row.mapping),
        result=json.loads(row.result) if row.result else None,
        dry_run=bool(row.dry_run),
    )


def all_imports(tx: Connection, limit: int = 1000, before: int | None = None) -> list[Import]:
    """The imports, newest first, below number ``before``."""
    statement = select(imports).order_by(imports.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(imports.c.id < before)
    return [_import(row) for row in tx.execute(statement)]


def by_id(tx: Connection, number: int) -> Import | None:
    """The import of that number."""
    row = tx.execute(select(imports).where(imports.c.id == number)).first()
    return _import(row) if row is not None else None


def any_read_in(tx: Connection, begun_before: int, noted_since: int) -> bool:
    """Whether a file is read in that was begun before one time and got on since another."""
    c = imports.c
    statement = select(c.id).where(
        c.state.in_(("waiting", "running")),
        c.dry_run.is_(False),
        c.at < begun_before,
        c.updated_at > noted_since,
    )
    return tx.execute(statement.limit(1)).first() is not None


def same_file(tx: Connection, digest: str) -> Import | None:
    """The newest import of the same file and mapping that was not undone or given up."""
    statement = (
        select(imports)
        .where(
            imports.c.digest == digest,
            imports.c.dry_run.is_(False),
            imports.c.state.not_in(("undoing", "undone")),
        )
        .order_by(imports.c.id.desc())
        .limit(1)
    )
    row = tx.execute(statement).first()
    return _import(row) if row is not None else None


def begin(
    tx: Connection,
    now: int,
    author: str,
    *,
    name: str,
    format: str,
    collection: int,
    mapping: dict[str, Any],
    digest: str,
    dry_run: bool,
    total: int | None,
) -> Import:
    """Note a new import and, unless it is a dry run, make the source that it speaks through."""
    number = meta.take_numbers(tx, "import", 1)
    source = None
    if not dry_run:
        settings = {MARK: number}
        source = make_source(tx, now, f"import-{number}", name, settings, author)
        record_change(tx, now, author, "import", str(number), "started", after={"file": name})
    tx.execute(
        insert(imports).values(
            id=number,
            at=now,
            author=author,
            name=name,
            format=format,
            collection=collection,
            mapping=json.dumps(mapping),
            digest=digest,
            dry_run=dry_run,
            source_id=source,
            state="waiting",
            total=total,
            read=0,
            line=0,
            rows=0,
            refused=0,
            updated_at=now,
        )
    )
    made = by_id(tx, number)
    assert made is not None
    return made


def change(tx: Connection, number: int, now: int, **values: Any) -> None:
    """Write some columns of an import."""
    for name in _JSON:
        if values.get(name) is not None:
            values[name] = json.dumps(values[name])
    tx.execute(update(imports).where(imports.c.id == number).values(updated_at=now, **values))


def add_refusals(tx: Connection, number: int, rows: list[Refusal]) -> None:
    """Keep lines that were not taken, each once."""
    lines = [row.line for row in rows]
    for start in range(0, len(lines), 500):
        some = lines[start : start + 500]
        tx.execute(
            delete(import_refusals).where(
                import_refusals.c.import_id == number, import_refusals.c.line.in_(some)
            )
        )
    columns = ("import_id", "line", "column_name", "reason")
    insert_many(tx, import_refusals, columns, [(number, *row) for row in rows])


def refusals(tx: Connection, number: int, after: int = 0, limit: int = 1000) -> list[Refusal]:
    """Lines that were not taken, from behind line ``after``."""
    t = import_refusals.c
    statement = (
        select(t.line, t.column_name, t.reason)
        .where(t.import_id == number, t.line > after)
        .order_by(t.line)
        .limit(limit)
    )
    return [Refusal(*row) for row in tx.execute(statement)]


def all_refusals(tx: Connection, number: int) -> Iterator[Refusal]:
    """All of them, a page at a time."""
    after = 0
    while page := refusals(tx, number, after):
        yield from page
        after = page[-1].line


def count_refusals(tx: Connection, number: int) -> int:
    """How many are kept."""
    statement = select(func.count()).where(import_refusals.c.import_id == number)
    return int(tx.execute(statement).scalar() or 0)


def drop_refusals(tx: Connection, number: int) -> None:
    """Forget them."""
    tx.execute(delete(import_refusals).where(import_refusals.c.import_id == number))


def make_source(
    tx: Connection,
    now: int,
    key: str,
    name: str,
    settings: dict[str, Any],
    author: str,
    number: int | None = None,
) -> int:
    """Make a source under ``number``, if that is free; returns the number it has.

    The source of an import takes nothing over the network: it is switched off.
    """
    if tx.execute(select(sources.c.id).where(sources.c.key == key)).first():
        raise config_rows.NameTaken(f"a source called {key} exists already")
    free = meta.take_numbers(tx, "source", 1)
    if number is None or tx.execute(select(sources.c.id).where(sources.c.id == number)).first():
        number = free
    elif number >= free:
        tx.execute(update(numbers).where(numbers.c.kind == "source").values(next=number + 1))
    tx.execute(
        insert(sources).values(
            id=number,
            key=key,
            name=name,
            write_key=new_write_key(),
            enabled=MARK not in settings,
            settings=json.dumps(settings),
            created_at=now,
            updated_at=now,
        )
    )
    record_change(tx, now, author, "source", key, "created", after={"name": name})
    return number


def taken(tx: Connection, source: int | None) -> dict[str, int]:
    """What the pipeline took of an import, what came again, and who may not be heard of."""
    statement = (
        select(counts.c.what, func.sum(counts.c.n))
        .where(counts.c.source_id == (source or -1))
        .group_by(counts.c.what)
    )
    found = {what: int(n) for what, n in tx.execute(statement)}
    new = found.get("identify", 0) + found.get("group", 0)
    unheard = found.get("suppressed", 0)
    return {"taken": new, "repeated": found.get("repeated", 0), "suppressed": unheard}
