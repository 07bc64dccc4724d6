"""The values that travel through the pipeline."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from cdp.events.decode import decode_json

#: The call types of the Segment spec that a client may send.
TYPES = ("identify", "track", "page", "screen", "group", "alias")

#: What a message must not exceed, in bytes (Segment: 32 KB).
MAX_MESSAGE_BYTES = 32 * 1024

#: Older than this when received: the message is history, not news (72 h).
HISTORICAL_AFTER_MS = 72 * 3600 * 1000


class Stamp(NamedTuple):
    """The total order of messages (law 3): time, then source, then messageId.

    ``t`` is the corrected event time in milliseconds since 1970 (UTC).
    """

    t: int
    source: int
    message_id: str


class Origin(msgspec.Struct, frozen=True):
    """How a request reached us; shared by all messages of one request.

    ``received_at`` is in milliseconds since 1970. ``ref`` names the place of the
    request in the log; ids of messages that came without one are made of it.
    ``checked`` is what we wrote ourselves, from a file of people or of our own
    history: it has no limit of size, keeps its ``receivedAt``, and may name a person
    by other identifiers than the two that a client must send.
    """

    source: int
    received_at: int
    ref: str = ""
    sent_at: Any = None
    ip: str | None = None
    user_agent: str | None = None
    live: bool = True
    truncate_ip: bool = False
    checked: bool = False


class Message(msgspec.Struct):
    """A normalised message: what every later stage and every destination sees.

    ``body`` is the Segment event as a dict (``type``, ``messageId``, ids, times
    as ISO strings, ``context``…); the attributes repeat what stages ask often.
    ``client_t`` is the time that the client gave, uncorrected: a repeat has the same.
    ``json`` is the body as it is kept, None for a message that is not to be kept; of one
    that came ready from another process it is all there is, until somebody asks for more.
    ``excerpt`` is as much of the body as definitions read, where that was taken out.
    """

    type: str
    name: str
    message_id: str
    source: int
    t: int
    received_at: int
    _body: dict[str, Any] | None
    live: bool = True
    client_t: int | None = None
    json: bytes | None = None
    excerpt: dict[str, Any] | None = None

    @property
    def read(self) -> dict[str, Any]:
        """The event as far as definitions read it, and its traits if it sets some."""
        return self.body if self.excerpt is None else self.excerpt

    @property
    def body(self) -> dict[str, Any]:
        """The event."""
        body = self._body
        if body is None:
            assert self.json is not None, "a message without a body"
            body = self._body = decode_json(self.json)
        return body

    @property
    def stamp(self) -> Stamp:
        """The message's place in the total order."""
        return Stamp(self.t, self.source, self.message_id)

    @property
    def dedupe_hash(self) -> int:
        """A signed 64-bit hash of (source, messageId)."""
        return hash64(f"{self.source}\0{self.message_id}")


class Rejected(msgspec.Struct, frozen=True):
    """A message that was not taken, kept to be shown with its reason.

    ``code`` is stable and machine-readable (``no_user_anon_id``); ``detail``
    says what was wrong and where, for a person.
    """

    code: str
    detail: str
    body: bytes
    source: int | None
    received_at: int
    message_id: str | None = None
    type: str | None = None
    name: str | None = None


def hash64(text: str) -> int:
    """Return a signed 64-bit hash that is the same on every machine and run."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
