"""From the body of a request to the messages in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from cdp.events.decode import MalformedJSON, decode_json, decode_mending


class NotABatch(MalformedJSON):
    """The text is JSON, but no object with an array ``batch``."""


class Split(NamedTuple):
    """The raw messages of a body; ``kind`` is their type where the path decided it.

    ``shared`` has the ``context`` and ``integrations`` of a batch's envelope, None
    without any; ``sent_at`` the time at which the client says it sent the batch.
    """

    items: list[bytes]
    kind: str | None
    shared: dict[str, Any] | None
    sent_at: Any


_NULL = msgspec.Raw(b"null")


class Envelope(msgspec.Struct):
    """The top of a batch, its parts as they were sent."""

    batch: list[msgspec.Raw]
    sentAt: msgspec.Raw = _NULL
    context: msgspec.Raw = _NULL
    integrations: msgspec.Raw = _NULL
    writeKey: msgspec.Raw = _NULL


_decode = msgspec.json.Decoder(Envelope).decode


def split(kind: str, body: bytes) -> Split:
    """Cut a ``batch`` into its items; any other kind is one message itself.

    What the items hold is not looked at. Raises `MalformedJSON` if a batch's
    envelope is not to be read.
    """
    if kind != "batch":
        return Split([body], kind, None, None)
    envelope = read_envelope(body)
    shared, sent_at = read_shared(envelope)
    return Split([bytes(item) for item in envelope.batch], None, shared, sent_at)


def read_shared(envelope: Envelope) -> tuple[dict[str, Any] | None, Any]:
    """``shared`` and ``sent_at`` of a batch; `MalformedJSON` if they can't be kept."""
    shared = {}
    for key, raw in (("context", envelope.context), ("integrations", envelope.integrations)):
        value = None if raw is _NULL else decode_json(bytes(raw))
        if isinstance(value, dict) and value:
            shared[key] = value
    sent_at = None if envelope.sentAt is _NULL else decode_json(bytes(envelope.sentAt))
    return shared or None, sent_at


def read_envelope(body: bytes) -> Envelope:
    """The parts of a batch, undecoded; `MalformedJSON` or `NotABatch` says why not."""
    try:
        return decode_mending(_decode, body)
    except msgspec.ValidationError:
        raise NotABatch("a batch must be an object with an array called batch") from None
