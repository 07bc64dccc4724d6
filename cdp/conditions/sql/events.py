"""The events that a condition means, as rows for SQL: from the kept values alone."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Items
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    Subquery,
    and_,
    case,
    cast,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.sql.elements import False_, True_

from cdp.conditions.ast import (
    And,
    Between,
    EventRef,
    Followed,
    Not,
    Or,
    Sequence,
    Since,
    StartOf,
    Window,
    Within,
)
from cdp.conditions.forms.times import start_of
from cdp.conditions.person import Evaluator, Person
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.known import Kept, Known, Part
from cdp.conditions.sql.reading import Reading, holes, in_message
from cdp.conditions.sql.tests import Test, both, split
from cdp.conditions.sql.values import Const, Sql
from cdp.events.paths import Path
from cdp.store.tables import partition_tables

_FIRST = -(2**62)
#: Farther from UTC no clock has ever been.
_FARTHEST_MS = 26 * 3_600_000
#: Values of one event that are looked at; SQLite joins 64 tables.
_JOINED = 50
#: No more SELECTs are put into one UNION; SQLite refuses 500.
_MEMBERS = 400
#: And of a whole statement; SQLite reads a million characters.
_SELECTS = 2_000


class Bounds(NamedTuple):
    """Event times from ``start`` to ``end``, both included; surely so from ``sure`` on."""

    start: int
    end: int
    sure: int


def bounds(window: Window | None, now: int) -> Bounds:
    """Which times a window means; a start by the person's own clock is not sure."""
    if isinstance(window, Within):
        start = now - window.ms + 1
        return Bounds(start, now, start)
    if isinstance(window, Between):
        start = now - window.older + 1
        return Bounds(start, min(now, now - window.newer), start)
    if isinstance(window, Since):
        begin = window.start
        if isinstance(begin, StartOf) and begin.zone == "person":
            early, late = (
                start_of(begin.unit, None, now + way * _FARTHEST_MS) + way * _FARTHEST_MS
                for way in (-1, 1)
            )
            return Bounds(early, now, late)
        start = Evaluator(Person(), now).value(begin).ms
        return Bounds(start, now, start)
    return Bounds(_FIRST, now, _FIRST)


class Rows(NamedTuple):
    """Events that are meant: ``node``, and what else was asked to be carried along.

    ``sure`` (0 or 1) says which surely are; None where all are. ``pieces`` are the selects
    that ``table`` puts together.
    """

    table: Subquery
    sure: ColumnElement[Any] | None
    pieces: Items[Any] = ()


#: Columns by name, of a table of kept values.
Carry = Callable[[Any], dict[str, ColumnElement[Any]]]


def _nothing_else(kept: Any) -> dict[str, ColumnElement[Any]]:
    return {}


def when(kept: Any) -> dict[str, ColumnElement[Any]]:
    """What says which event is earlier: of one time the position decides."""
    return {"t": kept.t, "seq": kept.seq}


class NotKept(Exception):
    """A value that SQL would have to see is not kept (yet)."""

    def __init__(self, event: str, path: Path) -> None:
        super().__init__(event, path)
        self.event, self.path = event, path


class TooMuch(Exception):
    """A statement would become longer than databases read."""


