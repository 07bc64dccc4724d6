"""Writing the catalogue of what has been seen, and forgetting parts of it.

Counts are exact and written with the messages they count. What was found inside of
the messages looked into is joined in later; `cdp.pipeline.catalogue` decides when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, case, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cdp.protocols import MASK, Classes, Property, Seen, field_name, root_of
from cdp.store import meta
from cdp.store.bulk import run_many, upsert
from cdp.store.tables import (
    catalogue_days,
    catalogue_names,
    catalogue_properties,
    catalogue_seen,
)

#: Stands for every name that found no room.
OTHER = 0
#: Days before this many are one figure, that of day 0.
DAYS = 400

Pair = tuple[int, int]

_CLEARED = "catalogue_cleared"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Property).decode


def all_names(tx: Connection) -> dict[tuple[str, str], int]:
    """The number of each (type, name) that is listed."""
    return {(row.type, row.name): row.id for row in tx.execute(select(catalogue_names))}


def looked(tx: Connection) -> dict[Pair, int]:
    """How many messages of each (name, source) were looked into."""
    seen = catalogue_seen.c
    rows = tx.execute(select(seen.name_id, seen.source_id, seen.looked))
    return {(name, source): n for name, source, n in rows}


def add_name(tx: Connection, type_: str, name: str) -> int:
    """List (type, name); its number, also if another process was faster."""
    number = meta.take_numbers(tx, "catalogue_name", 1)
    tx.execute(
        upsert(tx, catalogue_names)
        .values(id=number, type=type_, name=name)
        .on_conflict_do_nothing(index_elements=["type", "name"])
    )
    found = catalogue_names.c
    statement = select(found.id).where(found.type == type_, found.name == name)
    return int(tx.execute(statement).scalar_one())


def _adding_seen(insert: Any) -> Any:
    names = ("name_id", "source_id", "n", "first_t", "last_t", "looked", "beyond")
    statement = insert(catalogue_seen).values({name: bindparam(name) for name in names})
    new, old = statement.excluded, catalogue_seen.c
    return statement.on_conflict_do_update(
        index_elements=["name_id", "source_id"],
        set_={
            "n": old.n + new.n,
            "first_t": case((new.first_t < old.first_t, new.first_t), else_=old.first_t),
            "last_t": case((new.last_t > old.last_t, new.last_t), else_=old.last_t),
            "looked": old.looked + new.looked,
            "beyond": old.beyond + new.beyond,
        },
    )


def _adding_days(insert: Any) -> Any:
    names = ("day", "name_id", "source_id", "n")
    statement = insert(catalogue_days).values({name: bindparam(name) for name in names})
    return statement.on_conflict_do_update(
        index_elements=["day", "name_id", "source_id"],
        set_={"n": catalogue_days.c.n + statement.excluded.n},
    )


def _putting_properties(insert: Any) -> Any:
    names = ("name_id", "source_id", "path", "detail")
    statement = insert(catalogue_properties).values({name: bindparam(name) for name in names})
    return statement.on_conflict_do_update(
        index_elements=["name_id", "source_id", "path"],
        set_={"detail": statement.excluded.detail},
    )


def _both(make: Any) -> dict[str, Any]:
    return {"sqlite": make(sqlite.insert), "postgresql": make(postgresql.insert)}


_add_seen = _both(_adding_seen)
_add_days = _both(_adding_days)
_put_properties = _both(_putting_properties)


def add_seen(tx: Connection, rows: Iterable[dict[str, int]]) -> None:
    """Add to what is counted of (name_id, source_id); see `catalogue_seen`."""
    # In one order in every process, so that two of them can't wait for each other.
    rows = sorted(rows, key=lambda row: (row["name_id"], row["source_id"]))
    run_many(tx, _add_seen[tx.dialect.name], rows)


def add_days(tx: Connection, counts: dict[tuple[int, int, int], int]) -> None:
    """Add to the counts of (day, name_id, source_id)."""
    rows = [
        {"day": day, "name_id": name, "source_id": source, "n": n}
        for (day, name, source), n in sorted(counts.items())
    ]
    run_many(tx, _add_days[tx.dialect.name], rows)


def fold_days(tx: Connection, before: int) -> None:
    """Add the days before ``before`` to day 0."""
    days = catalogue_days.c
    old = and_(days.day > 0, days.day < before)
    grouped = (
        select(literal(0), days.name_id, days.source_id, func.sum(days.n))
        .where(old)
        .group_by(days.name_id, days.source_id)
    )
    statement = upsert(tx, catalogue_days).from_select(
        ["day", "name_id", "source_id", "n"], grouped
    )
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["day", "name_id", "source_id"],
            set_={"n": days.n + statement.excluded.n},
        )
    )
    tx.execute(delete(catalogue_days).where(old))


def cleared(tx: Connection) -> str | None:
    """Changes with each forgetting: what was looked into before must not be joined in."""
    return meta.get(tx, _CLEARED)


def join_seen(tx: Connection, found: dict[Pair, Seen]) -> None:
    """Join what was found inside of messages."""
    # It comes first, since it locks the pairs against other processes.
    add_seen(
        tx,
        (
            {
                "name_id": name,
                "source_id": source,
                "n": 0,
                "first_t": seen.first,
                "last_t": seen.last,
                "looked": seen.looked,
                "beyond": seen.beyond,
            }
            for (name, source), seen in found.items()
        ),
    )
    rows: list[dict[str, Any]] = []
    for (name, source), seen in sorted(found.items(), key=lambda item: item[0]):
        joined = Seen()
        for path, detail in _details(tx, name, source):
            joined.properties[path] = _decode(detail) if path in seen.properties else Property()
        before = joined.beyond
        joined.join(seen)
        if more := joined.beyond - before - seen.beyond:
            _add_beyond(tx, name, source, more)
        rows.extend(
            {
                "name_id": name,
                "source_id": source,
                "path": path,
                "detail": _encode(joined.properties[path]).decode(),
            }
            for path in sorted(seen.properties)
            if path in joined.properties
        )
    run_many(tx, _put_properties[tx.dialect.name], rows)


def _add_beyond(tx: Connection, name: int, source: int, n: int) -> None:
    seen = catalogue_seen.c
    tx.execute(
        update(catalogue_seen)
        .where(seen.name_id == name, seen.source_id == source)
        .values(beyond=seen.beyond + n)
    )


def _details(tx: Connection, name: int, source: int) -> list[Any]:
    table = catalogue_properties.c
    statement = select(table.path, table.detail).where(
        table.name_id == name, table.source_id == source
    )
    return list(tx.execute(statement))


# -- forgetting ---------------------------------------------------------------------


def forget_source(tx: Connection, source: int) -> None:
    """Take out what came from one source. Its names stay numbered, but are not listed."""
    for table in (catalogue_properties, catalogue_days, catalogue_seen):
        tx.execute(delete(table).where(table.c.source_id == source))
    _tell(tx)


def clear_samples(tx: Connection) -> None:
    """Take out every sample value; what is counted stays."""
    _rewrite(tx, lambda _: False)


def hide_samples(tx: Connection, classes: Classes, fields: list[str]) -> None:
    """Keep of the samples of some fields, and of what is in them, only those that are open."""
    names = catalogue_names.c
    roots = {
        row.id: root_of(row.type, row.name)
        for row in tx.execute(select(names.id, names.type, names.name))
    }
    wanted = tuple(fields)
    for name, source in _pairs(tx):
        changed: list[dict[str, Any]] = []
        for path, detail in _details(tx, name, source):
            field = f"{roots.get(name, '')}.{path}"
            key = field_name(field)
            if key not in wanted and not key.startswith(tuple(f"{one}." for one in wanted)):
                continue
            found = _decode(detail)
            if _hide(found, field, classes):
                row = {"name_id": name, "source_id": source, "path": path}
                changed.append({**row, "detail": _encode(found).decode()})
        run_many(tx, _put_properties[tx.dialect.name], changed)
    _tell(tx)


def _hide(found: Property, field: str, classes: Classes) -> bool:
    samples: dict[str, int] = {}
    for text, n in found.samples.items():
        kind = None
        if not text.startswith(MASK):
            kind = classes.kind(field, msgspec.json.decode(text))
        kept = MASK + kind if kind is not None else text
        samples[kept] = samples.get(kept, 0) + n
    changed = samples != found.samples
    found.samples = samples
    return changed


def forget_values(tx: Connection, values: set[str]) -> None:
    """Take out samples, properties and names that hold one of ``values``.

    Texts are compared without case; one of four characters or more is also found
    within a longer text, and at the end of a cut one. Messages of such a name stay
    counted, without it.
    """
    known = {value.casefold() for value in values if value}
    if not known:
        return
    for number, name in tx.execute(select(catalogue_names.c.id, catalogue_names.c.name)).all():
        if _holds(name, known, False):
            _rename(tx, number)
    _rewrite(
        tx, lambda text: not _sample_holds(text, known), lambda path: _holds(path, known, True)
    )


def forget_names(tx: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Let messages of some (type, name) stay counted without their names."""
    known = all_names(tx)
    for pair in pairs:
        if pair in known:
            _rename(tx, known[pair])


