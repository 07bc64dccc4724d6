"""``audience``, ``subscribed``: what a person is part of now."""

from __future__ import annotations

from typing import Any

from cdp.conditions.functions.base import Example, Function, Param


def _apply(state: Any) -> bool:
    """Gets the state itself, not the key: who evaluates looks it up."""
    return state is True


AUDIENCE = Function(
    "audience",
    (Param("key", "text", literal=True),),
    "yes or no",
    "Whether the person is in an audience.",
    "is in the audience {0}",
    Example('audience("vip")', {"audiences": ["vip"]}),
    _apply,
    unless="is not in the audience {0}",
    fql=False,
    of_a_person=True,
)
SUBSCRIBED = Function(
    "subscribed",
    (Param("topic", "text", literal=True),),
    "yes or no",
    "Whether the person is subscribed to a topic.",
    "is subscribed to {0}",
    Example('subscribed("newsletter")', {"subscriptions": ["newsletter"]}),
    _apply,
    unless="is not subscribed to {0}",
    fql=False,
    of_a_person=True,
)
