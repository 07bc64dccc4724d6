"""A condition over a person → sets of profile ids: who surely meets it, and who could."""

from __future__ import annotations

from typing import Any

from sqlalchemy import not_, select
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
from cdp.conditions.sql.aggregates import Figures, figures, people_of
from cdp.conditions.sql.events import Events, NotKept, Rows, TooMuch, bounds
from cdp.conditions.sql.frequent import most_frequent
from cdp.conditions.sql.known import Known
from cdp.conditions.sql.reading import Hole, holes, in_person
from cdp.conditions.sql.sides import EVERYONE, NOBODY, Found, Side, complement, exactly
from cdp.conditions.sql.state import (
    EVER,
    MEMBERS,
    NOT_KNOWN,
    RECENT,
    SOME,
    State,
    looked_up,
)
from cdp.conditions.sql.tests import Test, split
from cdp.conditions.sql.values import Const
from cdp.store.tables import computed_values, identifiers, members


class People(State):
    """Finds the people who meet conditions at ``now`` (ms), by what is ``known`` to SQL.

    ``shared``: what is found of events is listed once and used wherever it stands, as it
    does more than once where SQL can't decide on everybody.
    """

    def __init__(self, known: Known, now: int, shared: bool = False) -> None:
        super().__init__(known, now)
        self._shared = shared
        self._events = Events(known, now)

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
            return NOT_KNOWN
        except TooMuch:
            return NOT_KNOWN
        return found if found is not None else self._anything(node, inside)

    def _one(self, node: Any, hole: Hole, item: Any) -> Found | None:
        """A part that asks for one thing; None where SQL can't tell."""
        if isinstance(hole, tuple) and hole[0] == MEASURED:
            return None
        if isinstance(hole, tuple):
            return self._of_state(node, hole)
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
        if item.fn == "most_frequent":
            if self._known.dialect == "sqlite":
                return None  # it takes ten times as long as anything else
            return most_frequent(item, self._events, self._known.collection)
        return figures(item, self._events, self._known.collection)

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
            return self._sequence(item)
        if kind is Changed:
            return self._changed(item)
        assert kind is Call, f"{kind} is neither true nor false"
        return self._state(item)

    def _state(self, item: Call) -> Found:
        key = item.args[0]
        if item.name == "has_device":
            return self._device(str(key.value) if type(key) is Value else "")
        name = str(key.value) if item.name == "audience" and type(key) is Value else ""
        if name in self._known.pasts:
            was = self._known.pasts[name].was_in(self._now)
            return exactly(Side(False, was, weight=MEMBERS))
        number = self._known.audiences.get(name)
        if number is None:
            return exactly(NOBODY)

        def rows(c: Any) -> list[Any]:
            return [c.audience == number, c.since <= self._now]

        return exactly(looked_up(members, rows, False, MEMBERS))

    def _device(self, system: str) -> Found:
        c = identifiers.c
        ids = select(c.profile).where(
            c.type.in_(identifier_types(system)),
            c.collection == self._known.collection,
            c.profile.is_not(None),
        )
        return exactly(Side(False, ids.distinct(), weight=MEMBERS))

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
        where = [rows.sure == 1] if sure else []
        ids = people_of(rows, self._known.collection, self._known.dialect, *where)
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

    def _sequence(self, item: Sequence) -> Found:
        steps = [self._performed(step.event, item.window).could for step in item.steps]
        return Found(NOBODY, self.sets.all_of(steps))

    def _changed(self, item: Changed) -> Found:
        """Those could of whom a message in the window set the trait."""
        parts = trait_of(item)
        if len(parts) < 2:
            return exactly(NOBODY)
        # Of what is inside of a trait the whole trait is kept.
        return Found(NOBODY, self._who(self._events.said(parts[:2], item.window), RECENT))

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
            return NOT_KNOWN
        except TooMuch:
            return NOT_KNOWN
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
            return looked_up(computed_values, lambda c: [c.trait == number], False, SOME)
        if isinstance(hole, tuple):
            return self._reach_of_state(hole)
        if isinstance(item, StartOf):
            return self._reach_of_state(("traits", "timezone"))
        if isinstance(item, Aggregate):
            of = item.of.parts if item.of is not None else None
            rows = self._events.rows(item.event, item.window, of)
            weight = EVER if item.window is None else RECENT
            return self._who(rows, weight)
        return self._boolean(item).could


def trait_of(item: Changed) -> tuple[str, ...]:
    """The path of the trait that is asked for, below the person."""
    parts = item.path.parts
    return parts[1:] if parts[0] == "person" else parts
