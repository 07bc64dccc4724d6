"""From the body of a request to the messages in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from cdp.events.decode import MalformedJSON, decode_json


class Split(NamedTuple):
    """The raw messages of a body; ``kind`` is their type where the path decided it.

    ``shared`` has the ``context`` and ``integrations`` of a batch's envelope, None
    without any; ``sent_at`` the time at which the client says it sent the batch.
    """

    items: list[bytes]
    kind: str | None
    shared: dict[str, Any] | None
    sent_at: Any


class _Envelope(msgspec.Struct):
    batch: list[msgspec.Raw]
    sentAt: Any = None
    context: Any = None
    integrations: Any = None


_decode = msgspec.json.Decoder(_Envelope).decode


def split(kind: str, body: bytes) -> Split:
    """Cut a ``batch`` into its items; any other kind is one message itself.

    Raises `MalformedJSON` if a batch's envelope is not to be read.
    """
    if kind != "batch":
        return Split([body], kind, None, None)
    try:
        envelope = _decode(body)
        items = [bytes(item) for item in envelope.batch]
    except (msgspec.DecodeError, RecursionError):
        # The slow way: it mends what browsers get wrong, and says what can't be.
        value = decode_json(body)
        if not isinstance(value, dict) or not isinstance(value.get("batch"), list):
            raise MalformedJSON("a batch must be an object with an array called batch") from None
        items = [msgspec.json.encode(item) for item in value["batch"]]
        envelope = _Envelope(
            [], value.get("sentAt"), value.get("context"), value.get("integrations")
        )
    shared = {
        key: value
        for key, value in (("context", envelope.context), ("integrations", envelope.integrations))
        if isinstance(value, dict) and value
    }
    return Split(items, None, shared or None, envelope.sentAt)
