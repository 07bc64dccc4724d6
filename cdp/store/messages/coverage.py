"""What share of people has the traits that a template asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from cdp.conditions.share import interval
from cdp.store.audiences import membership
from cdp.store.bulk import chunks
from cdp.store.messages import addressees
from cdp.store.tables import USERS, members, profiles

#: More are not looked at, but some of them.
MOST = 10_000
_AT_ONCE = 500
_SPREAD, _RANGE = 2_654_435_761, 2**32

Keys = tuple[str, ...]


class Share(NamedTuple):
    """How many of those who were looked at have a value, and between what the share of all
    lies with 95 %."""

    have: int
    share: float
    low: float
    high: float


class Coverage(NamedTuple):
    """Shares by path of traits, of ``of`` people; ``exact`` if all were looked at."""

    of: int
    looked_at: int
    exact: bool
    shares: dict[Keys, Share]


class NoSuchAudience(LookupError):
    """There is no audience of that key whose members are worked out."""


def coverage(
    tx: Connection,
    paths: Collection[Keys],
    audience: str | None = None,
    most: int | None = None,
) -> Coverage:
    """What share of people, or of an audience's members, has a value at each path of traits.

    Of more than ``most`` (`MOST`) as many are looked at.
    ``id``, ``email`` and ``phone`` are also had by those who have such an identifier.
    """
    ids, of = _drawn(tx, audience, MOST if most is None else most)
    counts = dict.fromkeys(paths, 0)
    for some in chunks(ids, _AT_ONCE):
        for traits in _known(tx, list(some)):
            for path in paths:
                counts[path] += _has(traits, path)
    exact, looked = len(ids) >= of, len(ids)
    return Coverage(
        of, looked, exact, {path: _share(n, looked, exact) for path, n in counts.items()}
    )


def _share(have: int, looked: int, exact: bool) -> Share:
    if not looked:
        return Share(0, 0.0, 0.0, 0.0 if exact else 1.0)
    share, low, high = interval(have, looked)
    return Share(have, share, share if exact else low, share if exact else high)


def _drawn(tx: Connection, audience: str | None, most: int) -> tuple[list[int], int]:
    """Who is looked at, and of how many they are."""
    if audience is None:
        column, where = profiles.c.id, profiles.c.collection == USERS
    else:
        row = membership.row_at(tx, "audience", audience, None)
        if row is None:
            raise NoSuchAudience(f"there is no audience {audience} that has members (yet)")
        column, where = members.c.profile, members.c.audience == row.id
    of = int(tx.execute(select(func.count()).select_from(column.table).where(where)).scalar() or 0)
    chosen: Select[Any] = select(column).where(where)
    if of > most:
        chosen = chosen.order_by((column * _SPREAD) % _RANGE).limit(most)
    return [row[0] for row in tx.execute(chosen)], of


def _known(tx: Connection, ids: list[int]) -> Iterator[dict[str, Any]]:
    """What templates know of some people."""
    for person in addressees.of_profiles(tx, ids).values():
        named = {name: person.names.get(name) for name in ("email", "phone")}
        yield {"id": person.profile, **named, **person.traits}


def _has(value: Any, path: Keys) -> bool:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value is not None
