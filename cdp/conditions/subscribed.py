"""``subscribed("news")`` as an ordinary condition over what people chose, and when.

A choice is an event in the log (`cdp.messaging.choices`), and so is one about everything,
which also sets the trait ``unsubscribed``. What Customer.io's clients say of topics in
``cio_subscription_preferences`` holds where nothing was chosen, and else the topic's default.
The last check before a message is sent decides alike (`cdp.messaging.standing`).
"""

from __future__ import annotations

from typing import Any

from cdp.conditions.ast import (
    Aggregate,
    And,
    Call,
    Compare,
    EventRef,
    In,
    Items,
    Not,
    Or,
    Path,
    Performed,
    Value,
)

EVENT = "Subscription Preferences Changed"
_TRUE, _FALSE = Value(True), Value(False)
_UNSUBSCRIBED = Path(("person", "traits", "unsubscribed"))
_NOTED = ("person", "traits", "cio_subscription_preferences", "topics")


def as_condition(topic: str, default: bool) -> Any:
    """Whether somebody is subscribed to a topic; ``default`` of those who have said nothing."""
    out = Or(
        (
            Compare("=", _last("*"), _FALSE),
            In(_UNSUBSCRIBED, Items((_TRUE, Value(1), Value("1")))),
            Compare("=", Call("lowercase", (_UNSUBSCRIBED,)), Value("true")),
        )
    )
    scope = f"topic:{topic}"
    chosen = Compare("=", _last(scope), _TRUE)
    silent = And((Not(Performed(_said(scope))), _noted(topic, default)))
    return And((Or((chosen, silent)), Not(out)))


def _noted(topic: str, default: bool) -> Any:
    """What Customer.io's trait says, by the topic's key or by ``topic_`` and it."""
    exact, prefixed = Path((*_NOTED, topic)), Path((*_NOTED, f"topic_{topic}"))

    def says(value: Value, other: Value) -> Any:
        second = And((Compare("!=", exact, other), Compare("=", prefixed, value)))
        return Or((Compare("=", exact, value), second))

    return Not(says(_FALSE, _TRUE)) if default else says(_TRUE, _FALSE)


def _said(scope: str) -> EventRef:
    return EventRef(EVENT, Compare("=", Path(("properties", "scope")), Value(scope)))


def _last(scope: str) -> Aggregate:
    return Aggregate("last", _said(scope), Path(("properties", "subscribed")))
