"""Which account a person's conditions speak of: that which group calls named last.

The rules are those of `cdp.store.profiles.objects`, said of everybody at once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, func, select

from cdp.store.tables import ACCOUNTS, homes, memberships, nodes

#: Before any time.
_NEVER = -(2**62)


def latest_accounts(among: Any = None) -> CTE:
    """A row for each person who has one: ``profile``, ``account`` and ``last_t``, the time of
    the latest group call about both. ``among``: of those in its column ``value`` alone."""
    m, theirs = memberships.c, nodes.alias("theirs")
    mine: Any = homes if among is None else nodes.alias("mine")
    some = [] if among is None else [mine.c.profile.in_(select(among.c.value))]
    named = (
        select(
            mine.c.profile,
            theirs.c.profile.label("account"),
            func.max(m.last_t).label("last_t"),
            func.max(m.ended_t).label("ended_t"),
        )
        .select_from(memberships)
        .join(mine, mine.c.id == m.user_node)
        .join(theirs, theirs.c.id == m.account_node)
        .where(theirs.c.collection == ACCOUNTS, theirs.c.profile != 0, mine.c.profile != 0, *some)
        .group_by(mine.c.profile, theirs.c.profile)
        .subquery()
    )
    gone = deletions()
    there = (
        select(named.c.profile, named.c.account, named.c.last_t)
        .select_from(named.outerjoin(gone, gone.c.account == named.c.account))
        .where(
            named.c.last_t > func.coalesce(named.c.ended_t, _NEVER),
            named.c.last_t > func.coalesce(gone.c.at, _NEVER),
        )
        .subquery()
    )
    order = (there.c.last_t.desc(), there.c.account)
    place = func.row_number().over(partition_by=there.c.profile, order_by=order)
    ranked = select(there, place.label("place")).subquery()
    columns = (ranked.c.profile, ranked.c.account, ranked.c.last_t)
    return select(*columns).where(ranked.c.place == 1).cte()


def deletions() -> Any:
    """The accounts that have been deleted, some of them made anew: ``account``, and ``at``."""
    m, own = memberships.c, nodes.alias("own")
    return (
        select(own.c.profile.label("account"), func.max(m.ended_t).label("at"))
        .select_from(memberships)
        .join(own, own.c.id == m.account_node)
        .where(m.user_node == 0, m.ended_t.is_not(None))
        .group_by(own.c.profile)
        .subquery()
    )
