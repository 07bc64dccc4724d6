"""Reading who is in which audience, and how that came: for those who look at it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from cdp.store.audiences.evaluated import LIVE, WAITING, AudienceRow, live_row
from cdp.store.audiences.reasons import told_in_full
from cdp.store.tables import (
    audiences,
    computed_values,
    kept_properties,
    member_changes,
    members,
)

#: A version that counts, the most telling first.
_STATES = ("live", "computing", "failed")


class State(NamedTuple):
    """How far an audience or computed trait is worked out, for the version that counts.

    ``reached`` of ``until`` profiles were looked at; while it is ``waiting``, so many messages
    for what it reads. ``next`` is a newer version that is being worked out beside it.
    """

    id: int
    key: str
    version: int
    state: str
    size: int
    reached: int
    until: int
    live_at: int | None
    error: str | None
    next: State | None = None

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(self.reached / self.until, 1.0) if self.until else 0.0


class Member(NamedTuple):
    """A profile in an audience, and since when (ms)."""

    profile: int
    since: int


class Change(NamedTuple):
    """An entry or exit; ``cause`` says what brought it about, ``event`` by which message.

    ``detail`` is JSON: ``{"clauses": […]}`` as `cdp.audiences.Clause.told` says them, or
    ``{}`` where no condition was asked.
    """

    seq: int
    profile: int
    at: int
    entered: bool
    cause: str
    event: int | None
    detail: str


def states(
    tx: Connection, kind: str, key: str | None = None, waiting: bool = False
) -> dict[str, State]:
    """The state of every definition of a kind, or of one, by key.

    With ``waiting`` also of those that nobody was looked at for yet.
    """
    table = audiences.c
    wanted = (*_STATES, WAITING) if waiting else _STATES
    statement = select(audiences).where(table.kind == kind, table.state.in_(wanted))
    if key is not None:
        statement = statement.where(table.key == key)
    found: dict[str, list[State]] = {}
    for row in tx.execute(statement.order_by(table.id.desc())).all():
        reached, until = row.reached, row.until
        if row.state == WAITING:
            reached, until = _collected(tx)
        state = State(
            row.id, row.key, row.version, row.state, row.size, reached, until,
            row.live_at, row.error,
        )  # fmt: skip
        found.setdefault(row.key, []).append(state)
    return {key: _telling(some) for key, some in found.items()}


def _collected(tx: Connection) -> tuple[int, int]:
    """Of how many messages the properties are kept that are being collected, and of all."""
    c = kept_properties.c
    sums = select(func.sum(c.backfilled_to), func.sum(c.backfill_until))
    done, of = tx.execute(sums.where(c.backfilled_to < c.backfill_until)).one()
    return int(done or 0), int(of or 0)


def _telling(some: list[State]) -> State:
    """The live one if there is one; a newer one stands beside it."""
    live = next((state for state in some if state.state == "live"), None)
    if live is None:
        return some[0]
    newer = some[0] if some[0].id > live.id else None
    return live._replace(next=newer)


def page(tx: Connection, audience: int, after: int, limit: int) -> list[Member]:
    """Members in the order of their profiles' numbers, from the one behind ``after``."""
    table = members.c
    statement = (
        select(table.profile, table.since)
        .where(table.audience == audience, table.profile > after)
        .order_by(table.profile)
        .limit(limit)
    )
    return [Member(profile, since) for profile, since in tx.execute(statement)]


def among(tx: Connection, audience: int, profiles: Iterable[int]) -> dict[int, Member]:
    """Which of the profiles are members."""
    table = members.c
    statement = select(table.profile, table.since).where(
        table.audience == audience, table.profile.in_(list(profiles))
    )
    return {profile: Member(profile, since) for profile, since in tx.execute(statement)}


# -- of one person ------------------------------------------------------------------


class Standing(NamedTuple):
    """An audience that somebody is in, and since when (ms)."""

    key: str
    since: int


