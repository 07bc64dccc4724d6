"""Topics as they are defined now."""

from __future__ import annotations

from sqlalchemy import Connection

from cdp.messaging.topics import Topic, read_topic
from cdp.store import definitions


def defaults(tx: Connection) -> dict[str, bool]:
    """Whether people who have said nothing get a topic, by its key."""
    return {
        item.key: (item.body or {}).get("default", "subscribed") == "subscribed"
        for item in definitions.all_current(tx, "topic")
    }


def all_topics(tx: Connection, locale: str = "") -> dict[str, Topic]:
    """The topics by key, archived ones too, as a locale calls them; in the order of their names."""
    rows = definitions.all_current(tx, "topic")
    found = [read_topic(item.key, item.body or {}, locale) for item in rows]
    return {item.key: item for item in sorted(found, key=lambda t: (t.name.casefold(), t.key))}
