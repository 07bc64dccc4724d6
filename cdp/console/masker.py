"""Who is shown personal values; masking what a page is made of by rules for its types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import g
from markupsafe import Markup
from sqlalchemy import Connection, Row

from cdp.console.auth import Visitor
from cdp.console.context import console
from cdp.protocols import DOTS, Classes
from cdp.protocols.masker import Masker
from cdp.store.catalogue.fields import roots
from cdp.store.tables import USERS

#: Fields of ours that are addresses and keys of ours: a piece of them must not be replaced.
_PLACES = frozenset({"address", "key", "plugin", "endpoint", "anchor", "word"})

#: How a value of some type is masked by a `PageMasker`.
Rule = Callable[[Any, Any], Any]


def sees_personal(visitor: Visitor | None) -> bool:
    """Whether the values of personal fields and identifiers are shown to ``visitor``."""
    return visitor is None or visitor.sees_personal


def message_mask(tx: Connection) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """How messages are to be masked for who is looking; None if they need not be.

    What a viewer looks for in messages is looked for in what they may see of them, or else
    one could find out by asking.
    """
    if sees_personal(g.get("visitor")):
        return None
    known = roots(tx)
    return Masker(console().decided.classes(tx), known, known[USERS]).message


class PageMasker(Masker):
    """A masker that knows rows and named tuples; ``rules`` say how some types are masked."""

    def __init__(
        self,
        classes: Classes,
        roots: Mapping[int, str],
        rules: Mapping[type, Rule],
        root: str = "traits",
    ) -> None:
        super().__init__(classes, roots, root)
        self._rules = rules

    def page(self, context: dict[str, Any]) -> dict[str, Any]:
        """All that a template gets."""
        found: dict[str, Any] = self.swept({name: self.value(v) for name, v in context.items()})
        return found

    def value(self, value: Any, steps: tuple[str, ...] = ()) -> Any:
        """``value`` as it may be seen; ``steps`` lead to it within a JSON value."""
        rule = self._rules.get(type(value))
        if rule is not None:
            return rule(self, value)
        if isinstance(value, Markup):
            return value
        if isinstance(value, tuple) and hasattr(value, "_replace"):
            fields: tuple[str, ...] = value._fields  # type: ignore[attr-defined]
            return value._replace(**{n: self._field(n, getattr(value, n)) for n in fields})
        if isinstance(value, Row):
            return _Seen({n: self._field(n, item) for n, item in value._mapping.items()})
        return super().value(value, steps)

    def item(self, key: Any, value: Any, steps: tuple[str, ...]) -> Any:
        """What an object has under ``key``."""
        return value if isinstance(value, Markup) else super().item(key, value, steps)

    def _field(self, name: str, value: Any) -> Any:
        if name == "exchange" and isinstance(value, dict):
            return self.exchange(value)
        if name == "traceback":  # its last line may quote what it stumbled over
            return value and DOTS
        return self.value(value)

    def _swept(self, value: Any, finder: re.Pattern[str] | None) -> Any:
        if isinstance(value, Markup):
            return value
        if isinstance(value, tuple) and hasattr(value, "_replace"):
            fields: tuple[str, ...] = value._fields  # type: ignore[attr-defined]
            changed = {
                name: self._swept(getattr(value, name), finder)
                for name in fields
                if name not in _PLACES
            }
            return value._replace(**changed)
        return super()._swept(value, finder)


class _Seen:
    """A row of the store with masked values, by the same names."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
