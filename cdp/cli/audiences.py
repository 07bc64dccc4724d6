"""``cdp audiences``: who is meant, and lists that are kept by hand."""

from __future__ import annotations

from cdp.cli.definitions import group_of, switch
from cdp.definitions.audience import AUDIENCE

audiences = group_of(
    AUDIENCE,
    "audiences",
    "Who meets a condition, and lists that are kept by hand.",
    (
        "big_spenders --who 'sum(properties.total of \"Order Completed\" within 30d) > 500'",
        "big_spenders --name 'Big spenders'",
    ),
)
audiences.add_command(
    switch(
        "audience", "archive", "archived", True,
        "Keep KEY and work it out no longer. Example: cdp audiences archive big_spenders",
    )
)  # fmt: skip
audiences.add_command(
    switch(
        "audience", "unarchive", "archived", False,
        "Work KEY out again. Example: cdp audiences unarchive big_spenders",
    )
)  # fmt: skip
