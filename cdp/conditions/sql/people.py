"""A condition over a person → sets of profile ids: who surely meets it, and who could."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, exists, literal_column, not_, select
from sqlalchemy.sql.elements import False_, True_

from cdp.conditions.ast import (
    MEASURED,
    Aggregate,
    And,
    Call,
    Changed,
    Compare,
    EventRef,
    Followed,
    In,
    Not,
    Or,
    Performed,
    Sequence,
    StartOf,
    Value,
    Window,
)
from cdp.conditions.functions.devices import identifier_types
from cdp.conditions.person import Evaluator, Person
from cdp.conditions.sql.aggregates import Figures, figures, people_of
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.events import Events, NotKept, Rows, TooMuch, bounds
from cdp.conditions.sql.known import Known
from cdp.conditions.sql.reading import Hole, Reading, holes, in_person
from cdp.conditions.sql.sides import EVERYONE, NOBODY, Found, Sets, Side, complement, exactly
from cdp.conditions.sql.tests import Test, all_hold, split
from cdp.conditions.sql.values import Abstract, Const, Sql, Unknown
from cdp.store.tables import computed_values, identifiers, members, trait_values

#: Roughly how many people a part selects, to begin with the fewest.
RECENT, _MEMBERS, _EQUAL, EVER, _SOME = 1, 2, 3, 4, 5
_NOT_KNOWN = Found(NOBODY, EVERYONE)


class People:
    """Finds the people who meet conditions at ``now`` (ms), by what is ``known`` to SQL.

    ``shared``: what is found of events is listed once and used wherever it stands, as it
    does more than once where SQL can't decide on everybody.
    ``missing`` is what it had to do without: (event, path)s that are not kept (yet), and
    under the event None paths of traits.
    """

    def __init__(self, known: Known, now: int, shared: bool = False) -> None:
        self._known, self._now, self._shared = known, now, shared
        self._sql = Sql(known.dialect, known.uploaded)
        self.sets = Sets(known.dialect)
        self._events = Events(known, now)
        self.missing: set[tuple[str | None, tuple[str, ...]]] = set()

    def find(self, node: Any) -> Found:
        """Who meets a condition: of the expanded tree, without computed traits in it."""
        kind = type(node)
        if kind is Not:
            found = self.find(node.item)
            if found.exact:
                return exactly(complement(found.sure))
            return Found(complement(found.could), complement(found.sure))
        if kind is And or kind is Or:
            parts = [self.find(item) for item in node.items]
            join = self.sets.all_of if kind is And else self.sets.any_of
            sure = join(part.sure for part in parts)
            if all(part.exact for part in parts):
                return exactly(sure)
            return Found(sure, join(part.could for part in parts))
        return self._leaf(node)

    def left_open(self, found: Found) -> Side:
        """Who could meet it and does not surely."""
        if found.exact:
            return NOBODY
        return self.sets.all_of([found.could, complement(found.sure)])

    def _leaf(self, node: Any) -> Found:
        inside = holes(node, in_person)
        if not inside:
            return exactly(EVERYONE if self._of_nobody(node) else NOBODY)
        if len(inside) > 1:
            return self._anything(node, inside)
        try:
            ((hole, item),) = inside.items()
            found = self._one(node, hole, item)
        except NotKept as error:
            self.missing.add((error.event, error.path))
            return _NOT_KNOWN
        except TooMuch:
            return _NOT_KNOWN
        return found if found is not None else self._anything(node, inside)

    def _one(self, node: Any, hole: Hole, item: Any) -> Found | None:
        """A part that asks for one thing; None where SQL can't tell."""
        if isinstance(hole, tuple) and hole[0] == MEASURED:
            return None
        if isinstance(hole, tuple):
            return self._trait(node, hole) if hole[0] == "traits" else self._identifier(node, hole)
        if isinstance(item, StartOf):
            return None
        if not isinstance(item, Aggregate):
            return self._yes_or_no(node, hole, item)
        if item.fn == "unique" and type(node) is In and node.list is item:
            return self._has_value(node.item, item)
        made = self._figures(item)
        if made is None:
            return None
        test = split((guard, self._read(node, hole, value)) for guard, value in made.branches)
        weight = EVER if item.window is None else RECENT
        return self._sides(made.table.c.profile, test, self._of_nobody(node), weight)

    def _figures(self, item: Aggregate) -> Figures | None:
        return figures(item, self._events, self._known.collection)

    def _read(self, node: Any, hole: Hole, value: Abstract) -> Test:
        return Reading(self._now, self._sql, {hole: value}).test(node)

    def _of_nobody(self, node: Any) -> bool:
        """What holds of somebody of whom nothing is known."""
        return Evaluator(Person(), self._now, None, self._known.lists).holds(node)

    def _sides(self, profile: Any, test: Test, otherwise: bool, weight: int) -> Found:
        """Who passes the test; ``otherwise`` is the answer for those who have no row."""

        def side(condition: Any) -> Side:
            differs = not_(condition) if otherwise else condition
            if isinstance(differs, False_):
                return EVERYONE if otherwise else NOBODY
            some = [] if isinstance(differs, True_) else [differs]
            return Side(otherwise, select(profile).where(*some), weight=weight)

        sure = side(test.sure)
        return exactly(sure) if test.exact else Found(sure, side(test.could))

    # Traits and identifiers.

    def _trait(self, node: Any, hole: tuple[str, ...]) -> Found:
        trait = self._known.traits.get(hole[1:])
        if trait is None:
            self.missing.add((None, hole[1:]))
            return _NOT_KNOWN
        otherwise = self._of_nobody(node)

        def test(c: Any) -> Test:
            branches = Columns(c.num, c.text, c.json, c.ms).branches()
            if trait.latest > self._now:  # it may have been another one at that time
                known = c.t <= self._now
                branches = [(all_hold([known, guard]), value) for guard, value in branches]
                branches.append((not_(known), Unknown()))
            return split((guard, self._read(node, hole, value)) for guard, value in branches)

        def side(sure: bool) -> Side:
            def rows(c: Any) -> list[Any]:
                found = test(c)
                condition = found.sure if sure else found.could
                return [c.trait == trait.id, not_(condition) if otherwise else condition]

            equal = type(node) is Compare and node.op == "="
            return _looked_up(trait_values, rows, otherwise, _EQUAL if equal else _SOME)

        constant = test(trait_values.c).constant
        if constant is not None and constant is otherwise:
            return exactly(EVERYONE if otherwise else NOBODY)
        if test(trait_values.c).exact:
            return exactly(side(True))
        return Found(side(True), side(False))

    def _identifier(self, node: Any, hole: tuple[str, ...]) -> Found | None:
        """``"…" in person.identifiers.email``."""
        if type(node) is not In or type(node.item) is not Value or len(hole) != 2:
            return None
        if type(node.item.value) is not str:
            return exactly(NOBODY)
        c = identifiers.c
        ids = select(c.profile).where(
            c.value == node.item.value,
            c.type == hole[1],
            c.collection == self._known.collection,
            c.profile.is_not(None),
        )
        return exactly(Side(False, ids.distinct(), weight=0))

    # What is true or false of a person.

    def _yes_or_no(self, node: Any, hole: Hole, item: Any) -> Found | None:
        found = self._boolean(item)
        if node is item:
            return found
        yes, no = (self._read(node, hole, Const(value)).constant for value in (True, False))
        if yes is None or no is None:
            return None
        if yes is no:
            return exactly(EVERYONE if yes else NOBODY)
        if yes:
            return found
        if found.exact:
            return exactly(complement(found.sure))
        return Found(complement(found.could), complement(found.sure))

    def _boolean(self, item: Any) -> Found:
        kind = type(item)
        if kind is Performed:
            return self._performed(item.event, item.window)
        if kind is Followed:
            return self._followed(item)
        if kind is Sequence:
            steps = [self._performed(step.event, item.window).could for step in item.steps]
            return Found(NOBODY, self.sets.all_of(steps))
        if kind is Changed:
            return Found(NOBODY, self._changed(item))
        assert kind is Call, f"{kind} is neither true nor false"
        return self._state(item)

    def _state(self, item: Call) -> Found:
        key = item.args[0]
        if item.name == "has_device":
            return self._device(str(key.value) if type(key) is Value else "")
        name = str(key.value) if item.name == "audience" and type(key) is Value else ""
        if name in self._known.pasts:
            was = self._known.pasts[name].was_in(self._now)
            return exactly(Side(False, was, weight=_MEMBERS))
        number = self._known.audiences.get(name)
        if number is None:
            return exactly(NOBODY)

        def rows(c: Any) -> list[Any]:
            return [c.audience == number, c.since <= self._now]

        return exactly(_looked_up(members, rows, False, _MEMBERS))

    def _device(self, system: str) -> Found:
        c = identifiers.c
        ids = select(c.profile).where(
            c.type.in_(identifier_types(system)),
            c.collection == self._known.collection,
            c.profile.is_not(None),
        )
        return exactly(Side(False, ids.distinct(), weight=_MEMBERS))

    def _performed(
        self,
        event: EventRef,
        window: Window | None,
        since: int | None = None,
        until: int | None = None,
    ) -> Found:
        rows = self._events.rows(event, window, since=since, until=until)
        weight = EVER if window is None and since is None else RECENT
        could = self._who(rows, weight)
        if rows.sure is None:
            return exactly(could)
        return Found(self._who(rows, weight, sure=True), could)

    def _who(self, rows: Rows, weight: int, sure: bool = False) -> Side:
        """Whose events these are; ``sure``: of those that surely are meant."""
        ids = people_of(rows, self._known.collection, *([rows.sure == 1] if sure else []))
        if self._shared:
            ids = select(ids.cte().c.profile)
        return Side(False, ids, weight=weight)

    def _followed(self, item: Followed) -> Found:
        """Nothing before the window can follow what is in it."""
        since = bounds(item.window, self._now).start
        done = self._performed(item.event, None, since=since)
        if not item.negated:
            begun = self._performed(item.after, item.window)
            return Found(NOBODY, self.sets.all_of([begun.could, done.could]))
        begun = self._performed(item.after, item.window, until=self._now - item.ms)
        never = self.sets.all_of([begun.sure, complement(done.could)])
        return Found(never, begun.could)

    def _changed(self, item: Changed) -> Side:
        """Those of whom a message in the window set the trait."""
        parts = item.path.parts[1:] if item.path.parts[0] == "person" else item.path.parts
        if len(parts) < 2:
            return NOBODY
        rows = self._events.said(parts, item.window)
        return self._who(rows, RECENT)

    def _has_value(self, value: Any, item: Aggregate) -> Found | None:
        """Whether one of the values is ``value``, which is written out."""
        if type(value) is not Value or item.of is None:
            return None
        if value.value is None:
            return exactly(NOBODY)
        same = Or((Compare("=", item.of, value), In(value, item.of)))
        where = same if item.event.where is None else And((item.event.where, same))
        if item.of.parts[0] == "person":
            return None
        return self._performed(EventRef(item.event.name, where), item.window)

    # What SQL can't tell.

    def _anything(self, node: Any, inside: dict[Hole, Any]) -> Found:
        """All of whom anything is known that is asked for; of others the answer is one."""
        try:
            sides = [self.reach(hole, item) for hole, item in inside.items()]
        except NotKept as error:
            self.missing.add((error.event, error.path))
            return _NOT_KNOWN
        except TooMuch:
            return _NOT_KNOWN
        touched = self.sets.any_of(sides)
        if self._of_nobody(node):
            return Found(complement(touched), EVERYONE)
        return Found(NOBODY, touched)

    def reach(self, hole: Hole, item: Any) -> Side:
        """Those of whom anything is known that a hole asks for. Raises `NotKept`, `TooMuch`."""
        if isinstance(hole, tuple) and hole[0] == MEASURED:
            number = self._known.measured.get(hole[1])
            if number is None:
                return NOBODY
            return _looked_up(computed_values, lambda c: [c.trait == number], False, _SOME)
        if isinstance(hole, tuple) and hole[0] != "traits":
            return EVERYONE
        if isinstance(hole, tuple) or isinstance(item, StartOf):
            path = hole[1:] if isinstance(hole, tuple) else ("timezone",)
            trait = self._known.traits.get(path)
            if trait is None:
                self.missing.add((None, path))
                return EVERYONE
            kept = trait.id
            return _looked_up(trait_values, lambda c: [c.trait == kept], False, _SOME)
        if isinstance(item, Aggregate):
            of = item.of.parts if item.of is not None else None
            rows = self._events.rows(item.event, item.window, of)
            weight = EVER if item.window is None else RECENT
            return self._who(rows, weight)
        return self._boolean(item).could


def _looked_up(table: Any, rows: Callable[[Any], list[Any]], all_but: bool, weight: int) -> Side:
    """People with certain rows in a table where one of them is quickly looked up.

    Each select has a name of its own for the table, so that they can stand in each other.
    """

    def probe(id_: ColumnElement[Any]) -> ColumnElement[bool]:
        own = table.alias()
        return exists(select(literal_column("1")).where(own.c.profile == id_, *rows(own.c)))

    own = table.alias()
    return Side(all_but, select(own.c.profile).where(*rows(own.c)), probe, weight)
