"""Who is in which audience, every entry and exit, and values of computed traits."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, update

from cdp.store.audiences.evaluated import LIVE, grow
from cdp.store.bulk import chunks, insert_many, run_many, run_rows, select_by, upsert_of
from cdp.store.meta import take_numbers
from cdp.store.tables import (
    audiences,
    computed_values,
    member_changes,
    members,
    timers,
    value_changes,
)


def members_of(tx: Connection, ids: list[int]) -> list[tuple[int, int, int]]:
    """(profile, audience, since) of some profiles."""
    columns = (members.c.profile, members.c.audience, members.c.since)
    return [(row[0], row[1], row[2]) for row in select_by(tx, columns, members.c.profile, ids)]


def values_of(tx: Connection, ids: list[int]) -> list[tuple[int, int, str]]:
    """(profile, trait, JSON) of some profiles."""
    columns = (computed_values.c.profile, computed_values.c.trait, computed_values.c.value)
    found = select_by(tx, columns, computed_values.c.profile, ids)
    return [(row[0], row[1], row[2]) for row in found]


def values_between(tx: Connection, trait: int, low: int, high: int) -> dict[int, str]:
    """The JSON of a trait's values by profile, of those above ``low`` up to ``high``."""
    c = computed_values.c
    statement = select(c.profile, c.value).where(
        c.trait == trait, c.profile > low, c.profile <= high
    )
    return {row.profile: row.value for row in tx.execute(statement)}


def measured_ids(tx: Connection) -> dict[str, int]:
    """The live version of each computed trait that a query works out, by key."""
    a = audiences.c
    live = select(a.key, a.id).where(a.kind == "computed_trait", a.state == LIVE, a.root.is_(None))
    return {row.key: row.id for row in tx.execute(live)}


def among(tx: Connection, audience: int, ids: Iterable[int]) -> set[int]:
    """Those of some profiles that are in an audience."""
    found: set[int] = set()
    for some in chunks(sorted(ids)):
        statement = select(members.c.profile).where(
            members.c.audience == audience, members.c.profile.in_(list(some))
        )
        found.update(tx.execute(statement).scalars())
    return found


def after(tx: Connection, audience: int, reached: int, limit: int, since: int = 0) -> list[int]:
    """Members of an audience with higher numbers, the first ones; who is in it ``since`` then."""
    c = members.c
    statement = select(c.profile).where(c.audience == audience, c.profile > reached)
    if since:
        statement = statement.where(c.since >= since)
    return list(tx.execute(statement.order_by(c.profile).limit(limit)).scalars())


def add_members(tx: Connection, rows: list[tuple[int, int, int]]) -> None:
    """Add (audience, profile, since); who is in already stays as they are."""
    run_rows(tx, _adding(tx.dialect.name), _MEMBER, rows)


def begin_stays(tx: Connection, rows: list[tuple[int, int, int]]) -> None:
    """Add (audience, profile, since); who is in already is in anew."""
    run_rows(tx, _beginning(tx.dialect.name), _MEMBER, rows)


_MEMBER = ("a", "p", "s")


def _member(dialect: str) -> Any:
    columns: dict[str, Any] = {
        "audience": bindparam("a"),
        "profile": bindparam("p"),
        "since": bindparam("s"),
    }
    return upsert_of(dialect, members).values(columns)


@lru_cache(maxsize=2)
def _adding(dialect: str) -> Any:
    return _member(dialect).on_conflict_do_nothing()


@lru_cache(maxsize=2)
def _beginning(dialect: str) -> Any:
    statement = _member(dialect)
    return statement.on_conflict_do_update(
        index_elements=["audience", "profile"], set_={"since": statement.excluded.since}
    )


_remove_member = delete(members).where(
    members.c.audience == bindparam("a"), members.c.profile == bindparam("p")
)


def remove_members(tx: Connection, pairs: list[tuple[int, int]]) -> None:
    """Remove (audience, profile)s."""
    run_rows(tx, _remove_member, ("a", "p"), sorted(pairs))


class Change(NamedTuple):
    """An entry or exit; see `cdp.store.tables.member_changes`."""

    audience: int
    profile: int
    at: int
    entered: bool
    cause: str
    event: int | None
    live: bool
    detail: str