class Events:
    """Finds events by what is kept of them."""

    def __init__(self, known: Known, now: int) -> None:
        self._known, self._now = known, now
        self._selects = 0
        self.sql = Sql(known.dialect, known.uploaded)

    def rows(
        self,
        ref: EventRef,
        window: Window | None,
        of: Path | None = None,
        carry: Carry = _nothing_else,
        since: int | None = None,
        until: int | None = None,
    ) -> Rows:
        """The events of ``ref`` in ``window``; with ``of`` only those that have a value there.

        ``carry`` makes columns of the kept row of that value (or of the event itself); the
        database works them out once a row, whatever is made of them afterwards. ``since``
        and ``until`` make the window narrower; `NotKept` if SQL can't see them all.
        """
        start, end, sure = bounds(window, self._now)
        start, end = max(start, since or start), min(end, until or end)
        seen = holes(ref.where, in_message) if ref.where is not None else {}
        paths = [hole for hole in seen if isinstance(hole, tuple) and hole[0] != "person"]
        paths = paths[:_JOINED]  # what is asked of the others is left open
        if ref.name == "":
            raise NotKept("", ())
        base = of if of is not None else self._base(ref, paths)
        needed = dict.fromkeys([base, *paths])
        kept = {path: self._kept(ref.name, path, start, end) for path in needed}
        clock: Test | None = None
        selects: list[Any] = []
        exact = True
        parts = self._known.parts_of(start, end)
        self._selects += len(parts) * len(needed)
        if self._selects > _SELECTS:
            raise TooMuch
        for part in parts:
            table = partition_tables(part.number).kept.alias("e")
            columns = {base: _columns(table)}
            source: Any = table
            for path in paths:
                if path not in columns:
                    other = partition_tables(part.number).kept.alias(f"w{len(columns)}")
                    on = and_(other.c.property == kept[path].id, other.c.seq == table.c.seq)
                    source = source.outerjoin(other, on)
                    columns[path] = _columns(other)
            tests = [self._where(ref.where, columns, seen)] if ref.where is not None else []
            if sure > start:
                clock = Test(table.c.t >= sure, table.c.t >= start)
                tests.append(clock)
            test = both(tests)
            exact = exact and test.exact
            fields: list[Any] = [table.c.node]
            fields += [column.label(name) for name, column in carry(table.c).items()]
            fields.append(_flag(test.sure).label("sure"))
            wanted = [table.c.property == kept[base].id, *self._in_time(table, part, start, end)]
            if not isinstance(test.could, True_):
                wanted.append(test.could)
            selects.append(select(*fields).select_from(source).where(*wanted))
        if exact:
            selects = [one.with_only_columns(*list(one.selected_columns)[:-1]) for one in selects]
        selects = selects or [_nothing(carry)]
        rows = self._together(selects)
        return Rows(rows, None if exact else rows.c.sure, selects)

    def in_turn(self, item: Followed | Sequence) -> list[Rows]:
        """The events of each step, with `when` they were. Nothing before a window can follow
        what is in it, and of what was not followed the time must be over."""
        if isinstance(item, Sequence):
            return [self.rows(step.event, item.window, carry=when) for step in item.steps]
        start = bounds(item.window, self._now).start
        until = self._now - item.ms if item.negated else None
        first = self.rows(item.after, item.window, carry=when, until=until)
        return [first, self.rows(item.event, None, carry=when, since=start)]

    def said(self, path: Path, window: Window | None, carry: Carry = _nothing_else) -> Rows:
        """The messages in a window that set a trait of a person, or took it away."""
        start, end, _ = bounds(window, self._now)
        kept = self._kept("", path, start, end)
        selects = []
        for part in self._known.parts_of(start, end):
            table = partition_tables(part.number).kept.alias("e")
            wanted = [table.c.property == kept.id, *self._in_time(table, part, start, end)]
            fields = [column.label(name) for name, column in carry(table.c).items()]
            selects.append(select(table.c.node, *fields).where(*wanted))
        selects = selects or [_nothing(carry)]
        return Rows(self._together(selects), None, selects)

    def _base(self, ref: EventRef, paths: list[Path]) -> Path:
        """What all of the events have: just one value, if without it none is meant."""
        if len(paths) == 1 and ref.where is not None:
            nothing = Reading(self._now, self.sql, {paths[0]: Const(None)}, in_message)
            if nothing.test(ref.where).constant is False:
                return paths[0]
        return ()

    def _kept(self, event: str, path: Path, start: int, end: int) -> Kept:
        found = self._known.properties.get((event, path))
        if found is None or not self._known.complete(found, start, end):
            raise NotKept(event, path)
        return found

    def _where(self, where: Any, columns: dict[Path, Columns], seen: Any) -> Test:
        """One path at a time: what compares two of them is left open."""
        return _Where(self._now, self.sql, columns).test(where)

    @staticmethod
    def _in_time(table: Any, part: Part, start: int, end: int) -> list[Any]:
        """Conditions on the time, but for those that the partition meets as a whole."""
        found = []
        if start > _FIRST and (part.min_t is None or part.min_t < start):
            found.append(table.c.t >= start)
        if part.max_t is None or part.max_t > end:
            found.append(table.c.t <= end)
        return found

    @staticmethod
    def _together(selects: list[Any]) -> Subquery:
        while len(selects) > 1:
            pieces = [selects[i : i + _MEMBERS] for i in range(0, len(selects), _MEMBERS)]
            if len(pieces) == 1:
                return union_all(*selects).subquery()
            selects = [
                select(union_all(*piece).subquery()) if len(piece) > 1 else piece[0]
                for piece in pieces
            ]
        found: Subquery = selects[0].subquery()
        return found


#: A row of kept values, where there is none.
_NOWHERE = (
    select(
        *(
            cast(literal_column("NULL"), column.type).label(column.name)
            for column in partition_tables(0).kept.c
        )
    )
    .subquery("e")
    .c
)


def _nothing(carry: Carry) -> Any:
    """No row, with the columns that rows would have."""
    nothing = [name.label(key) for key, name in carry(_NOWHERE).items()]
    return select(_NOWHERE.node, *nothing).where(literal_column("1 = 0"))


def _flag(test: Any) -> ColumnElement[Any]:
    if isinstance(test, True_ | False_):
        return literal_column("1" if isinstance(test, True_) else "0", Integer)
    return case((test, 1), else_=0)


def _columns(table: Any) -> Columns:
    return Columns(table.c.num, table.c.text, table.c.json)


class _Where(Reading):
    """Reads a ``where`` over the columns of its paths, a comparison at a time."""

    def __init__(self, now: int, sql: Sql, columns: dict[Path, Columns]) -> None:
        super().__init__(now, sql, {}, in_message)
        self._now, self._columns = now, columns

    def test(self, node: Any) -> Test:
        if isinstance(node, And | Or | Not):
            return super().test(node)
        found = list(holes(node, in_message))
        if len(found) != 1 or found[0] not in self._columns:
            return super().test(node)
        columns = self._columns[found[0]]
        return split(
            (guard, Reading(self._now, self._sql, {found[0]: value}, in_message).test(node))
            for guard, value in columns.branches()
        )
