"""Telling of traits and objects that were left out of messages that were taken."""

from __future__ import annotations

import msgspec

from cdp.events import Message, Rejected, Stamp
from cdp.pipeline.drafts import Refused
from cdp.profiles.traits import Dropped

CODE = "trait_dropped"
OBJECT_CODE = "object_dropped"
#: Names that a detail tells; the body has all of them.
_TOLD = 20

_encode = msgspec.json.Encoder().encode


def told(dropped: list[Dropped], messages: list[Message], now: int) -> list[Rejected]:
    """One row a message that set what was left out: each trait with the reason.

    Traits of earlier messages, which a merge or a better name pushed out, are told
    with their last values; of these messages only the ids are at hand.
    """
    by_stamp: dict[Stamp, dict[tuple[str, str], Dropped]] = {}
    for item in dropped:
        by_stamp.setdefault(item.stamp, {})[(item.name, item.reason)] = item
    of_batch = {message.stamp: message for message in messages}
    found: list[Rejected] = []
    for stamp, items in by_stamp.items():
        message = of_batch.get(stamp)
        if message is not None:
            body, received_at = _encode(message.body), message.received_at
        else:
            values = {item.name: item.value for item in items.values()}
            body, received_at = _encode({"messageId": stamp.message_id, "traits": values}), now
        found.append(
            Rejected(
                code=CODE,
                detail=_detail(list(items.values())),
                body=body,
                source=stamp.source,
                received_at=received_at,
                message_id=stamp.message_id,
                type=message.type if message is not None else None,
            )
        )
    return found


def told_objects(refused: list[Refused]) -> list[Rejected]:
    """One row a message that was taken without its object."""
    return [
        Rejected(
            code=OBJECT_CODE,
            detail=f"the message was taken without its object: {reason}",
            body=_encode(message.body),
            source=message.source,
            received_at=message.received_at,
            message_id=message.message_id,
            type=message.type,
            name=message.name,
        )
        for message, reason in refused
    ]


def _detail(items: list[Dropped]) -> str:
    """``the message was taken without: a, b (why); c (why)``."""
    by_reason: dict[str, list[str]] = {}
    for item in items[:_TOLD]:
        by_reason.setdefault(item.reason, []).append(item.name[:100] or '""')
    parts = [f"{', '.join(names)} ({reason})" for reason, names in by_reason.items()]
    more = f"; and {len(items) - _TOLD:,} more" if len(items) > _TOLD else ""
    return f"the message was taken without these traits: {'; '.join(parts)}{more}"
