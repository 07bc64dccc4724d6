"""Comparisons of values of which one, at the most, only SQL knows."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import and_, case, exists, func, or_, select

from cdp.conditions.sql.tests import NO, UNKNOWN, Test, constant, either, known, negate
from cdp.conditions.sql.values import (
    EXACT,
    SCALE,
    Abstract,
    Const,
    Distinct,
    Expr,
    Fixed,
    Json,
    Moment,
    Number,
    Sql,
    Text,
    Truth,
    Unknown,
)
from cdp.conditions.values import NUMBERS, Time, contained, exact, ordered, same, to_time
from cdp.events.times import MAX_MS, MIN_MS
from cdp.store.tables import MAX_TEXT, list_values

_encode = msgspec.json.Encoder().encode


def truth(value: Abstract) -> Test:
    """Whether a value is true, as a condition has to be."""
    if isinstance(value, Const):
        return constant(value.value is True)
    if isinstance(value, Truth):
        return value.test
    return UNKNOWN if isinstance(value, Unknown) else NO


def compare(op: str, a: Abstract, b: Abstract, sql: Sql) -> Test:
    """``=``, ``!=`` or an order of two values."""
    if isinstance(a, Const) and isinstance(b, Const):
        if op in ("=", "!="):
            return constant(same(a.value, b.value) is (op == "="))
        return constant(ordered(op, a.value, b.value))
    if isinstance(a, Const):
        a, b, op = b, a, _FLIPPED[op]
    if not isinstance(b, Const):
        return UNKNOWN
    if op == "!=":
        return negate(compare("=", a, b, sql))
    return against(op, a, b.value, sql)


def fits(text: str) -> bool:
    """Whether a text can be in a database: half of a surrogate pair or a NUL is in none."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


