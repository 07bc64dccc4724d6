"""A value in three typed columns, by the kinds that it may be of."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_

from cdp.conditions.sql.tests import Bool
from cdp.conditions.sql.values import Abstract, Const, Json, Number, Text

Expr = ColumnElement[Any]
_TRUTHS = ("true", "false")


class Columns(NamedTuple):
    """As `cdp.store.events.kept.value_row` writes them; ``ms`` is the value read as a time."""

    num: Expr
    text: Expr
    json: Expr
    ms: Expr | None = None

    @property
    def is_null(self) -> Bool:
        """Nothing is there: no row, or one that takes the value away."""
        return and_(self.num.is_(None), self.text.is_(None), self.json.is_(None))

    @property
    def is_number(self) -> Bool:
        return and_(self.num.is_not(None), self.text.not_in(_TRUTHS))

    @property
    def is_text(self) -> Bool:
        return and_(self.num.is_(None), self.text.is_not(None))

    def _is(self, truth: str) -> Bool:
        return and_(self.num.is_not(None), self.text == truth)

    def branches(self) -> list[tuple[Bool, Abstract]]:
        """What the value is; exactly one guard holds of each row."""
        return [
            (self.is_null, Const(None)),
            (self._is("true"), Const(True)),
            (self._is("false"), Const(False)),
            (self.is_number, Number(self.num, self.num, "json", self.ms)),
            (self.is_text, Text(self.text, self.text, ms=self.ms)),
            (self.json.is_not(None), Json(self.json)),
        ]
