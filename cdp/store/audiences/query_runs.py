"""How queries of computed traits went when they were last asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from cdp.definitions.computed_trait import rest_of
from cdp.store.audiences.members import measured_ids
from cdp.store.bulk import chunks, upsert
from cdp.store.tables import audiences, identifiers, query_runs


class Run(NamedTuple):
    """See `cdp.store.tables.query_runs`."""

    trait: int
    began_at: int | None
    ended_at: int | None
    rows: int
    unknown: int
    changed: int
    error: str | None
    wanted: bool


def all_runs(tx: Connection) -> dict[int, Run]:
    """The last run of each computed trait, by the number of its row."""
    return {row[0]: Run(*row) for row in tx.execute(select(query_runs))}


def last_run(tx: Connection, key: str) -> Run | None:
    """The last run of a computed trait, of the version that was asked last."""
    own = select(audiences.c.id).where(audiences.c.kind == "computed_trait", audiences.c.key == key)
    statement = select(query_runs).where(query_runs.c.trait.in_(own))
    row = tx.execute(statement.order_by(query_runs.c.trait.desc()).limit(1)).first()
    return Run(*row) if row is not None else None


def profiles_named(
    tx: Connection, collection: int, kind: str, names: list[str]
) -> list[tuple[str, int]]:
    """(identifier, profile) of those of some identifiers of a type that somebody has."""
    c = identifiers.c
    mine = (c.type == kind, c.collection == collection, c.profile.is_not(None))
    found = []
    for some in chunks(names):
        statement = select(c.value, c.profile).where(c.value.in_(list(some)), *mine)
        found += [(row[0], row[1]) for row in tx.execute(statement)]
    return found


def knows_type(tx: Connection, kind: str) -> bool:
    """Whether anybody has an identifier of a type."""
    some = select(identifiers.c.id).where(identifiers.c.type == kind).limit(1)
    return tx.execute(some).first() is not None


class Going(NamedTuple):
    """How a query goes: ``waiting`` for its first answer, ``live`` or ``failed``; when it is
    asked next (None: at once)."""

    state: str
    run: Run
    next_at: int | None


def going(tx: Connection, key: str, body: Mapping[str, Any]) -> Going:
    """How the query of the computed trait of that key and body goes."""
    run = last_run(tx, key) or Run(0, None, None, 0, 0, 0, None, False)
    state = "failed" if run.error else "live" if key in measured_ids(tx) else "waiting"
    rest = rest_of(body, bool(run.error))
    again = None if run.wanted or run.ended_at is None else run.ended_at + rest
    return Going(state, run, again)


def want(tx: Connection, key: str) -> None:
    """Have the query of a computed trait asked as soon as it can be."""
    a = audiences.c
    own = select(a.id).where(
        a.kind == "computed_trait", a.key == key, a.root.is_(None),
        a.state.in_(("waiting", "live")),
    )  # fmt: skip
    for trait in tx.execute(own).scalars().all():
        note(tx, trait, wanted=True)


def note(tx: Connection, trait: int, **values: Any) -> None:
    """Change what is said of the last run."""
    statement = upsert(tx, query_runs).values(
        {"trait": trait, "rows": 0, "unknown": 0, "changed": 0, "wanted": False, **values}
    )
    tx.execute(statement.on_conflict_do_update(index_elements=["trait"], set_=values))
