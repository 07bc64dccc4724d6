"""Runs of journeys: who is where, how they came there, how many did what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select, update

from cdp.journeys.run import ACTIVE, Past, Run, Transition
from cdp.store import meta
from cdp.store.bulk import blob, chunks, insert_many, run_many, select_by, upsert_of
from cdp.store.tables import journey_counts, journey_moves, journey_runs

_DAY = 86_400_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_c = journey_runs.c


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
    changed = [dict(zip(_NAMES, _values(i), strict=True)) for i in items if i.run.id not in new]
    if changed:
        rows = [{f"b_{name}": value for name, value in row.items()} for row in changed]
        run_many(tx, _update(), sorted(rows, key=lambda row: row["b_id"]))


@lru_cache(maxsize=1)
def _update() -> Any:
    values: dict[str, Any] = {name: bindparam(f"b_{name}") for name in _NAMES if name != "id"}
    return update(journey_runs).where(_c.id == bindparam("b_id")).values(**values)


def alerted(tx: Connection, profiles: Sequence[int], keys: Mapping[int, str]) -> list[Placed]:
    """The runs of some people that what they do concerns."""
    found = []
    for some in chunks(list(profiles)):
        statement = select(*_columns).where(_c.profile.in_(some), _c.alert)
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
    return tx.execute(select(_c.id).where(_c.alert).limit(1)).first() is not None


def any_run(tx: Connection) -> bool:
    """Whether anybody was ever in a journey."""
    return tx.execute(select(_c.id).limit(1)).first() is not None


def past(
    tx: Connection, pairs: Iterable[tuple[int, int]], keys: Mapping[int, str]
) -> dict[int, list[Past]]:
    """What entries people made, by profile; of (profile, journey) pairs."""
    wanted = set(pairs)
    found: dict[int, list[Past]] = {}
    columns = (_c.profile, _c.journey, _c.key, _c.started)
    profiles = sorted({profile for profile, _ in wanted})
    for profile, journey, key, started in select_by(tx, columns, _c.profile, profiles):
        if (profile, journey) in wanted:
            found.setdefault(profile, []).append(Past(keys.get(journey, ""), key, started))
    return found


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
    statement = select(_c.journey, _c.version).where((_c.status == ACTIVE) | _c.alert).distinct()
    return {(journey, version) for journey, version in tx.execute(statement)}


# Moves and counts.


def add_moves(
    tx: Connection, moves: Sequence[Transition], of: Mapping[int, tuple[int, int]]
) -> None:
    """Note what became of runs; ``of`` has the journey and version of each run."""
    if not moves:
        return
    first = meta.take_numbers(tx, "journey_move", len(moves))
    rows = [
        (
            first + at,
            m.run,
            m.at,
            m.step,
            m.what,
            m.exit,
            _encode(m.why).decode() if m.why else None,
        )
        for at, m in enumerate(moves)
    ]
    insert_many(tx, journey_moves, ("id", "run", "at", "step", "what", "exit", "why"), rows)
    counted = Counter((*of[m.run], m.at // _DAY, m.step or "", m.what, m.exit or "") for m in moves)
    names = ("journey", "version", "day", "step", "what", "exit")
    run_many(
        tx,
        _count(tx.dialect.name),
        [{**dict(zip(names, key, strict=True)), "n": n} for key, n in sorted(counted.items())],
    )


@lru_cache(maxsize=2)
def _count(dialect: str) -> Any:
    names = ("journey", "version", "day", "step", "what", "exit")
    statement = upsert_of(dialect, journey_counts).values(
        {name: bindparam(name) for name in (*names, "n")}
    )
    return statement.on_conflict_do_update(
        index_elements=list(names), set_={"n": journey_counts.c.n + statement.excluded.n}
    )


class Move(NamedTuple):
    """Something that became of a run."""

    id: int
    run: int
    at: int
    step: str | None
    what: str
    exit: str | None
    why: Any


def moves_of(tx: Connection, runs: Sequence[int]) -> list[Move]:
    """What became of some runs, in order."""
    columns = tuple(journey_moves.c[name] for name in Move._fields)
    rows = select_by(tx, columns, journey_moves.c.run, list(runs))
    found = [Move._make(row) for row in rows]
    found.sort(key=lambda move: move.id)
    return [move._replace(why=_decode(move.why) if move.why else None) for move in found]


class Count(NamedTuple):
    """How many did something at a step, on a day (days since 1970)."""

    version: int
    day: int
    step: str
    what: str
    exit: str
    n: int


def counts(tx: Connection, journey: int, first: int = 0, last: int = 1 << 30) -> list[Count]:
    """How many did what in a journey, between two days."""
    c = journey_counts.c
    statement = select(c.version, c.day, c.step, c.what, c.exit, c.n)
    statement = statement.where(c.journey == journey, c.day >= first, c.day <= last)
    return [Count(*row) for row in tx.execute(statement)]


# Whose they are.


def give(tx: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Give runs to other profiles: (run, profile)."""
    run_many(tx, _give, [{"b_id": run, "b_profile": profile} for run, profile in sorted(pairs)])


_give = (
    update(journey_runs).where(_c.id == bindparam("b_id")).values(profile=bindparam("b_profile"))
)


def forget(tx: Connection, nodes: Sequence[int]) -> None:
    """Take away all runs of deleted people; what they count to stays."""
    ids = [row[0] for row in select_by(tx, (_c.id,), _c.node, list(nodes))]
    for some in chunks(ids):
        tx.execute(delete(journey_moves).where(journey_moves.c.run.in_(some)))
        tx.execute(delete(journey_runs).where(_c.id.in_(some)))
