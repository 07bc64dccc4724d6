"""A condition over a person → sets of profile ids: who surely meets it, and who could."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, literal, not_, select
from sqlalchemy.sql.elements import False_

from cdp.conditions.ast import (
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
from cdp.conditions.sql.aggregates import figures, people_of
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.events import Events, NotKept
from cdp.conditions.sql.known import Known
from cdp.conditions.sql.reading import Hole, Reading, holes, in_person
from cdp.conditions.sql.sides import EVERYONE, NOBODY, Found, Probe, Sets, Side, complement, exactly
from cdp.conditions.sql.tests import Test, split
from cdp.conditions.sql.values import Abstract, Const, Sql, Unknown
from cdp.store.tables import identifiers, members, trait_values

#: Roughly how many people a part selects, to begin with the fewest.
_RECENT, _MEMBERS, _EQUAL, _EVER, _SOME = 1, 2, 3, 4, 5
_NOT_KNOWN = Found(NOBODY, EVERYONE)


class People:
    """Finds the people who meet conditions at ``now`` (ms), by what is ``known`` to SQL.

    ``missing`` is what it had to do without: (event, path)s that are not kept (yet), and
    under the event None paths of traits.
    """

    def __init__(self, known: Known, now: int) -> None:
        self._known, self._now = known, now
        self._sql = Sql(known.dialect)
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
        return found if found is not None else self._anything(node, inside)

    def _one(self, node: Any, hole: Hole, item: Any) -> Found | None:
        """A part that asks for one thing; None where SQL can't tell."""
        if isinstance(hole, tuple):
            return self._trait(node, hole) if hole[0] == "traits" else self._identifier(node, hole)
        if isinstance(item, StartOf):
            return None
        if not isinstance(item, Aggregate):
            return self._yes_or_no(node, hole, item)
        if item.fn == "unique" and type(node) is In and node.list is item:
            return self._has_value(node.item, item)
        made = figures(item, self._events, self._known.collection)
        if made is None:
            return None
        test = split((guard, self._read(node, hole, value)) for guard, value in made.branches)
        weight = _EVER if item.window is None else _RECENT
        table = made.table.c.profile
        return self._sides(table, [], test, self._of_nobody(node), weight)

    def _read(self, node: Any, hole: Hole, value: Abstract) -> Test:
        return Reading(self._now, self._sql, {hole: value}).test(node)

    def _of_nobody(self, node: Any) -> bool:
        """What holds of somebody of whom nothing is known."""
        return Evaluator(Person(), self._now).holds(node)

    def _sides(
        self,
        profile: Any,
        where: list[Any],
        test: Test,
        otherwise: bool,
        weight: int,
        probe: bool = False,
    ) -> Found:
        """Who passes the test; ``otherwise`` is the answer for those who have no row."""

        def side(condition: Any) -> Side:
            differs = not_(condition) if otherwise else condition
            if isinstance(differs, False_):
                return EVERYONE if otherwise else NOBODY
            ids = select(profile.label("profile")).where(*where, differs)
            asked = _asking(profile, [*where, differs]) if probe else None
            return Side(otherwise, ids, asked, weight)

        sure = side(test.sure)
        return exactly(sure) if test.exact else Found(sure, side(test.could))

    # Traits and identifiers.

    def _trait(self, node: Any, hole: tuple[str, ...]) -> Found:
        number = self._known.traits.get(hole[1:])
        if number is None:
            self.missing.add((None, hole[1:]))
            return _NOT_KNOWN
        c = trait_values.c
        in_time = c.t <= self._now
        branches = Columns(c.num, c.text, c.json, c.ms).branches()
        test = split(
            [
                (not_(in_time), self._read(node, hole, Unknown())),
                *((and_(in_time, guard), self._read(node, hole, v)) for guard, v in branches),
            ]
        )
        equal = type(node) is Compare and node.op == "="
        weight = _EQUAL if equal else _SOME
        return self._sides(
            c.profile, [c.trait == number], test, self._of_nobody(node), weight, probe=True
        )

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
        number = self._known.audiences.get(str(key.value)) if type(key) is Value else None
        if item.name != "audience" or number is None:
            return exactly(NOBODY)
        c = members.c
        where = [c.audience == number, c.since <= self._now]
        ids = select(c.profile).where(*where)
        return exactly(Side(False, ids, _asking(c.profile, where), _MEMBERS))

    def _device(self, system: str) -> Found:
        c = identifiers.c
        ids = select(c.profile).where(
            c.type.in_(identifier_types(system)),
            c.collection == self._known.collection,
            c.profile.is_not(None),
        )
        return exactly(Side(False, ids.distinct(), weight=_MEMBERS))

    def _performed(self, event: EventRef, window: Window | None, until: int | None = None) -> Found:
        rows = self._events.rows(event, window, until=until)
        weight = _EVER if window is None else _RECENT
        collection = self._known.collection
        could = Side(False, people_of(rows, collection), weight=weight)
        if rows.sure is None:
            return exactly(could)
        sure = rows.table.c.sure == 1
        return Found(Side(False, people_of(rows, collection, sure), weight=weight), could)

    def _followed(self, item: Followed) -> Found:
        if not item.negated:
            begun = self._performed(item.after, item.window)
            done = self._performed(item.event, None)
            return Found(NOBODY, self.sets.all_of([begun.could, done.could]))
        begun = self._performed(item.after, item.window, until=self._now - item.ms)
        done = self._performed(item.event, None)
        never = self.sets.all_of([begun.sure, complement(done.could)])
        return Found(never, begun.could)

    def _changed(self, item: Changed) -> Side:
        """Those of whom a message in the window set the trait."""
        parts = item.path.parts[1:] if item.path.parts[0] == "person" else item.path.parts
        if len(parts) < 2:
            return NOBODY
        rows = self._events.said(parts, item.window)
        return Side(False, people_of(rows, self._known.collection), weight=_RECENT)

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
            sides = [self._touched(hole, item) for hole, item in inside.items()]
        except NotKept as error:
            self.missing.add((error.event, error.path))
            return _NOT_KNOWN
        touched = self.sets.any_of(sides)
        if self._of_nobody(node):
            return Found(complement(touched), EVERYONE)
        return Found(NOBODY, touched)

    def _touched(self, hole: Hole, item: Any) -> Side:
        if isinstance(hole, tuple) and hole[0] == "identifiers":
            return EVERYONE
        if isinstance(hole, tuple) or isinstance(item, StartOf):
            path = hole[1:] if isinstance(hole, tuple) else ("timezone",)
            number = self._known.traits.get(path)
            if number is None:
                self.missing.add((None, path))
                return EVERYONE
            c = trait_values.c
            where = [c.trait == number]
            return Side(False, select(c.profile).where(*where), _asking(c.profile, where), _SOME)
        if isinstance(item, Aggregate):
            of = item.of.parts if item.of is not None else None
            rows = self._events.rows(item.event, item.window, of)
            weight = _EVER if item.window is None else _RECENT
            return Side(False, people_of(rows, self._known.collection), weight=weight)
        return self._boolean(item).could


def _asking(profile: ColumnElement[Any], where: list[Any]) -> Probe:
    """Looks up one person instead of listing all."""

    def probe(id_: ColumnElement[Any]) -> ColumnElement[bool]:
        return exists(select(literal(1)).where(profile == id_, *where))

    return probe
