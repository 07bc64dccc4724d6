"""One request in the log."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
import zstandard

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list).decode

#: Bodies from here on are compressed; smaller ones gain too little.
COMPRESS_FROM = 4096
_ZSTD = b"\x28\xb5\x2f\xfd"


#: The kind of a record that we wrote ourselves; `checked_body` makes its body.
CHECKED = "checked"
_checked = msgspec.json.Decoder(list[tuple[msgspec.Raw, msgspec.Raw]]).decode


def new_part(kind: str) -> str:
    """A name for a part of the log that no other part ever has; older ones sort first."""
    return f"{kind}-{int(time.time() * 1000):011x}-{secrets.token_hex(4)}"


#: ``kind meta body`` of a record that was taken and then forgotten: an empty batch.
FORGOTTEN = ("batch", b"[null,null,null,null,true]", b'{"batch":[]}')


class Record(NamedTuple):
    """A request as it came: ``body`` raw, ``received_at`` in milliseconds.

    ``kind`` is the call that the path named, ``batch``, `CHECKED`, or ``refused`` for
    what was answered with an error; ``code`` and ``detail`` then say why. ``live`` is
    False for imports. ``source`` 0 means unknown.
    """

    received_at: int
    source: int
    kind: str
    body: bytes
    ip: str | None = None
    user_agent: str | None = None
    code: str | None = None
    detail: str | None = None
    live: bool = True


class Taken(NamedTuple):
    """A record with its place: ``part`` of the log and position in it."""

    part: str
    pos: int
    record: Record

    @property
    def ref(self) -> str:
        """A name of this place that no other record ever has."""
        return f"hw-{self.part}-{self.pos:x}-{self.record.received_at:x}"

    @property
    def weight(self) -> int:
        """About how many messages the record holds."""
        return max(1, len(self.record.body) // 1024)


def checked_body(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The body of a `CHECKED` record: messages, each with what enrichers added (or ``null``)."""
    return b"[" + b",".join(b"[" + raw + b"," + added + b"]" for raw, added in items) + b"]"


def checked_items(body: bytes) -> list[tuple[bytes, bytes]]:
    """What `checked_body` put together."""
    return [(bytes(raw), bytes(added)) for raw, added in _checked(body)]


def take(part: str, rows: Iterable[Any], limit: int) -> list[Taken]:
    """The records of ``rows``, as many as hold about ``limit`` messages."""
    taken: list[Taken] = []
    weight = 0
    for row in rows:
        item = from_row(part, row)
        taken.append(item)
        weight += item.weight
        if weight >= limit:
            break
    return taken


def to_row(record: Record) -> tuple[Any, ...]:
    """The columns of a record: received_at, source, kind, meta, body."""
    body = record.body
    if len(body) >= COMPRESS_FROM:
        # A compressor must not be shared by threads; making one costs 2 µs.
        body = zstandard.ZstdCompressor(level=1).compress(body)
    meta = _encode(record[4:])
    return (record.received_at, record.source, record.kind, meta, body)


def from_row(part: str, row: Any) -> Taken:
    """The record of a row ``(pos, received_at, source, kind, meta, body)``."""
    pos, received_at, source, kind, meta, body = row
    body = bytes(body)
    if body[:4] == _ZSTD:
        body = zstandard.ZstdDecompressor().decompress(body)
    return Taken(part, pos, Record(received_at, source, kind, body, *_decode(bytes(meta))))
