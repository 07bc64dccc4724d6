"""The rules by which identifiers join people; one set a space."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

_BLOCKED = frozenset(
    {
        "null", "nil", "none", "undefined", "nan", "-1", "anonymous", "unknown", "guest", "n/a",
        "[object object]", "true", "false", "test@example.com", "test@test.com",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Rules:
    """Priorities, limits and blocked values (segment.com: Unify identity resolution).

    ``limits`` says how many values of a type a profile may ever have; ``blocked``
    are exact values (compared without case), ``blocked_patterns`` regular
    expressions that a whole value must match.
    """

    priority: tuple[str, ...] = ("user_id", "email")
    limits: dict[str, int] = field(default_factory=lambda: {"user_id": 1})
    default_limit: int = 5
    max_ids: int = 1000
    max_merges: int = 100
    blocked: frozenset[str] = _BLOCKED
    blocked_patterns: tuple[str, ...] = (r"[0\-]*",)
    alias_joins_user_ids: bool = False
    phone_region: str | None = None

    def rank(self, type_: str) -> tuple[int, str]:
        """A sort key: smaller is of higher priority."""
        try:
            return (self.priority.index(type_), type_)
        except ValueError:
            return (len(self.priority), type_)

    def limit(self, type_: str) -> int:
        """How many values of ``type_`` a profile may have."""
        return self.limits.get(type_, self.default_limit)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{p})" for p in self.blocked_patterns) or r"(?!)", re.I)

    def blocks(self, value: str) -> bool:
        """Whether ``value`` is no identifier, whatever its type."""
        return value.casefold() in self.blocked or self._pattern.fullmatch(value) is not None


DEFAULT = Rules()
