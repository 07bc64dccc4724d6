"""Tests that SQL can make of one row: what surely holds, and what could."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, false, not_, or_, true
from sqlalchemy.sql.elements import False_, True_

Bool = ColumnElement[bool]
#: Terms in a row, of 1,000 that SQLite reads; what has more is left open.
MOST = 300


class Test(NamedTuple):
    """Two expressions, neither ever NULL: ``sure`` implies the condition, which implies ``could``.

    They are one object where SQL decides exactly.
    """

    sure: Bool
    could: Bool

    @property
    def exact(self) -> bool:
        """Whether nothing is left to decide."""
        return self.sure is self.could

    @property
    def constant(self) -> bool | None:
        """The answer, where it is the same for each row."""
        if self.exact and isinstance(self.sure, True_ | False_):
            return isinstance(self.sure, True_)
        return None


def known(expression: Any) -> Test:
    """A test that SQL decides."""
    return Test(expression, expression)


YES, NO = known(true()), known(false())
UNKNOWN = Test(false(), true())


def constant(value: bool) -> Test:
    """`YES` or `NO`."""
    return YES if value else NO


def negate(test: Test) -> Test:
    """Not."""
    if test.exact:
        return known(not_(test.sure))
    return Test(not_(test.could), not_(test.sure))


def both(tests: Iterable[Test]) -> Test:
    """All of them; of none `YES`."""
    items = list(tests)
    if len(items) > MOST:
        return UNKNOWN
    sure = all_hold(item.sure for item in items)
    if all(item.exact for item in items):
        return known(sure)
    return Test(sure, all_hold(item.could for item in items))


def either(tests: Iterable[Test]) -> Test:
    """Any of them; of none `NO`."""
    items = list(tests)
    if len(items) > MOST:
        return UNKNOWN
    sure = any_holds(item.sure for item in items)
    if all(item.exact for item in items):
        return known(sure)
    return Test(sure, any_holds(item.could for item in items))


def all_hold(expressions: Iterable[Bool]) -> Bool:
    """``and`` without what is constant; SQLAlchemy leaves some of it standing."""
    items = [item for item in expressions if not isinstance(item, True_)]
    for item in items:
        if isinstance(item, False_):
            return item
    return and_(*items) if items else true()


def any_holds(expressions: Iterable[Bool]) -> Bool:
    """``or`` without what is constant."""
    items = [item for item in expressions if not isinstance(item, False_)]
    for item in items:
        if isinstance(item, True_):
            return item
    return or_(*items) if items else false()


def split(branches: Iterable[tuple[Bool, Test]]) -> Test:
    """The test of whichever branch a row is in; exactly one guard holds of each row."""
    items = list(branches)
    constants = [test.constant for _, test in items]
    if None not in constants and len(set(constants)) == 1:
        return items[0][1]
    if constants.count(True) > constants.count(False):
        return negate(split((guard, negate(test)) for guard, test in items))
    return either(both((known(guard), test)) for guard, test in items)
