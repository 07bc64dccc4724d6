"""What share of people has the traits that a template asks for."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from cdp.profiles.traits import TraitMap
from cdp.store import graph, membership
from cdp.store import members as member_rows
from cdp.store.bulk import blob, chunks
from cdp.store.counting import interval
from cdp.store.tables import USERS, audiences, members, profiles

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


def coverage(tx: Connection, paths: Collection[Keys], audience: str | None = None) -> Coverage:
    """What share of people, or of an audience's members, has a value at each path of traits.

    ``id``, ``email`` and ``phone`` are also had by those who have such an identifier.
    """
    ids, of = _drawn(tx, audience)
    counts = dict.fromkeys(paths, 0)
    for some in chunks(ids, _AT_ONCE):
        for traits in known_of(tx, list(some)).values():
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


def _drawn(tx: Connection, audience: str | None) -> tuple[list[int], int]:
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
    if of > MOST:
        chosen = chosen.order_by((column * _SPREAD) % _RANGE).limit(MOST)
    return [row[0] for row in tx.execute(chosen)], of


#: Identifiers that are had as well as traits.
_NAMED = {"user_id": "id", "email": "email", "phone": "phone"}


def known_of(tx: Connection, ids: list[int]) -> dict[int, dict[str, Any]]:
    """What is known of some people: identifiers, computed traits, and over them their traits."""
    found: dict[int, dict[str, Any]] = {id_: {} for id_ in ids}
    for row in graph.identifiers_of_profiles(tx, ids):
        if row.type in _NAMED and row.profile in found:
            found[row.profile][_NAMED[row.type]] = row.value
    keys = {row.id: row.key for row in tx.execute(select(audiences.c.id, audiences.c.key))}
    for profile, trait, value in member_rows.values_of(tx, ids):
        found[profile][keys.get(trait, "")] = json.loads(value)
    for profile, kept in graph.profile_traits(tx, ids).items():
        found[profile] |= TraitMap.decode(blob(kept)).values()
    return found


def _has(value: Any, path: Keys) -> bool:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value is not None
