"""``cdp topics``: what messages are about, as people choose it."""

from __future__ import annotations

from cdp.cli.definitions import group_of
from cdp.definitions.topic import TOPIC

topics = group_of(
    TOPIC,
    "topics",
    "What messages are about, as people choose it.",
    ("news --name 'Weekly news' --description 'What is new, each Friday'", "news --archived"),
)
