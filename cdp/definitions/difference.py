"""What differs between two bodies, field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Change(NamedTuple):
    """A field, before and after; None where it was not there."""

    field: str
    before: Any
    after: Any


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """The fields in which two bodies differ, those of ``after`` in its order first."""
    old, new = before or {}, after or {}
    return [
        Change(name, old.get(name), new.get(name))
        for name in dict.fromkeys((*new, *old))
        if not same(old.get(name), new.get(name))
    ]


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON: 1, 1.0 and true are not."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
