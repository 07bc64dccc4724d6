"""What is evaluated of audiences and computed traits, and how far that is."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from cdp.store.bulk import run_many
from cdp.store.meta import take_numbers
from cdp.store.tables import (
    audiences,
    computed_values,
    kept_properties,
    kept_traits,
    member_changes,
    members,
    profiles,
)

WAITING, COMPUTING, LIVE, GONE, FAILED = "waiting", "computing", "live", "gone", "failed"


class AudienceRow(NamedTuple):
    """A row of `cdp.store.tables.audiences`."""

    id: int
    kind: str
    key: str
    version: int
    fingerprint: str
    root: str | None
    collection: int
    state: str
    reached: int
    until: int
    size: int
    made_at: int
    live_at: int | None
    ended_at: int | None
    error: str | None


def rows(tx: Connection, *states: str) -> list[AudienceRow]:
    """The rows in some states, oldest first."""
    statement = select(audiences).where(audiences.c.state.in_(states)).order_by(audiences.c.id)
    return [AudienceRow(*row) for row in tx.execute(statement)]


def live_row(tx: Connection, kind: str, key: str) -> AudienceRow | None:
    """The row of a definition that holds now; None until its first computation is done."""
    statement = select(audiences).where(
        audiences.c.kind == kind, audiences.c.key == key, audiences.c.state == LIVE
    )
    row = tx.execute(statement).first()
    return AudienceRow(*row) if row is not None else None


def ids_of(tx: Connection, kind: str, key: str) -> list[int]:
    """The ids of all rows that a definition ever had, oldest first."""
    statement = select(audiences.c.id).where(audiences.c.kind == kind, audiences.c.key == key)
    return list(tx.execute(statement.order_by(audiences.c.id)).scalars())


def add(tx: Connection, row: AudienceRow) -> AudienceRow:
    """Add a row under a number of its own."""
    made = row._replace(id=take_numbers(tx, "audience", 1))
    tx.execute(insert(audiences).values(made._asdict()))
    return made


def change(tx: Connection, id_: int, **values: Any) -> None:
    """Change columns of a row."""
    tx.execute(update(audiences).where(audiences.c.id == id_).values(**values))


_grow = (
    update(audiences)
    .where(audiences.c.id == bindparam("id_"))
    .values(size=audiences.c.size + bindparam("more"))
)


def grow(tx: Connection, by: dict[int, int]) -> None:
    """Count members who came and went."""
    run_many(tx, _grow, [{"id_": id_, "more": more} for id_, more in by.items() if more])


def last_profile(tx: Connection) -> int:
    """The highest number of a profile."""
    return int(tx.execute(select(func.max(profiles.c.id))).scalar() or 0)


def profiles_between(tx: Connection, collection: int, low: int, high: int, limit: int) -> list[int]:
    """Profiles of a collection above ``low`` up to ``high``, the first ones."""
    c = profiles.c
    statement = select(c.id).where(c.id > low, c.id <= high, c.collection == collection)
    return list(tx.execute(statement.order_by(c.id).limit(limit)).scalars())


def replace(tx: Connection, old: int | None, new: int, now: int) -> tuple[int, int]:
    """Tell who is in ``new`` and wasn't in ``old``, and the other way round.

    Who stays keeps the time of entry. Returns how many entered and left.
    """
    was, is_ = members.alias("was"), members.alias("is")
    entered = select(is_.c.profile).where(is_.c.audience == new)
    left = select(was.c.profile).where(was.c.audience == old)
    if old is not None:
        entered = entered.where(
            ~select(was.c.profile).where(
                was.c.audience == old, was.c.profile == is_.c.profile
            ).exists()
        )  # fmt: skip
        left = left.where(
            ~select(is_.c.profile).where(
                is_.c.audience == new, is_.c.profile == was.c.profile
            ).exists()
        )  # fmt: skip
        since = (
            select(was.c.since)
            .where(was.c.audience == old, was.c.profile == members.c.profile)
            .scalar_subquery()
        )
        tx.execute(
            update(members).where(members.c.audience == new, since.is_not(None)).values(since=since)
        )
    came = _tell(tx, entered, new, True, now)
    return came, _tell(tx, left, new, False, now) if old is not None else 0


def all_left(tx: Connection, id_: int, now: int) -> None:
    """Tell that everybody has left an audience that goes."""
    _tell(tx, select(members.c.profile).where(members.c.audience == id_), id_, False, now)


def _tell(tx: Connection, who: Any, audience: int, entered: bool, now: int) -> int:
    listed = who.subquery()
    n = int(tx.execute(select(func.count()).select_from(listed)).scalar() or 0)
    if n:
        first = take_numbers(tx, "member_change", n)
        place = func.row_number().over(order_by=listed.c.profile)
        chosen = select(
            place + (first - 1), literal(audience), listed.c.profile, literal(now),
            literal(entered), literal("definition"), literal(False), literal("{}"),
        )  # fmt: skip
        names = ["seq", "audience", "profile", "at", "entered", "cause", "live", "detail"]
        tx.execute(insert(member_changes).from_select(names, chosen))
    return n


def work_waits(tx: Connection) -> bool:
    """Whether anything is to be computed, kept of older messages, or cleared away."""
    c = audiences.c
    waits = select(c.id).where(
        or_(
            and_(c.state.in_((WAITING, COMPUTING)), c.root.is_not(None)),
            and_(c.state == GONE, c.reached >= 0, ~c.fingerprint.startswith("list:")),
        )
    )
    k = kept_properties.c
    lacks = select(k.id).where(k.backfilled_to < k.backfill_until)
    t = kept_traits.c
    queries = (waits, lacks, select(t.id).where(t.reached < t.until))
    return any(tx.execute(query.limit(1)).first() is not None for query in queries)


def uncleared(tx: Connection) -> int | None:
    """A row that is gone and still has members, values or timers; ``reached`` -1 has none."""
    c = audiences.c
    kept = c.fingerprint.startswith("list:")  # by hand: it may come back
    statement = select(c.id).where(c.state == GONE, c.reached >= 0, ~kept)
    return tx.execute(statement.limit(1)).scalar()


def count_members(tx: Connection, id_: int) -> int:
    """How many are in an audience."""
    statement = select(func.count()).select_from(members).where(members.c.audience == id_)
    return int(tx.execute(statement).scalar() or 0)


def clear_some(tx: Connection, id_: int, limit: int) -> bool:
    """Take away up to ``limit`` members and values of a row that is gone; True if more.

    Its timers go when they are due.
    """
    more = False
    for table, column in (
        (members, members.c.audience),
        (computed_values, computed_values.c.trait),
    ):
        some = select(table.c.profile).where(column == id_).limit(limit)
        n = tx.execute(delete(table).where(column == id_, table.c.profile.in_(some))).rowcount
        more |= n >= limit
    return more
