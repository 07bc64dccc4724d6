"""Runs of journeys: who is in which, where they stand, what they wait for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    TextClause,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)

from cdp.journeys.run import ACTIVE, Past, Run
from cdp.store.bulk import blob, chunks, insert_many, run_many, select_by
from cdp.store.tables import journey_moves, journey_runs, journeys

_encode = msgspec.json.Encoder().encode
_c = journey_runs.c
# As indexes over such runs alone have it: SQLite goes by the letter.
_ALERT = text("alert")


class Placed(NamedTuple):
    """A run with whose it is; ``alert``: the person's doings concern it."""

    run: Run
    journey: int
    profile: int
    node: int
    alert: bool = False


class _State(msgspec.Struct, omit_defaults=True):
    until: int | None = None
    events: tuple[str, ...] = ()
    watch: bool = False
    note: Any = None
    visits: dict[str, int] = {}
    data: dict[str, Any] = {}
    goal_until: int | None = None


_state = msgspec.json.Decoder(_State).decode
_columns = (
    _c.id, _c.journey, _c.version, _c.profile, _c.node, _c.key, _c.started, _c.step, _c.since,
    _c.status, _c.reason, _c.due, _c.alert, _c.held, _c.error, _c.goal_at, _c.state,
)  # fmt: skip
_NAMES = tuple(column.name for column in _columns)


def _placed(row: Sequence[Any], keys: Mapping[int, str]) -> Placed:
    (id_, journey, version, profile, node, key, started, step, since, status, reason, due, alert,
     held, error, goal_at, state) = row  # fmt: skip
    rest = _state(blob(state) or b"{}")
    run = Run(
        id_, keys.get(journey, ""), version, key, started, step, since, status, reason, rest.visits,
        due, rest.until, rest.events, rest.watch, rest.note, rest.data, bool(held), error,
        rest.goal_until, goal_at,
    )  # fmt: skip
    return Placed(run, journey, profile, node, bool(alert))


def _values(item: Placed) -> tuple[Any, ...]:
    run = item.run
    state = _State(run.until, run.events, run.watch, run.note, run.visits, run.data, run.goal_until)
    return (
        run.id, item.journey, run.version, item.profile, item.node, run.key, run.started, run.step,
        run.since, run.status, run.reason, run.due, item.alert, run.held, run.error, run.goal_at,
        _encode(state),
    )  # fmt: skip


def put(tx: Connection, items: Sequence[Placed], new: set[int]) -> None:
    """Write runs; ``new`` are the numbers of those that are not there yet."""
    insert_many(tx, journey_runs, _NAMES, [_values(i) for i in items if i.run.id in new])
    changed = [dict(zip(_B_NAMES, _values(i), strict=True)) for i in items if i.run.id not in new]
    run_many(tx, _update, sorted(changed, key=lambda row: row["b_id"]))


_B_NAMES = tuple(f"b_{name}" for name in _NAMES)
# What never changes is left out, and with it the indexes over it; `give` changes whose they are.
_update = (
    update(journey_runs)
    .where(_c.id == bindparam("b_id"))
    .values(
        {
            name: bindparam(f"b_{name}")
            for name in _NAMES
            if name not in ("id", "journey", "profile", "node", "key", "started")
        }
    )
)


def alerted(tx: Connection, profiles: Sequence[int], keys: Mapping[int, str]) -> list[Placed]:
    """The runs of some people that what they do concerns."""
    found = []
    for some in chunks(list(profiles)):
        statement = select(*_columns).where(_c.profile.in_(some), _ALERT)
        found += [_placed(row, keys) for row in tx.execute(statement)]
    return found


def of_people(tx: Connection, profiles: Sequence[int], keys: Mapping[int, str]) -> list[Placed]:
    """All runs of some people, ended ones too."""
    return [_placed(row, keys) for row in select_by(tx, _columns, _c.profile, list(profiles))]


def by_ids(tx: Connection, ids: Sequence[int], keys: Mapping[int, str]) -> list[Placed]:
    """Runs by their numbers."""
    return [_placed(row, keys) for row in select_by(tx, _columns, _c.id, list(ids))]


def active_of(tx: Connection, profiles: Sequence[int], keys: Mapping[int, str]) -> list[Placed]:
    """The active runs of some people."""
    return [item for item in of_people(tx, profiles, keys) if item.run.status == ACTIVE]


def any_alert(tx: Connection) -> bool:
    """Whether there is any run that people's doings concern."""
    return tx.execute(select(_c.id).where(_ALERT).limit(1)).first() is not None


def any_run(tx: Connection) -> bool:
    """Whether anybody was ever in a journey."""
    return tx.execute(select(_c.id).limit(1)).first() is not None


class Had(NamedTuple):
    """What entries people made, by profile, and the numbers of the runs that are active."""

    past: dict[int, list[Past]]
    active: list[int]


