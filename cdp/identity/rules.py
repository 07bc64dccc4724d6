"""The rules by which identifiers join people; one set a space.

All of it is a value. The graph is the fold over all facts under the present rules, so
a change of the rules holds for the past too, once what it touches is folded anew.
What decides how a message is *read* (``custom``, ``unread``) holds for new messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

#: All zeros, as unset device ids are; known to be harmless, so Python's own `re` may.
_ZEROS = (r"[0\-]*",)
_BLOCKED = frozenset(
    {
        "null", "nil", "none", "undefined", "nan", "-1", "anonymous", "unknown", "guest", "n/a",
        "[object object]", "true", "false", "test@example.com", "test@test.com",
    }
)  # fmt: skip

#: Days of the sliding windows in which values may be counted.
WINDOWS = {"ever": None, "day": 1, "week": 7, "month": 30, "year": 365}
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Limit:
    """At most ``count`` values of a type in one profile, in any ``days`` or ever."""

    count: int
    days: int | None = None

    def __str__(self) -> str:
        return f"{self.count}{self.within}"

    @property
    def within(self) -> str:
        """The window in words, to stand after what is counted."""
        if self.days is None:
            return ""
        word = next((name for name, days in WINDOWS.items() if days == self.days), None)
        return f" in any {word or f'{self.days} days'}"


class _Ranks(dict[str, tuple[int, str]]):
    """The rank of each type that was asked for."""

    def __init__(self, priority: tuple[str, ...]) -> None:
        super().__init__()
        self._priority = priority

    def __missing__(self, type_: str) -> tuple[int, str]:
        listed = type_ in self._priority
        rank = (self._priority.index(type_) if listed else len(self._priority), type_)
        if len(self) < 1_000:  # messages may name any
            self[type_] = rank
        return rank


@dataclass(frozen=True)
class Rules:
    """Priorities, limits and blocked values (segment.com: Unify identity resolution).

    ``blocked`` are values of any type (compared without case), ``blocked_patterns``
    regular expressions that a whole value must match; the ``…_of`` ones are by type.
    ``custom`` names by type the paths in a message where values of it are found;
    ``unread`` says which types are not taken from a source, by the source's number.
    """

    priority: tuple[str, ...] = ("user_id", "email")
    limits: dict[str, Limit] = field(default_factory=lambda: {"user_id": Limit(1)})
    default_limit: Limit = Limit(5)
    max_ids: int = 1000
    max_merges: int = 100
    blocked: frozenset[str] = _BLOCKED
    blocked_patterns: tuple[str, ...] = _ZEROS
    blocked_of: dict[str, frozenset[str]] = field(default_factory=dict)
    blocked_patterns_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    custom: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()
    unread: dict[int, frozenset[str]] = field(default_factory=dict)
    alias_joins_user_ids: bool = False
    phone_region: str | None = None

    def rank(self, type_: str) -> tuple[int, str]:
        """A sort key: smaller is of higher priority."""
        return self._ranks[type_]

    @cached_property
    def _ranks(self) -> _Ranks:
        return _Ranks(self.priority)

    def ordered(self, ids: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Identifiers from the highest priority down, of a type by value."""
        ranks = self._ranks
        if len(ids) == 2:  # most messages name two
            one, other = ids
            straight = (ranks[one[0]], one[1]) <= (ranks[other[0]], other[1])
            return (one, other) if straight else (other, one)
        return tuple(sorted(ids, key=lambda item: (ranks[item[0]], item[1])))

    def limit(self, type_: str) -> Limit:
        """How many values of ``type_`` a profile may have."""
        return self.limits.get(type_, self.default_limit)

    def windowed(self, type_: str) -> bool:
        """Whether values of ``type_`` are counted in a sliding window."""
        return self.limit(type_).days is not None

    @cached_property
    def any_window(self) -> bool:
        """Whether any limit has a window."""
        limits = (self.default_limit, *self.limits.values())
        return any(limit.days is not None for limit in limits)

    @cached_property
    def blocks(self) -> Callable[[str, str], bool]:
        """``blocks(type, value)``: whether the value is no identifier of that type.

        Asked of every identifier of every message, and mostly by the rules that all begin with.
        """
        blocked = self.blocked
        #: To fold a text never makes it shorter.
        longest = max(map(len, blocked), default=0)
        matches = compiled(self.blocked_patterns).fullmatch
        zeros = self.blocked_patterns == _ZEROS  # what that matches is said without it

        def always(_type: str, value: str) -> bool:
            return (len(value) <= longest and value.casefold() in blocked) or (
                not value.strip("0-") if zeros else matches(value) is not None
            )

        def with_own(type_: str, value: str) -> bool:
            if always(type_, value) or value.casefold() in self.blocked_of.get(type_, ()):
                return True
            patterns = self.blocked_patterns_of.get(type_)
            return patterns is not None and compiled(patterns).fullmatch(value) is not None

        return with_own if self.blocked_of or self.blocked_patterns_of else always


@lru_cache(maxsize=256)
def compiled(patterns: tuple[str, ...]) -> Any:
    """One expression that matches, whatever the case, what any of ``patterns`` does.

    RE2, so that no pattern takes longer than its text; `ValueError` says which is wrong.
    """
    if patterns == _ZEROS:
        return re.compile(patterns[0], re.IGNORECASE)
    import re2

    options = re2.Options()
    options.case_sensitive, options.log_errors = False, False
    for pattern in patterns:
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {_text(error)}") from None
    whole = "|".join(f"(?:{pattern})" for pattern in patterns) or r"[^\x00-\x{10FFFF}]"
    return re2.compile(whole, options)


def _text(error: Exception) -> str:
    first = error.args[0] if error.args else error
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


DEFAULT = Rules()
