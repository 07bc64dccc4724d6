"""From log records to messages: split, normalise, name, pack. No transaction yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cdp.events import MalformedJSON, Message, Origin, Rejected, decode_json, normalise, split
from cdp.identity import Rules
from cdp.log.record import CHECKED, Taken, checked_items
from cdp.pipeline.beforehand import Beforehand, find
from cdp.pipeline.excerpt import Reads, excerpts
from cdp.pipeline.naming import Named, name_all


class Prepared(NamedTuple):
    """What a run of records of one part of the log holds, in order.

    ``settled`` has, by the index of a message, what enrichers said of it earlier: they
    are not asked again. What can be known of messages beforehand is there or None: their
    dedupe ``hashes``; whom they name, ``named`` by some ``rules``; what is ``known`` of
    them together, as long as all of them are kept and nothing is added; and what is read
    of each by definitions that read what ``reads`` says (`Message.excerpt`).
    """

    part: str
    last_pos: int
    messages: list[Message]
    rejected: list[Rejected]
    settled: dict[int, dict[str, Any]]
    hashes: list[int] | None = None
    named: list[Named] | None = None
    rules: Rules | None = None
    known: Beforehand | None = None
    reads: Reads | None = None

    def only(self, places: Sequence[int]) -> Prepared:
        """The same with some of its messages."""
        if len(places) == len(self.messages):
            return self
        return self._replace(
            messages=[self.messages[place] for place in places],
            hashes=[self.hashes[place] for place in places] if self.hashes else None,
            named=[self.named[place] for place in places] if self.named else None,
            known=None,
        )


def prepare(
    part: str,
    taken: list[Taken],
    truncate_ip: bool = False,
    rules: Rules | None = None,
    reads: Reads | None = None,
) -> Prepared:
    """Split and normalise some records; what can't be used is rejected with its reason.

    With ``rules`` all that can be known of messages beforehand is found, too.
    """
    batch = _prepare(part, taken, truncate_ip)
    if rules is None:
        return batch
    messages = batch.messages
    hashes = [message.dedupe_hash for message in messages]
    named = name_all(messages, rules)
    known = None if batch.settled else find(messages, named, hashes)
    if reads is not None:
        for message, excerpt in zip(messages, excerpts(messages, reads), strict=True):
            message.excerpt = excerpt
    return batch._replace(hashes=hashes, named=named, rules=rules, known=known, reads=reads)


def _prepare(part: str, taken: list[Taken], truncate_ip: bool) -> Prepared:
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
