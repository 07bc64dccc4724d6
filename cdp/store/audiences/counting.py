"""How many people meet a condition, before anybody saves it.

SQL counts those whom it can decide on. The others are looked at one by one, with the
plain evaluator; if they are too many, or something that is asked for is not kept yet,
some of them are, and the answer is an estimate that says so.
"""

from __future__ import annotations

import math
import time
from typing import Any, NamedTuple

from sqlalchemy import Connection

from cdp.conditions.person import Evaluator
from cdp.conditions.share import interval
from cdp.store.audiences import matching, persons
from cdp.store.audiences.lists import ListsAt
from cdp.store.audiences.quickest import Quickest
from cdp.store.bulk import chunks
from cdp.store.tables import USERS

#: People who are decided on one by one, and for how long (s).
MOST, SECONDS = 20_000, 0.6
_AT_ONCE = 500
#: The same for a first answer, of people drawn from everybody.
AT_FIRST, AT_FIRST_SECONDS, _FIRST = 2_000, 0.25, 250


class Preview(NamedTuple):
    """How many (``people``) of ``of`` people meet a condition.

    Where ``exact`` is false ``people`` is an estimate, and with 95 % it lies from ``low``
    to ``high``. ``looked_at`` were decided one by one. ``missing`` are the values that are
    not kept (yet): (event, path), or None and a path of a trait. ``some`` are the ids of a
    few who surely meet it.
    """

    people: int
    low: int
    high: int
    of: int
    exact: bool
    looked_at: int
    missing: frozenset[tuple[str | None, tuple[str, ...]]]
    some: tuple[int, ...]


def count_people(
    tx: Connection,
    condition: Any,
    now: int,
    collection: int = USERS,
    *,
    most: int = MOST,
    seconds: float = SECONDS,
    show: int = 0,
    who: Quickest | None = None,
) -> Preview:
    """Count the profiles of a collection that meet an expanded condition at ``now`` (ms).

    At most ``most`` people are looked at one by one, for about ``seconds``. ``show`` is
    how many ids are wanted of those who meet it; ``who`` they are may have been found out.
    """
    began = time.monotonic()
    total = matching.count_all(tx, collection)

    def look(made: matching.Matches) -> tuple[matching.Matches, matching.Look]:
        return made, matching.look(tx, made, total, show, most)

    who = who or Quickest(tx, condition, now, collection)
    made, seen = who.ask(look)
    sure, left, shown = seen.sure, seen.left, seen.shown
    if not left:
        return Preview(sure, sure, sure, total, True, 0, made.missing, tuple(shown))
    wants = persons.asked(condition)
    looked, yes = 0, []
    for ids in chunks(seen.drawn, _AT_ONCE):
        if looked and time.monotonic() - began > seconds:
            break
        yes += decide(tx, condition, list(ids), wants, now, collection)
        looked += len(ids)
    shown = (shown + yes)[:show]
    if looked >= left:
        n = sure + len(yes)
        return Preview(n, n, n, total, True, looked, made.missing, tuple(shown))
    share, low, high = interval(len(yes), looked)
    return Preview(
        sure + round(share * left),
        sure + max(len(yes), math.floor(low * left)),
        sure + min(left - looked + len(yes), math.ceil(high * left)),
        total,
        False,
        looked,
        made.missing,
        tuple(shown),
    )


def estimate(
    tx: Connection, condition: Any, now: int, collection: int = USERS, *, show: int = 0
) -> Preview:
    """The same of a few people alone, drawn from everybody: a first answer, at once."""
    began = time.monotonic()
    total = matching.count_all(tx, collection)
    wants = persons.asked(condition)
    looked, yes = 0, []
    for ids in chunks(matching.some_of_all(tx, total, AT_FIRST, collection), _FIRST):
        if looked and time.monotonic() - began > AT_FIRST_SECONDS:
            break
        yes += decide(tx, condition, list(ids), wants, now, collection)
        looked += len(ids)
    share, low, high = interval(len(yes), looked) if looked else (0.0, 0.0, 0.0)
    exact = looked >= total
    n = len(yes)
    return Preview(
        n if exact else round(share * total),
        n if exact else max(n, math.floor(low * total)),
        n if exact else min(total - looked + n, math.ceil(high * total)),
        total,
        exact,
        looked,
        frozenset(),
        tuple(yes[:show]),
    )


def decide(
    tx: Connection,
    condition: Any,
    ids: list[int],
    wants: persons.Asked,
    now: int,
    collection: int = USERS,
) -> list[int]:
    """Those of some profiles that meet a condition, by the plain evaluator."""
    people, lists = persons.load(tx, ids, wants, collection, now), ListsAt(tx)
    return [id_ for id_ in ids if Evaluator(people[id_], now, None, lists).holds(condition)]
