"""What is known of a value when SQL will see it: a constant, a column of one type, nothing.

The rules are those of `cdp.conditions.values`, said of expressions instead of values;
what is constant is given to those very functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, cast, func
from sqlalchemy.types import BigInteger, LargeBinary

from cdp.conditions.sql.tests import Test

#: Below it each whole number is a double, and a double compares like what it stands for.
EXACT = 2**53
#: Sums of numbers with four decimals at the most are added up as whole numbers.
SCALE = 10_000
Expr = ColumnElement[Any]
_encode = msgspec.json.Encoder().encode


class Const(NamedTuple):
    """A value that is known now."""

    value: Any


class Number(NamedTuple):
    """A number between two expressions, which are one object where it is exact.

    ``json``: as a message had it; ``least``: one of many such; ``int``: a count;
    ``decimal``: added up. ``ms`` is what it means as a time (NULL: nothing), where that
    is kept.
    """

    lo: Expr
    hi: Expr
    kind: Literal["json", "least", "int", "decimal"]
    ms: Expr | None = None


class Fixed(NamedTuple):
    """A decimal: the whole number ``k`` / (`SCALE` * ``n``)."""

    k: Expr
    n: Expr | None = None


class Text(NamedTuple):
    """A text; ``ascii`` says whether the expression is right of each row or only of ASCII."""

    text: Expr
    source: Expr
    ascii: bool = False
    ms: Expr | None = None


class Moment(NamedTuple):
    """A time."""

    ms: Expr


class Json(NamedTuple):
    """A list, an object, a text beyond `MAX_TEXT` or a whole number beyond a double."""

    json: Expr


class Distinct(NamedTuple):
    """A list of so many different values."""

    n: Expr


class Truth(NamedTuple):
    """True or false."""

    test: Test


class Unknown(NamedTuple):
    """Nothing is known."""


Abstract: TypeAlias = (
    Const | Number | Fixed | Text | Moment | Json | Distinct | Truth | Unknown
)  # fmt: skip


class Sql(NamedTuple):
    """How a database says what SQL has no common words for, and where its lists are."""

    dialect: str
    uploaded: Mapping[str, int] = {}

    def position(self, text: Expr, part: str) -> Expr:
        """Where a text has another, from 1; 0 for nowhere."""
        find = func.instr if self.dialect == "sqlite" else func.strpos
        return find(text, part)

    def size(self, text: Expr) -> Expr:
        """The bytes of a text in UTF-8."""
        if self.dialect == "sqlite":
            return func.length(cast(text, LargeBinary))
        return func.strlen(text) if self.dialect == "duckdb" else func.octet_length(text)

    def cut(self, number: Expr) -> Expr:
        """A number without its fraction."""
        if self.dialect == "sqlite":
            return cast(number, BigInteger)
        return func.trunc(number)

    def is_ascii(self, text: Expr) -> Expr:
        """Whether a text has ASCII characters only."""
        return func.length(text) == self.size(text)