def past(tx: Connection, pairs: Iterable[tuple[int, int]], keys: Mapping[int, str]) -> Had:
    """What people have been in; of (profile, journey) pairs.

    Of who was in any of them the active runs are those in all journeys.
    """
    wanted = set(pairs)
    found: dict[int, list[Past]] = {}
    active: list[tuple[int, int]] = []
    columns = (_c.profile, _c.journey, _c.key, _c.started, _c.status, _c.id)
    profiles = sorted({profile for profile, _ in wanted})
    for profile, journey, key, started, status, id_ in select_by(tx, columns, _c.profile, profiles):
        if status == ACTIVE:
            active.append((profile, id_))
        if (profile, journey) in wanted:
            found.setdefault(profile, []).append(Past(keys.get(journey, ""), key, started))
    return Had(found, [id_ for profile, id_ in active if profile in found])


def after(
    tx: Connection,
    journey: int,
    reached: int,
    limit: int,
    keys: Mapping[int, str],
    *,
    step: str | None = None,
    version: int | None = None,
    held: bool = False,
) -> list[Placed]:
    """Active runs of a journey with higher numbers, the first ones."""
    statement = select(*_columns).where(_c.journey == journey, _c.status == ACTIVE, _c.id > reached)
    if step is not None:
        statement = statement.where(_c.step == step)
    if version is not None:
        statement = statement.where(_c.version == version)
    if held:
        statement = statement.where(_c.held)
    return [_placed(row, keys) for row in tx.execute(statement.order_by(_c.id).limit(limit))]


def listed(
    tx: Connection,
    journey: int,
    keys: Mapping[int, str],
    *,
    status: str | None = None,
    step: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Placed]:
    """Runs of a journey, the newest first."""
    statement = select(*_columns).where(_c.journey == journey)
    for column, value in ((_c.status, status), (_c.step, step)):
        if value is not None:
            statement = statement.where(column == value)
    if before is not None:
        statement = statement.where(_c.id < before)
    return [_placed(row, keys) for row in tx.execute(statement.order_by(_c.id.desc()).limit(limit))]


class Standing(NamedTuple):
    """How many active runs of a version stand at a step, and how many of them are held."""

    version: int
    step: str
    n: int
    held: int


def standings(tx: Connection, journey: int) -> list[Standing]:
    """Who is where now."""
    statement = (
        select(_c.version, _c.step, func.count(), func.count().filter(_c.held))
        .where(_c.journey == journey, _c.status == ACTIVE)
        .group_by(_c.version, _c.step)
    )
    return [Standing(v, step or "", n, held) for v, step, n, held in tx.execute(statement)]


def versions_in_use(tx: Connection) -> set[tuple[int, int]]:
    """(journey, version) of all runs that go on, or whose goal still counts."""
    return {*_versions(tx, _c.status == ACTIVE), *_versions(tx, _ALERT)}


def _versions(tx: Connection, which: ColumnElement[bool] | TextClause) -> list[tuple[int, int]]:
    """The versions of some runs, from one to the next by an index: runs may be very many."""
    least = select(func.min(_c.version))
    first = least.where(_c.journey == journeys.c.id, which).scalar_subquery()
    at = select(journeys.c.id.label("journey"), first.label("version")).cte("at", recursive=True)
    following = least.where(_c.journey == at.c.journey, which, _c.version > at.c.version)
    at = at.union_all(
        select(at.c.journey, following.scalar_subquery()).where(at.c.version.is_not(None))
    )
    found = select(at.c.journey, at.c.version).where(at.c.version.is_not(None))
    return [(journey, version) for journey, version in tx.execute(found)]


# Whose they are.


def give(tx: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Give runs to other profiles: (run, profile)."""
    run_many(tx, _give, [{"b_id": run, "b_profile": profile} for run, profile in sorted(pairs)])


_give = (
    update(journey_runs).where(_c.id == bindparam("b_id")).values(profile=bindparam("b_profile"))
)


def root(tx: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Give runs that nothing a person did has begun a node to follow: (run, node)."""
    run_many(tx, _root, [{"b_id": run, "b_node": node} for run, node in sorted(pairs)])


_root = update(journey_runs).where(_c.id == bindparam("b_id")).values(node=bindparam("b_node"))


def thin(tx: Connection, ids: Sequence[int]) -> None:
    """Drop what ended runs know of the person and the event: only who was in, and when, stays."""
    rows = []
    for id_, state in select_by(tx, (_c.id, _c.state), _c.id, ids):
        goal_until = _state(blob(state) or b"{}").goal_until
        rows.append({"b_id": id_, "b_state": _encode(_State(goal_until=goal_until))})
    run_many(tx, _thin, rows)


_thin = update(journey_runs).where(_c.id == bindparam("b_id")).values(state=bindparam("b_state"))


def forget(tx: Connection, nodes: Sequence[int]) -> None:
    """Take away all runs of deleted people; what they count to stays."""
    ids = [row[0] for row in select_by(tx, (_c.id,), _c.node, list(nodes))]
    for some in chunks(ids):
        tx.execute(delete(journey_moves).where(journey_moves.c.run.in_(some)))
        tx.execute(delete(journey_runs).where(_c.id.in_(some)))
