"""Filters of destinations as analytics.js applies them, to what a page sends by itself.

A page that loads an integration of a destination's name ("device mode") asks the
settings document what that destination takes. The rules are those of the package
``@segment/tsub``, which analytics.js brings.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol

from cdp.conditions import ConditionError, read_filter, to_ir
from cdp.conditions.ast import Not


class Filtered(Protocol):
    """What is needed of a destination."""

    @property
    def name(self) -> str: ...
    @property
    def filter(self) -> str: ...


def routing_rules(destinations: Iterable[Filtered]) -> list[dict[str, Any]]:
    """A rule for each destination with a filter: what does not meet it is dropped.

    A filter that the package can't say lets nothing through, as it does where it fails.
    """
    return [_rule(item.name, _matcher(item.filter)) for item in destinations if item.filter.strip()]


@lru_cache(maxsize=1024)
def _matcher(text: str) -> dict[str, Any]:
    """What finds the messages to drop."""
    try:
        condition = read_filter(text)
        if condition is not None:
            return {"type": "fql", "ir": to_ir(Not(condition.root), browser=True)}
    except ConditionError:
        pass
    return {"type": "all"}


def _rule(name: str, matcher: dict[str, Any]) -> dict[str, Any]:
    return {
        "scope": "destinations",
        "target_type": "workspace::project::destination::config",
        "destinationName": name,
        "matchers": [matcher],
        "transformers": [[{"type": "drop"}]],
    }
