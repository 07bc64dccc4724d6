"""From the body of a request to the messages in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from cdp.events.decode import MalformedJSON, decode_json, decode_mending


class Split(NamedTuple):
    """The raw messages of a body; ``kind`` is their type where the path decided it.

    ``shared`` has the ``context`` and ``integrations`` of a batch's envelope, None
    without any; ``sent_at`` the time at which the client says it sent the batch.
    """

    items: list[bytes]
    kind: str | None
    shared: dict[str, Any] | None
    sent_at: Any


class Envelope(msgspec.Struct):
    """The top of a batch, its parts as they were sent."""

    batch: list[msgspec.Raw]
    sentAt: msgspec.Raw = msgspec.Raw(b"null")
    context: msgspec.Raw = msgspec.Raw(b"null")
    integrations: msgspec.Raw = msgspec.Raw(b"null")
    writeKey: msgspec.Raw = msgspec.Raw(b"null")


_decode = msgspec.json.Decoder(Envelope).decode
_NULL = b"null"


def split(kind: str, body: bytes) -> Split:
    """Cut a ``batch`` into its items; any other kind is one message itself.

    What the items hold is not looked at. Raises `MalformedJSON` if a batch's
    envelope is not to be read.
    """
    if kind != "batch":
        return Split([body], kind, None, None)
    envelope = read_envelope(body)
    shared = {}
    for key in ("context", "integrations"):
        raw = bytes(getattr(envelope, key))
        value = None if raw == _NULL else decode_json(raw)
        if isinstance(value, dict) and value:
            shared[key] = value
    sent_at = decode_json(bytes(envelope.sentAt))
    return Split([bytes(item) for item in envelope.batch], None, shared or None, sent_at)


def read_envelope(body: bytes) -> Envelope:
    """The parts of a batch, undecoded; `MalformedJSON` says why there are none."""
    try:
        return decode_mending(_decode, body)
    except msgspec.ValidationError:
        raise MalformedJSON("a batch must be an object with an array called batch") from None
