"""From log records to messages: split, normalise, enrich. No transaction yet."""

from __future__ import annotations

from typing import Any, NamedTuple

from cdp.events import MalformedJSON, Message, Origin, Rejected, decode_json, normalise, split
from cdp.log.record import CHECKED, Taken, checked_items


class Prepared(NamedTuple):
    """What a run of records of one part of the log holds, in order.

    ``settled`` has, by the index of a message, what enrichers said of it earlier: they
    are not asked again.
    """

    part: str
    last_pos: int
    messages: list[Message]
    rejected: list[Rejected]
    settled: dict[int, dict[str, Any]]


def prepare(part: str, taken: list[Taken], truncate_ip: bool = False) -> Prepared:
    """Split and normalise some records; what can't be used is rejected with its reason."""
    messages: list[Message] = []
    rejected: list[Rejected] = []
    settled: dict[int, dict[str, Any]] = {}
    for item in taken:
        record = item.record
        if record.kind == CHECKED:
            origin = Origin(
                source=record.source,
                received_at=record.received_at,
                ref=item.ref,
                live=record.live,
                truncate_ip=truncate_ip,
                checked=True,
            )
            for index, (raw, added) in enumerate(checked_items(record.body)):
                result = normalise(raw, origin, index)
                if isinstance(result, Message):
                    settled[len(messages)] = decode_json(added) or {}
                    messages.append(result)
                else:
                    rejected.append(result)
            continue
        if record.kind == "refused":
            rejected.append(
                Rejected(
                    code=record.code or "refused",
                    detail=record.detail or "",
                    body=record.body,
                    source=record.source or None,
                    received_at=record.received_at,
                )
            )
            continue
        try:
            pieces = split(record.kind, record.body)
        except MalformedJSON as error:
            rejected.append(
                Rejected(
                    code="invalid_json",
                    detail=str(error),
                    body=record.body[: 64 * 1024],
                    source=record.source,
                    received_at=record.received_at,
                )
            )
            continue
        origin = Origin(
            source=record.source,
            received_at=record.received_at,
            ref=item.ref,
            sent_at=pieces.sent_at,
            ip=record.ip,
            user_agent=record.user_agent,
            live=record.live,
            truncate_ip=truncate_ip,
        )
        for index, raw in enumerate(pieces.items):
            result = normalise(raw, origin, index, pieces.kind, pieces.shared)
            if isinstance(result, Message):
                messages.append(result)
            else:
                rejected.append(result)
    return Prepared(part, taken[-1].pos, messages, rejected, settled)