def row_at(tx: Connection, kind: str, key: str, at: int | None) -> AudienceRow | None:
    """The row of a definition that holds, or held at an instant."""
    if at is None:
        return live_row(tx, kind, key)
    c = audiences.c
    statement = (
        select(audiences)
        .where(c.kind == kind, c.key == key, c.live_at <= at)
        .where(or_(c.ended_at.is_(None), c.ended_at > at))
        .order_by(c.id.desc())
    )
    row = tx.execute(statement.limit(1)).first()
    return AudienceRow(*row) if row is not None else None


def of_person(tx: Connection, profile: int) -> list[Standing]:
    """The audiences that a profile is in now, by key."""
    statement = (
        select(audiences.c.key, members.c.since)
        .join(members, members.c.audience == audiences.c.id)
        .where(members.c.profile == profile, audiences.c.state == LIVE)
        .order_by(audiences.c.key)
    )
    return [Standing(*row) for row in tx.execute(statement)]


def values_of_person(tx: Connection, profile: int) -> dict[str, tuple[Any, int]]:
    """The computed traits of a profile: the value, and since when it is that (ms)."""
    c = computed_values.c
    statement = (
        select(audiences.c.key, c.value, c.since)
        .join(computed_values, c.trait == audiences.c.id)
        .where(c.profile == profile, audiences.c.state == LIVE)
        .order_by(audiences.c.key)
    )
    return {key: (json.loads(value), since) for key, value, since in tx.execute(statement)}


def changes_of(
    tx: Connection, kind: str, key: str, profile: int, at: int | None = None
) -> list[Change]:
    """All entries and exits of a profile in any version of an audience, the latest first."""
    c = member_changes.c
    own = select(audiences.c.id).where(audiences.c.kind == kind, audiences.c.key == key)
    statement = select(c.seq, c.profile, c.at, c.entered, c.cause, c.event, c.detail).where(
        c.profile == profile, c.audience.in_(own)
    )
    if at is not None:
        statement = statement.where(c.at <= at)
    return with_reasons(tx, tx.execute(statement.order_by(c.seq.desc())))


def with_reasons(tx: Connection, rows: Iterable[Iterable[Any]]) -> list[Change]:
    """Rows with the fields of `Change`, with their reasons in full."""
    found = [Change(*row) for row in rows]
    told = told_in_full(tx, (change.detail for change in found))
    return [change._replace(detail=told[change.detail]) for change in found]


def ever(tx: Connection, profile: int, at: int | None = None) -> dict[str, tuple[bool, int]]:
    """Every audience that a profile was ever in: whether it is (or was then), and since when.

    Only of audiences that are there now, or were then. Where profiles became one, their
    stories are one: somebody is in as often as they entered more than they left.
    """
    c, a = member_changes.c, audiences.c
    there = a.state == LIVE
    if at is not None:
        there = and_(a.live_at <= at, or_(a.ended_at.is_(None), a.ended_at > at))
    statement = (
        select(a.key, c.entered, c.at)
        .join(member_changes, c.audience == a.id)
        .where(c.profile == profile, a.key.in_(select(a.key).where(a.kind == "audience", there)))
        .order_by(c.seq)
    )
    if at is not None:
        statement = statement.where(c.at <= at)
    times: dict[str, int] = {}
    balance: dict[str, int] = {}
    for key, entered, since in tx.execute(statement):
        before = balance.get(key, 0)
        balance[key] = max(before + (1 if entered else -1), 0)
        if (before > 0) is not (balance[key] > 0):
            times[key] = since
    if at is None:
        now = {key: since for key, since in of_person(tx, profile)}
        return {key: (key in now, now.get(key, times.get(key, 0))) for key in {*times, *now}}
    return {key: (balance[key] > 0, since) for key, since in times.items()}


def keys_of(tx: Connection, profile: int, at: int | None = None) -> set[str]:
    """The audiences that a profile is in, or was in at an instant."""
    return {key for key, (inside, _) in ever(tx, profile, at).items() if inside}
