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
MOST, SECONDS = 20_000, 0.5
_AT_ONCE = 500
#: The same for a first answer, of people drawn from everybody.
AT_FIRST, AT_FIRST_SECONDS, _FIRST = 2_000, 0.25, 250


#: What is not kept (yet): an event and a path, or None and a path of a trait.
Missing = frozenset[tuple[str | None, tuple[str, ...]]]


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
    missing: Missing
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
    asked = (tx, condition, now, collection)
    yes, looked = _look_at(*asked, seen.drawn, _AT_ONCE, began + seconds, who.past)
    shown = (seen.shown + yes)[:show]
    return _told(seen.sure, len(yes), looked, seen.left, total, made.missing, shown)


def estimate(
    tx: Connection, condition: Any, now: int, collection: int = USERS, *, show: int = 0
) -> Preview:
    """The same of a few people alone, drawn from everybody: a first answer, at once."""
    began = time.monotonic()
    total = matching.count_all(tx, collection)
    drawn = matching.some_of_all(tx, total, AT_FIRST, collection)
    asked = (tx, condition, now, collection)
    yes, looked = _look_at(*asked, drawn, _FIRST, began + AT_FIRST_SECONDS)
    return _told(0, len(yes), looked, total, total, frozenset(), yes[:show])


def _look_at(
    tx: Connection,
    condition: Any,
    now: int,
    collection: int,
    drawn: list[int],
    at_once: int,
    until: float,
    past: bool = False,
) -> tuple[list[int], int]:
    """Who of those who were drawn meets a condition, and of how many that was found out:
    of ``at_once`` at the least, and of more until a time."""
    wants = persons.asked(condition)
    looked, yes = 0, []
    for ids in chunks(drawn, at_once):
        if looked and time.monotonic() > until:
            break
        yes += decide(tx, condition, list(ids), wants, now, collection, past)
        looked += len(ids)
    return yes, looked


def _told(
    sure: int, yes: int, looked: int, left: int, total: int, missing: Missing, some: list[int]
) -> Preview:
    """Of ``left`` people beside the ``sure`` ones ``looked`` were decided on, ``yes`` of them
    with yes: by these the others are judged."""
    if looked >= left:
        n = sure + yes
        return Preview(n, n, n, total, True, looked, missing, tuple(some))
    share, low, high = interval(yes, looked) if looked else (0.0, 0.0, 1.0)
    return Preview(
        sure + round(share * left),
        sure + max(yes, math.floor(low * left)),
        sure + min(left - looked + yes, math.ceil(high * left)),
        total,
        False,
        looked,
        missing,
        tuple(some),
    )


def decide(
    tx: Connection,
    condition: Any,
    ids: list[int],
    wants: persons.Asked,
    now: int,
    collection: int = USERS,
    past: bool = False,
) -> list[int]:
    """Those of some profiles that meet a condition, by the plain evaluator; ``past``: at an
    earlier time."""
    people, lists = persons.load(tx, ids, wants, collection, now, past), ListsAt(tx)
    return [id_ for id_ in ids if Evaluator(people[id_], now, None, lists).holds(condition)]
