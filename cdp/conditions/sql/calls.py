"""What functions make of values that only SQL knows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, func

from cdp.conditions import glob
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.sql.compare import against, fits, if_ascii
from cdp.conditions.sql.tests import NO, YES, Test, known, negate
from cdp.conditions.sql.values import (
    Abstract,
    Const,
    Distinct,
    Fixed,
    Number,
    Sql,
    Text,
    Truth,
    Unknown,
)
from cdp.conditions.values import same


def call(name: str, args: list[Abstract], sql: Sql) -> Abstract:
    """What a function makes of its arguments."""
    constants = [arg.value for arg in args if isinstance(arg, Const)]
    if len(constants) == len(args):
        return Const(FUNCTIONS[name].apply(*constants))
    if FUNCTIONS[name].plugin:
        return Unknown()
    first = args[0]
    if isinstance(first, Unknown) or not all(isinstance(arg, Const) for arg in args[1:]):
        return Unknown()
    if isinstance(first, Const):
        return Unknown()
    rest = [arg.value for arg in args[1:] if isinstance(arg, Const)]
    if isinstance(first, Text):
        return _of_text(name, first, rest, sql)
    if isinstance(first, Number | Fixed):
        return _of_number(name, first, rest)
    if isinstance(first, Truth):
        yes, no = (FUNCTIONS[name].apply(value, *rest) for value in (True, False))
        return _chosen(first.test, yes, no)
    if isinstance(first, Distinct) and name == "length":
        return Number(first.n, first.n, "int")
    return Unknown()


def _chosen(test: Test, yes: Any, no: Any) -> Abstract:
    if type(yes) is type(no) and same(yes, no):
        return Const(yes)
    if type(yes) is bool and type(no) is bool:
        return Truth(test if yes else negate(test))
    return Unknown()


def _of_number(name: str, a: Number | Fixed, rest: list[Any]) -> Abstract:
    if name == "number":
        return a
    if name == "bool":
        zero = against("=", a, 0, Sql(""))
        return Truth(negate(zero))
    if name in ("string", "ratio"):
        return Unknown()
    return Const(FUNCTIONS[name].apply(0.5, *rest))  # the same of each number


def _of_text(name: str, a: Text, rest: list[Any], sql: Sql) -> Abstract:
    if name == "string":
        return a
    if name == "typeof":
        return Const("string")
    if name in ("lowercase", "uppercase"):
        change = func.lower if name == "lowercase" else func.upper
        text = a.text.collate("C") if sql.dialect == "postgresql" else a.text
        return Text(change(text), a.source, True)
    if name == "length":
        size = sql.size(a.text)
        return Unknown() if a.ascii else Number(size, size, "int")
    if name in ("contains", "starts_with", "ends_with"):
        return Truth(_part(name, a, rest[0], sql))
    if name == "match":
        return Truth(_pattern(a, rest[0], sql))
    if rest and any(type(value) is not str for value in rest):
        return Const(FUNCTIONS[name].apply("x", *rest))
    return Unknown()


def _part(name: str, a: Text, part: Any, sql: Sql) -> Test:
    if type(part) is not str or not fits(part):
        return NO
    if not part:
        return YES
    n = len(part)
    if name == "contains":
        test = sql.position(a.text, part) > 0
    elif name == "starts_with":
        test = func.substr(a.text, 1, n) == part
    else:
        # Counted from the front: Postgres has no positions from the end.
        test = and_(
            func.length(a.text) >= n, func.substr(a.text, func.length(a.text) - n + 1, n) == part
        )
    return if_ascii(a, known(test), sql)


_SIGNS = frozenset("*?[]\\")


def _pattern(a: Text, pattern: Any, sql: Sql) -> Test:
    """Patterns whose only signs are a ``*`` at an end; of others what they begin with."""
    if type(pattern) is not str or not fits(pattern):
        return NO
    try:
        glob.check(pattern)
    except glob.BadPattern:
        return NO
    middle = pattern.strip("*")
    if not _SIGNS & set(middle):
        front, back = pattern.startswith("*"), pattern.endswith("*") and len(pattern) > 0
        if middle == "":
            return YES if pattern else if_ascii(a, known(a.text == ""), sql)
        if front and back:
            return _part("contains", a, middle, sql)
        if front or back:
            return _part("ends_with" if front else "starts_with", a, middle, sql)
        return if_ascii(a, known(a.text == middle), sql)
    start = ""
    for character in pattern:
        if character in _SIGNS:
            break
        start += character
    return Test(NO.sure, _part("starts_with", a, start, sql).could)
