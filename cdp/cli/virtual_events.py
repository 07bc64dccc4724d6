"""``cdp events virtual``: some of the messages of an event, under a name of their own."""

from __future__ import annotations

from cdp.cli.definitions import group_of
from cdp.definitions.virtual_event import VIRTUAL_EVENT

virtual = group_of(
    VIRTUAL_EVENT,
    "events virtual",
    "Virtual events: some of the messages of an event, under a name of their own.",
    (
        "big_order --name 'Big Order' --event 'Order Completed' --where 'properties.total > 100'",
        "big_order --where 'properties.total > 200'",
    ),
)
