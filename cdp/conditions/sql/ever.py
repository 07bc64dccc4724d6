"""Who could meet a condition now or later, if nothing more is said of anybody.

Time alone takes people out of most conditions and brings them into few. Whoever is
outside of such a set is not in, will not be, and has nothing that is due.
"""

from __future__ import annotations

from typing import Any

import msgspec

from cdp.conditions.ast import (
    Aggregate,
    And,
    Between,
    Changed,
    Compare,
    EventRef,
    Followed,
    Instant,
    Not,
    Or,
    Performed,
    Relative,
    Sequence,
    Since,
    StartOf,
    Value,
    Window,
    Within,
    walk,
)
from cdp.conditions.sql.events import NotKept, TooMuch
from cdp.conditions.sql.people import People
from cdp.conditions.sql.reading import holes, in_person
from cdp.conditions.sql.sides import EVERYONE, Side, complement


class Ever(People):
    """`People` for whom the clock may go on. Events that are ahead of ``now`` are left out."""

    def ever(self, node: Any, wanted: bool = True) -> Side:
        """Those for whom a condition is or could come to be true; or, unless ``wanted``, untrue."""
        kind = type(node)
        if kind is Not:
            return self.ever(node.item, not wanted)
        if kind is And or kind is Or:
            join = self.sets.all_of if (kind is And) is wanted else self.sets.any_of
            return join(self.ever(item, wanted) for item in node.items)
        if timeless(node):
            found = self.find(node)
            return found.could if wanted else complement(found.sure)
        if not holes(node, in_person) or self._of_nobody(node) is wanted:
            return EVERYONE
        if wanted and _only_loses(node):
            return self.find(_widened(node)).could
        return self.touched(node)

    def touched(self, node: Any) -> Side:
        """Those of whom anything is or could come to be known that is asked for."""
        inside = holes(_widened(node), in_person)
        try:
            return self.sets.any_of(self.reach(hole, item) for hole, item in inside.items())
        except (NotKept, TooMuch):
            return EVERYONE


def timeless(node: Any) -> bool:
    """Whether time alone changes nothing of it, but by events that are ahead."""
    return not any(_moves(item) for item in walk(node))


def _moves(node: Any) -> bool:
    kind = type(node)
    if kind is Since:
        return type(node.start) is not Instant
    return kind in (Relative, StartOf, Within, Between) or (kind is Followed and node.negated)


def _only_loses(node: Any) -> bool:
    """Whether what its window holds only becomes less, and it is true by having enough of it."""
    kind = type(node)
    if kind is Compare:
        left = node.left
        count = type(left) is Aggregate and left.fn == "count" and type(node.right) is Value
        return count and node.op in (">", ">=") and _still(left)
    if kind is Followed and node.negated:
        return False
    return kind in (Performed, Sequence, Changed, Followed) and _still(node)


def _still(node: Any) -> bool:
    """Whether nothing but its window goes by the clock."""
    window = node.window
    mine = {id(item) for item in walk(window)} if window is not None else set()
    return not any(_moves(item) for item in walk(node) if id(item) not in mine)


def _widened(node: Any) -> Any:
    """With windows that reach up to now, and without what goes by the clock in a ``where``."""
    kind = type(node)
    if kind is Between:
        return Within(node.older)
    if kind is EventRef and node.where is not None and not timeless(node.where):
        return EventRef(node.name)
    if kind is Followed and node.negated:
        return Performed(_widened(node.after), _widened_window(node.window))
    if not isinstance(node, msgspec.Struct):
        return node
    changed = {}
    for name in node.__struct_fields__:
        old = getattr(node, name)
        new = tuple(_widened(item) for item in old) if type(old) is tuple else _widened(old)
        if new is not old:
            changed[name] = new
    return msgspec.structs.replace(node, **changed) if changed else node


def _widened_window(window: Window | None) -> Window | None:
    widened: Window | None = _widened(window)
    return widened