def _rewrite(tx: Connection, keeps: Any, drops: Any = lambda path: False) -> None:
    table = catalogue_properties.c
    for name, source in _pairs(tx):
        changed: list[dict[str, Any]] = []
        gone: list[str] = []
        for path, detail in _details(tx, name, source):
            if drops(path):
                gone.append(path)
                continue
            found = _decode(detail)
            kept = {text: n for text, n in found.samples.items() if keeps(text)}
            if len(kept) < len(found.samples):
                found.samples, found.more = kept, True
                row = {"name_id": name, "source_id": source, "path": path}
                changed.append({**row, "detail": _encode(found).decode()})
        run_many(tx, _put_properties[tx.dialect.name], changed)
        for path in gone:
            tx.execute(
                delete(catalogue_properties).where(
                    table.name_id == name, table.source_id == source, table.path == path
                )
            )
    _tell(tx)


def _pairs(tx: Connection) -> Iterator[Pair]:
    table = catalogue_properties.c
    statement = select(table.name_id, table.source_id).distinct()
    for name, source in tx.execute(statement.order_by(table.name_id, table.source_id)).all():
        yield int(name), int(source)


def _rename(tx: Connection, number: int) -> None:
    # The row stays, since the pipeline counts under its number.
    row = update(catalogue_names).where(catalogue_names.c.id == number)
    tx.execute(row.values(name=f"‹removed {number}›"))
    tx.execute(delete(catalogue_properties).where(catalogue_properties.c.name_id == number))


def _tell(tx: Connection) -> None:
    meta.put(tx, _CLEARED, str(int(meta.get(tx, _CLEARED) or 0) + 1))


def _sample_holds(text: str, known: set[str]) -> bool:
    if text.startswith(MASK):
        return False
    value = msgspec.json.decode(text)
    return _holds(value, known, True) if isinstance(value, str) else text.casefold() in known


def _holds(text: str, known: set[str], may_be_cut: bool) -> bool:
    text = text.casefold()
    if text in known:
        return True
    for value in known:
        if len(value) >= 4 and value in text:
            return True
        if may_be_cut and text.endswith("…"):
            cut = text[:-1]
            if any(cut.endswith(value[:size]) for size in range(4, len(value))):
                return True
    return False
