"""``cdp traits``: traits that are worked out of what somebody did."""

from __future__ import annotations

from cdp.cli.definitions import group_of
from cdp.definitions.computed_trait import COMPUTED_TRAIT

traits = group_of(
    COMPUTED_TRAIT,
    "traits",
    "Computed traits: what a person's or account's history is worth.",
    (
        "orders_90d --value 'count(\"Order Completed\" within 90d)'",
        "orders_90d --value 'count(\"Order Completed\" within 60d)'",
    ),
)
