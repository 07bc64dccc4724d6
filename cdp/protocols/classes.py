"""Which fields hold personal data: as a person decided, or else as it looks.

A field is named by its root and path, as `cdp.protocols.looks_personal` has it:
``traits.email``, ``account.name``, ``objects.course.title``, ``properties.billing.city``,
``context.ip``. What holds of an array holds of its items.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cdp.protocols.personal import key_kind, looks_personal
from cdp.protocols.shapes import ACCOUNT, BLANK, OBJECTS, PARTS, path_key, split_path

#: What a field is called whose name tells no kind, when a person says that it is personal.
PERSONAL = "personal"
ROOTS = ("traits", ACCOUNT, OBJECTS, "properties", "context")
#: The longest that `cdp.protocols.shapes` makes: four keys of 100, and the type of an object.
MAX_FIELD = 1100
#: Of an array, or of an array of arrays, the items.
_ITEMS = re.compile(r"(?:\[\])+$")


class NoField(ValueError):
    """A text that names no field; it says what one looks like."""


def field_key(field: str) -> str:
    """The name under which a decision about ``field`` is kept. Raises `NoField`."""
    root, dot, path = field.strip().partition(".")
    if root not in ROOTS or not dot or not path or path.startswith(".") or "\0" in path:
        raise NoField(f"{field!r:.100} is no field; one begins with {', '.join(ROOTS)}, and a dot")
    made = field_name(field)
    if len(made) > MAX_FIELD:
        raise NoField(f"a field's name has at most {MAX_FIELD} characters")
    return made


def field_name(field: str) -> str:
    """`field_key` of a field that was seen: whatever its keys are, it has a name."""
    return ".".join(_steps(field))


def _steps(field: str) -> list[str]:
    return [_ITEMS.sub("", step).strip() or BLANK for step in split_path(field)]


def root_of(type_: str, name: str = "") -> str:
    """What the fields of a catalogue's entry begin with; ``name`` is an object type's key."""
    return f"{OBJECTS}.{path_key(name)}" if type_ == "group" and name else PARTS[type_][1]


class Classes:
    """What was decided of fields, by `field_key`."""

    __slots__ = ("_decided",)

    def __init__(self, decided: Mapping[str, bool] | None = None) -> None:
        self._decided = dict(decided or {})

    def decision(self, field: str) -> bool | None:
        """What was decided of a field, or of what it is in; None if nothing was.

        That an object is personal holds of all in it that was not decided by itself;
        that it is not says nothing of them.
        """
        if not self._decided:
            return None
        steps = _steps(field)
        own = self._decided.get(".".join(steps))
        if own is not None:
            return own
        above = (".".join(steps[:n]) for n in range(len(steps) - 1, 1, -1))
        return True if any(self._decided.get(one) for one in above) else None

    def kind(self, field: str, value: Any) -> str | None:
        """The kind of personal data that ``value`` is; None if it is none."""
        decided = self.decision(field)
        if decided is None:
            return looks_personal(field, value)
        if not decided or value is None:
            return None
        return key_kind(field) or PERSONAL
