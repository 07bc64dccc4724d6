"""The kinds of definitions that there are."""

from __future__ import annotations

from cdp.definitions.audience import AUDIENCE
from cdp.definitions.computed_trait import COMPUTED_TRAIT
from cdp.definitions.journey import JOURNEY
from cdp.definitions.journey_rules import JOURNEY_GROUP, QUIET_WHILE
from cdp.definitions.kind import Kind
from cdp.definitions.layout import LAYOUT, SNIPPET
from cdp.definitions.message_limit import MESSAGE_LIMIT
from cdp.definitions.quiet_hours import QUIET_HOURS
from cdp.definitions.template import TEMPLATE
from cdp.definitions.topic import TOPIC
from cdp.definitions.virtual_event import VIRTUAL_EVENT

#: By name, in the order in which they are shown; a new kind is a line here.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        VIRTUAL_EVENT,
        COMPUTED_TRAIT,
        AUDIENCE,
        SNIPPET,
        LAYOUT,
        TOPIC,
        TEMPLATE,
        MESSAGE_LIMIT,
        QUIET_HOURS,
        QUIET_WHILE,
        JOURNEY_GROUP,
        JOURNEY,
    )
}