_CHANGE_COLUMNS = ("seq", *Change._fields)


def add_changes(tx: Connection, found: list[Change]) -> None:
    """Note entries and exits, in their order."""
    if not found:
        return
    first = take_numbers(tx, "member_change", len(found))
    rows = [
        # Numbers in place of bools, for which SQLite's driver asks each time.
        (seq, audience, profile, at, +entered, cause, event, +live, detail)
        for seq, (audience, profile, at, entered, cause, event, live, detail) in enumerate(
            found, first
        )
    ]
    insert_many(tx, member_changes, _CHANGE_COLUMNS, rows)


_remove_value = delete(computed_values).where(
    computed_values.c.trait == bindparam("a"), computed_values.c.profile == bindparam("p")
)


def put_values(tx: Connection, rows: list[tuple[int, int, str | None, int]]) -> None:
    """Keep (trait, profile, JSON or None, since)."""
    kept = [{"a": a, "p": p, "v": v, "s": s} for a, p, v, s in sorted(rows) if v is not None]
    run_many(tx, _put_value(tx.dialect.name), kept)
    run_many(tx, _remove_value, [{"a": a, "p": p} for a, p, v, _ in sorted(rows) if v is None])


@lru_cache(maxsize=2)
def _put_value(dialect: str) -> Any:
    statement = upsert_of(dialect, computed_values).values(
        trait=bindparam("a"), profile=bindparam("p"), value=bindparam("v"), since=bindparam("s")
    )
    return statement.on_conflict_do_update(
        index_elements=["trait", "profile"],
        set_={"value": statement.excluded.value, "since": statement.excluded.since},
    )


def forget_people(tx: Connection, ids: Iterable[int]) -> list[tuple[int, int]]:
    """Forget profiles that are no more; returns the (audience, profile)s that they were in."""
    gone = sorted(ids)
    left = [(audience, profile) for profile, audience, _ in members_of(tx, gone)]
    for some in chunks(gone):
        for table in (members, computed_values, timers):
            tx.execute(delete(table).where(table.c.profile.in_(some)))
    grown: dict[int, int] = {}
    for audience, _ in left:
        grown[audience] = grown.get(audience, 0) - 1
    grow(tx, grown)
    return left


_move_changes = (
    update(member_changes)
    .where(member_changes.c.profile == bindparam("old"))
    .values(profile=bindparam("new"))
)


def join_people(tx: Connection, into: dict[int, int], gone: set[int], now: int) -> None:
    """Profiles are no more: their story goes on as that of those whom they are part of now.

    They leave all that they were in by the cause ``joined``, which tells nothing of those
    that go on. Who went to nobody is erased.
    """
    if not gone:
        return
    run_many(tx, _move_changes, [{"old": o, "new": n} for o, n in into.items()])
    _stay_listed(tx, into, now)
    exits = [
        Change(audience, into[profile], now, False, "joined", None, False, "{}")
        for audience, profile in forget_people(tx, gone)
        if profile in into
    ]
    add_changes(tx, exits)
    erase_people(tx, gone - into.keys())


def _stay_listed(tx: Connection, into: dict[int, int], now: int) -> None:
    """Whoever was put on a list by hand is on it as the profile that goes on."""
    a = audiences.c
    lists = select(a.id).where(
        a.kind == "audience", a.state == LIVE, a.root.is_(None), a.fingerprint.startswith("list:")
    )
    kept = set(tx.execute(lists).scalars())
    if not kept:
        return
    come: dict[int, set[int]] = {}
    for profile, audience, _ in members_of(tx, sorted(into)):
        if audience in kept:
            come.setdefault(audience, set()).add(into[profile])
    for audience, ids in come.items():
        new = sorted(ids - among(tx, audience, ids))
        add_members(tx, [(audience, profile, now) for profile in new])
        add_changes(tx, [Change(audience, p, now, True, "joined", None, False, "{}") for p in new])
        grow(tx, {audience: len(new)})


def erase_people(tx: Connection, ids: Iterable[int]) -> None:
    """Forget profiles and that they ever were in anything (law 7)."""
    gone = sorted(ids)
    forget_people(tx, gone)
    for some in chunks(gone):
        for table in (member_changes, value_changes):
            tx.execute(delete(table).where(table.c.profile.in_(some)))
