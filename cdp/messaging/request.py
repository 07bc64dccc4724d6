"""What is asked of us: one message to one person, for one reason."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntFlag
from types import MappingProxyType
from typing import Any, NamedTuple

from cdp.messaging.chain import Chain

#: Messages with a lower number are sent first.
TRANSACTIONAL, USUAL, BULK = 10, 100, 500


class Flag(IntFlag):
    """What is special about a request."""

    #: Caps and quiet hours are not for it.
    UNLIMITED = 1
    #: It goes to people who want none, too; never to addresses that are suppressed.
    TO_UNSUBSCRIBED = 2
    #: Links and opens are left as they are.
    UNTRACKED = 4
    #: No copy of the message is kept.
    NO_COPY = 8
    #: It is somebody's trial of a template: it counts nowhere.
    TEST = 16


class Request(NamedTuple):
    """One message to one person.

    ``key`` names its reason: asked twice, it is sent once (law 6). ``node`` says to whom;
    None: nobody that we know, at ``recipient``. ``due_at`` in ms since 1970. ``data`` has
    ``trigger`` and ``event`` for the template, ``content`` that overrides its fields,
    ``options`` for the provider, ``language``. With a ``chain`` channel, template and topic
    are those of the first of its links that reaches the person: `cdp.store.messages.asking`
    takes it.
    """

    key: str
    channel: str
    node: int | None
    origin: str
    origin_key: str = ""
    template: str | None = None
    recipient: str | None = None
    topic: str | None = None
    flags: Flag = Flag(0)
    priority: int = USUAL
    due_at: int = 0
    draft: bool = False
    step: str | None = None
    variant: str | None = None
    data: Mapping[str, Any] = MappingProxyType({})
    chain: Chain | None = None
