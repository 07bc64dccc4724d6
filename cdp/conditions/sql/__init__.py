"""Conditions as SQL: expressions over `cdp.store.tables`, which others run.

What SQL decides exactly it decides. Of all else it says who surely meets a condition and
who could; whoever asks decides on the rest by the plain evaluator. So a condition always
has a select, and none of its answers is wrong.

    people          a condition → two sets of profile ids
    state           … by their traits, identifiers, and the traits of the account
    accounts        which account is whose
    ever            who could meet one later, by time alone
    gather          what is put together beside the database, and how it is asked for
    chained         what follows what, by that
    gathered        events put together by person in memory, all else in SQL
    mixed           events asked of a database of their own, all else of the store
    sides           sets of people, and what and, or, not make of them
    aggregates      figures over the events of each person
    events          the events that are meant, as rows of kept values
    reading         a condition with something in it that only SQL will know
    calls, compare  functions and comparisons of it
    values          what is known of a value: a constant, a typed column, nothing
    tests           what surely holds of a row, and what could
"""

from cdp.conditions.sql.known import Kept, KeptTrait, Known, Part, Past
from cdp.conditions.sql.people import People
from cdp.conditions.sql.sides import EVERYONE, NOBODY, Found, Side

__all__ = [
    "EVERYONE",
    "NOBODY",
    "Found",
    "Kept",
    "KeptTrait",
    "Known",
    "Part",
    "Past",
    "People",
    "Side",
]
