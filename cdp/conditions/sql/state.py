"""What SQL says of a person's state: traits, identifiers, and the account's traits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, exists, literal_column, not_, select
from sqlalchemy.sql.elements import False_

from cdp.conditions.ast import Compare, In, Value
from cdp.conditions.person import Evaluator, Person
from cdp.conditions.sql.accounts import latest_accounts
from cdp.conditions.sql.columns import Columns
from cdp.conditions.sql.known import Known
from cdp.conditions.sql.reading import Hole, Reading
from cdp.conditions.sql.sides import EVERYONE, NOBODY, Found, Sets, Side, complement, exactly
from cdp.conditions.sql.tests import Test, all_hold, split
from cdp.conditions.sql.values import Abstract, Sql, Unknown
from cdp.store.tables import USERS, identifiers, trait_values

#: Roughly how many people a part selects, to begin with the fewest.
RECENT, MEMBERS, EQUAL, EVER, SOME = 1, 2, 3, 4, 5
NOT_KNOWN = Found(NOBODY, EVERYONE)


class State:
    """Finds people by one thing that is known of each at ``now`` (ms).

    ``missing`` is what it had to do without: (event, path)s that are not kept (yet), and
    under the event None paths of traits, those of accounts below ``account.traits``.
    """

    def __init__(self, known: Known, now: int) -> None:
        self._known, self._now = known, now
        self._sql = Sql(known.dialect, known.uploaded)
        self.sets = Sets(known.dialect)
        self.missing: set[tuple[str | None, tuple[str, ...]]] = set()
        self._latest: CTE | None = None

    def _of_state(self, node: Any, hole: tuple[str, ...]) -> Found | None:
        """Who meets a part that asks for one path; None where SQL can't tell."""
        if hole[0] == "traits":
            return self._trait(node, hole)
        return self._account(node, hole) if hole[0] == "account" else self._identifier(node, hole)

    def _reach_of_state(self, hole: tuple[str, ...]) -> Side:
        """Of whom anything is known at a path, or will be by time alone."""
        if hole[0] == "account" and self._known.collection != USERS:
            return NOBODY  # accounts have none
        if hole[0] == "traits":
            trait = self._known.traits.get(hole[1:])
        elif hole[0] == "account":
            trait = self._known.of_accounts.get(hole[2:])
        else:
            return EVERYONE
        if trait is None:
            self._lack(hole)
            return EVERYONE
        number, c = trait.id, trait_values.c
        if hole[0] == "account":
            accounts = select(c.profile).where(c.trait == number)
            return Side(False, self._people_of(accounts), weight=SOME)
        return looked_up(trait_values, lambda c: [c.trait == number], False, SOME)

    def _lack(self, hole: tuple[str, ...]) -> None:
        self.missing.add((None, hole[1:] if hole[0] == "traits" else hole))

    def _read(self, node: Any, hole: Hole, value: Abstract) -> Test:
        return Reading(self._now, self._sql, {hole: value}).test(node)

    def _of_nobody(self, node: Any) -> bool:
        """What holds of somebody of whom nothing is known."""
        return Evaluator(Person(), self._now, None, self._known.lists).holds(node)

    def _trait(self, node: Any, hole: tuple[str, ...]) -> Found:
        trait = self._known.traits.get(hole[1:])
        if trait is None:
            self._lack(hole)
            return NOT_KNOWN
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
            return looked_up(trait_values, rows, otherwise, EQUAL if equal else SOME)

        asked = test(trait_values.c)
        if asked.constant is not None and asked.constant is otherwise:
            return exactly(EVERYONE if otherwise else NOBODY)
        if asked.exact:
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

    def _account(self, node: Any, hole: tuple[str, ...]) -> Found:
        """By a trait of the account that group calls named last, if that has come yet."""
        trait, otherwise = self._known.of_accounts.get(hole[2:]), self._of_nobody(node)
        if self._known.collection != USERS:
            return exactly(EVERYONE if otherwise else NOBODY)
        if trait is None:
            self._lack(hole)
            return NOT_KNOWN
        c = trait_values.c
        branches = Columns(c.num, c.text, c.json, c.ms).branches()
        test = split((guard, self._read(node, hole, value)) for guard, value in branches)

        def people(condition: Any) -> Side:
            if isinstance(condition, False_):
                return NOBODY
            accounts = select(c.profile).where(c.trait == trait.id, c.t <= self._now, condition)
            return Side(False, self._people_of(accounts, self._now), weight=SOME)

        differ = people(not_(test.could) if otherwise else test.sure)
        if test.exact:
            return exactly(differ._replace(all_but=otherwise))
        # Of hardly any account it is open: whose these are is quickly found.
        could = self.sets.any_of([differ, people(and_(test.could, not_(test.sure)))])
        return Found(complement(could), complement(differ)) if otherwise else Found(differ, could)

    def _people_of(self, accounts: Select[Any], now: int | None = None) -> Select[Any]:
        """Whose account one of ``accounts`` is, by what was said until ``now``."""
        if self._latest is None:
            self._latest = latest_accounts()
        c = self._latest.c
        said = [c.last_t <= now] if now is not None else []
        return select(c.profile).where(c.account.in_(accounts), *said)


def looked_up(table: Any, rows: Callable[[Any], list[Any]], all_but: bool, weight: int) -> Side:
    """People with certain rows in a table where one of them is quickly looked up.

    Each select has a name of its own for the table, so that they can stand in each other.
    """

    def probe(id_: ColumnElement[Any]) -> ColumnElement[bool]:
        own = table.alias()
        return exists(select(literal_column("1")).where(own.c.profile == id_, *rows(own.c)))

    own = table.alias()
    return Side(all_but, select(own.c.profile).where(*rows(own.c)), probe, weight)