_FLIPPED = {"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def against(op: str, a: Abstract, value: Any, sql: Sql) -> Test:
    """All but ``!=``, of what is no constant and a constant."""
    kind = type(value)
    if isinstance(a, Unknown | Distinct):
        return UNKNOWN
    if isinstance(a, Moment):
        time = to_time(value)
        return NO if time is None else known(_ordered(op, a.ms, time.ms))
    if kind is Time:
        return _as_time(op, a, value.ms, sql)
    if isinstance(a, Truth):
        if op != "=" or kind is not bool:
            return NO
        return a.test if value else negate(a.test)
    if isinstance(a, Text):
        if op != "=" or kind is not str or not fits(value):
            return NO
        return if_ascii(a, known(a.text == value), sql)
    if isinstance(a, Json):
        return _json(op, a, value)
    if kind not in NUMBERS or not math.isfinite(value):
        return UNKNOWN if kind in NUMBERS else NO
    if isinstance(a, Fixed):
        return _fixed(op, a, value)
    return _number(op, a, value) if isinstance(a, Number) else UNKNOWN


def _ordered(op: str, a: Any, b: Any) -> Any:
    if op == "=":
        return a == b
    if op == "<":
        return a < b
    if op == "<=":
        return a <= b
    return a > b if op == ">" else a >= b


def _number(op: str, a: Number, value: Any) -> Test:
    near = float(value)
    if abs(value) >= EXACT or (a.kind == "decimal" and op == "="):
        # A double may stand for several numbers here: those near by are left open.
        margin = abs(near) * 1e-14
        if op == "=":
            return Test(NO.sure, and_(a.lo <= near + margin, a.hi >= near - margin))
        low, high = near - margin, near + margin
        if op in ("<", "<="):
            return Test(a.hi < low, a.lo <= high)
        return Test(a.lo > high, a.hi >= low)
    if a.lo is a.hi:
        return known(_ordered(op, a.lo, value if a.kind == "int" else near))
    if a.kind == "decimal":
        margin = abs(near) * 1e-15
        if op in ("<", "<="):
            return Test(a.hi < near - margin, a.lo <= near + margin)
        return Test(a.lo > near + margin, a.hi >= near - margin)
    if op == "=":
        return Test(and_(a.lo == value, a.hi == value), and_(a.lo <= value, a.hi >= value))
    if op in ("<", "<="):
        return Test(_ordered(op, a.hi, value), _ordered(op, a.lo, value))
    return Test(_ordered(op, a.lo, value), _ordered(op, a.hi, value))


def _fixed(op: str, a: Fixed, value: Any) -> Test:
    """Whole numbers only, so that nothing is rounded."""
    scaled = Decimal(exact(value)) * SCALE
    if abs(scaled) > EXACT:
        return UNKNOWN
    whole = scaled.to_integral_value()
    if a.n is not None:
        if abs(scaled) > 10**12:
            return UNKNOWN
        return known(_ordered(op, a.k, a.n * int(whole))) if scaled == whole else UNKNOWN
    if scaled == whole:
        return known(_ordered(op, a.k, int(whole)))
    if op == "=":
        return NO
    return known(a.k <= math.floor(scaled) if op in ("<", "<=") else a.k >= math.ceil(scaled))


def _as_time(op: str, a: Abstract, ms: int, sql: Sql) -> Test:
    if isinstance(a, Truth | Json | Fixed):
        return NO
    if isinstance(a, Number | Text) and a.ms is not None:
        return known(and_(a.ms.is_not(None), _ordered(op, a.ms, ms)))
    if isinstance(a, Number) and a.kind == "json":
        return _number_as_time(op, a.lo, ms, sql)
    return NO if isinstance(a, Number) and a.kind == "decimal" else UNKNOWN


def _number_as_time(op: str, number: Expr, ms: int, sql: Sql) -> Test:
    """As `cdp.events.parse_time` reads a number."""
    small = func.abs(number) < 1e11
    read = case((small, sql.cut(number * 1000.0)), else_=sql.cut(number))
    there = and_(func.abs(number) <= MAX_MS, number >= MIN_MS, read >= MIN_MS, read <= MAX_MS)
    return known(and_(there, _ordered(op, read, ms)))


def if_ascii(a: Text, test: Test, sql: Sql) -> Test:
    """A test that is right of ASCII alone, if so it is."""
    if not a.ascii:
        return test
    ascii_ = sql.is_ascii(a.source)
    return Test(and_(ascii_, test.sure), or_(~ascii_, test.could))


def _json(op: str, a: Json, value: Any) -> Test:
    first = func.substr(a.json, 1, 1)
    if op == "=":
        if type(value) is str:
            return NO if len(value) <= MAX_TEXT else UNKNOWN
        scalar = value is None or type(value) is bool or type(value) in NUMBERS
        return NO if scalar else UNKNOWN
    if type(value) not in NUMBERS:
        return NO
    return Test(NO.sure, first.not_in(("[", "{", '"')))


def within(item: Abstract, values: list[Abstract], sql: Sql) -> Test:
    """Whether a value is one of some."""
    rest = [value for value in values if not isinstance(value, Const)]
    constants = [value.value for value in values if isinstance(value, Const)]
    tests = []
    if isinstance(item, Text):
        texts = [value for value in constants if type(value) is str and fits(value)]
        if texts:
            tests.append(if_ascii(item, known(item.text.in_(texts)), sql))
        constants = [value for value in constants if type(value) is Time]
    elif isinstance(item, Number) and item.lo is item.hi and item.kind != "decimal":
        near = [value for value in constants if type(value) in NUMBERS and abs(value) < EXACT]
        if near:
            tests.append(known(item.lo.in_(near if item.kind == "int" else map(float, near))))
        constants = [
            value
            for value in constants
            if type(value) is Time or (type(value) in NUMBERS and not abs(value) < EXACT)
        ]
    others = [*rest, *(Const(value) for value in constants)]
    tests += [compare("=", item, value, sql) for value in others]
    return either(tests)


def listed(item: Abstract, values: Abstract, sql: Sql) -> Test:
    """Whether a value is in a list that is found at a path."""
    if isinstance(values, Const):
        if isinstance(item, Const):
            return constant(contained(item.value, values.value))
        inside = values.value if type(values.value) is list else []
        return within(item, [Const(value) for value in inside], sql)
    if isinstance(values, Unknown | Distinct):
        return UNKNOWN
    if not isinstance(values, Json):
        return NO
    is_list = func.substr(values.json, 1, 1) == "["
    if isinstance(item, Const) and type(item.value) is str and fits(item.value):
        written = sql.position(values.json, _encode(item.value).decode()) > 0
        return Test(NO.sure, and_(is_list, written))
    return Test(NO.sure, is_list)


def in_uploaded(item: Abstract, name: str, sql: Sql) -> Test:
    """Whether a text is in an uploaded list. No text that is kept as JSON is short enough."""
    number = sql.uploaded.get(name)
    if number is None:
        return NO
    c = list_values.c
    if isinstance(item, Text):
        there = item.text.in_(select(c.value).where(c.list == number))
        return if_ascii(item, known(there), sql)
    if isinstance(item, Const) and type(item.value) is str:
        some = exists(select(c.value).where(c.list == number, c.value == item.value))
        return known(some) if fits(item.value) else NO
    return UNKNOWN if isinstance(item, Unknown) else NO
