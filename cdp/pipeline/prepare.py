"""From log records to messages: split, normalise, name, pack. No transaction yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from cdp.events import MalformedJSON, Message, Origin, Rejected, decode_json, normalise, split
from cdp.identity import Identifier, Rules, canonical, extract, identifier_hash, node_key
from cdp.identity.identifiers import Found
from cdp.log.record import CHECKED, Taken, checked_items
from cdp.profiles.consent import said
from cdp.store.events import history
from cdp.store.tables import USERS

_encode = msgspec.json.Encoder().encode


class Spelled(NamedTuple):
    """Identifiers as the store keeps and finds them: JSON, the key of their node, the hash
    of each."""

    text: str
    key: int
    hashes: tuple[int, ...]


class Named(NamedTuple):
    """Whom a message names, and what it says of their consent (`cdp.profiles.consent.said`)."""

    found: Found
    preferences: dict[str, bool] | None
    spelled: Spelled | None = None


class Prepared(NamedTuple):
    """What a run of records of one part of the log holds, in order.

    ``settled`` has, by the index of a message, what enrichers said of it earlier: they
    are not asked again. What can be known of messages beforehand is there or None: their
    dedupe ``hashes``; whom they name, ``named`` by some ``rules``; ``blocks`` of their
    bodies, as long as all of them are kept and nothing is added.
    """

    part: str
    last_pos: int
    messages: list[Message]
    rejected: list[Rejected]
    settled: dict[int, dict[str, Any]]
    hashes: list[int] | None = None
    named: list[Named] | None = None
    rules: Rules | None = None
    blocks: list[bytes] | None = None

    def only(self, places: Sequence[int]) -> Prepared:
        """The same with some of its messages."""
        return self._replace(
            messages=[self.messages[place] for place in places],
            hashes=[self.hashes[place] for place in places] if self.hashes else None,
            named=[self.named[place] for place in places] if self.named else None,
            blocks=None,
        )


def prepare(
    part: str, taken: list[Taken], truncate_ip: bool = False, rules: Rules | None = None
) -> Prepared:
    """Split and normalise some records; what can't be used is rejected with its reason.

    With ``rules`` all that can be known of messages beforehand is found, too.
    """
    batch = _prepare(part, taken, truncate_ip)
    if rules is None:
        return batch
    messages = batch.messages
    spelling: dict[tuple[Identifier, ...], Spelled] = {}
    named: list[Named] = []
    for message in messages:
        found, preferences, _ = name(message, rules)
        ids = found.person
        spelled = spelling.get(ids)
        if spelled is None:
            spelled = spelling[ids] = spell(USERS, ids)
        named.append(Named(found, preferences, spelled))
    return batch._replace(
        hashes=[message.dedupe_hash for message in messages],
        named=named,
        rules=rules,
        blocks=None if batch.settled else _packed(messages),
    )


def ids_text(ids: tuple[Identifier, ...]) -> str:
    """Identifiers as the store keeps them: JSON ``[[type, value], …]``."""
    return _encode(ids).decode()


def spell(collection: int, ids: tuple[Identifier, ...]) -> Spelled:
    """How the store writes some identifiers."""
    unchanging = canonical(ids)
    hashes = tuple([identifier_hash(collection, identifier) for identifier in ids])
    return Spelled(ids_text(unchanging), node_key(collection, unchanging), hashes)


def name(message: Message, rules: Rules) -> Named:
    """Whom a message names."""
    return Named(extract(message, rules), said(message.body))


def _packed(messages: list[Message]) -> list[bytes]:
    return history.pack_all([history.body_of(message, None) for message in messages])


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
