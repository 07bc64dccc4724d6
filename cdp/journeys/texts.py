"""The conditions and expressions that a journey says, as they are read; and what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cdp.conditions import ConditionError, Context
from cdp.conditions import check as check_condition
from cdp.conditions.ast import EventRef, Expr
from cdp.conditions.parser import parse_text
from cdp.conditions.predicate import Predicate, compile_message

#: Puts what virtual events and computed traits stand for into a tree.
Expand = Callable[[Any], Any]


class Wrong(NamedTuple):
    """Something wrong with a journey: the field (``steps[2].when``), and what it is.

    ``line`` and ``column`` are those in a condition's text.
    """

    field: str
    text: str
    line: int | None = None
    column: int | None = None


class Said(NamedTuple):
    """A condition that a journey says."""

    field: str
    text: str
    context: Context
    is_value: bool


class Texts:
    """Gathers what a journey says: ``asked`` are the trees that are asked of a person."""

    def __init__(self, expand: Expand = lambda root: root) -> None:
        self._expand = expand
        self.asked: list[Expr] = []
        self.said: list[Said] = []
        self.wrong: list[Wrong] = []
        #: Whether any text is Liquid, which may say who the person is.
        self.liquid = False

    def fault(self, field: str, text: str) -> None:
        """Note something that is wrong."""
        self.wrong.append(Wrong(field, text))

    def condition(self, text: str, field: str) -> Any:
        """A condition over the person and the trigger's event; None if it can't be read."""
        return self._read(text, field, False)

    def expression(self, text: str, field: str) -> Any:
        """An expression for any value; None if it can't be read."""
        return self._read(text, field, True)

    def _read(self, text: str, field: str, is_value: bool) -> Any:
        root = self._parsed(text, field, Context.BRANCH, is_value)
        if root is not None and root not in self.asked:
            self.asked.append(root)
        return root

    def of_event(self, name: str, text: str | None, field: str) -> tuple[str, Predicate | None]:
        """The event that a name stands for, and what asks a condition of its messages."""
        event, root = self.event_ref(name, text, field)
        return event, compile_message(root) if root is not None else None

    def event_ref(self, name: str, text: str | None, field: str) -> tuple[str, Any]:
        """The event that a name stands for, and the condition over its messages, if any."""
        root = None
        if text is not None:
            root = self._parsed(text, field, Context.MESSAGE, False)
            if root is None:
                return name, None
        try:
            event = self._expand(EventRef(name, root))
        except ConditionError as error:
            self.fault(field, error.text)
            return name, None
        return event.name, event.where

    def message_root(self, text: str | None, field: str) -> Any:
        """A condition over one message; None of nothing, or if it can't be read."""
        return self._parsed(text, field, Context.MESSAGE, False) if text is not None else None

    def of_message(self, text: str | None, field: str) -> Predicate | None:
        """What asks a condition of one message; None of nothing, or if it can't be read."""
        root = self.message_root(text, field)
        return compile_message(root) if root is not None else None

    def _parsed(self, text: str, field: str, context: Context, is_value: bool) -> Any:
        self.said.append(Said(field, text, context, is_value))
        try:
            parsed = parse_text(text)
            check_condition(parsed.root, context, parsed.place, is_value=is_value)
            return self._expand(parsed.root)
        except ConditionError as error:
            self.wrong.append(Wrong(field, error.text, error.line, error.column))
            return None
