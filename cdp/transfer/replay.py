"""The messages themselves as JSON lines, and taking them again exactly.

A line has the normalised message with all its times, the source's key, whether it was
live, and what enrichers added. The first line names the sources with their numbers
(ties between messages of one instant are broken by them) and the cuts that hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection

from cdp.events import MalformedJSON, decode_json, parse_time
from cdp.events.decode import decode_mending
from cdp.log import Record
from cdp.log.record import CHECKED, checked_body
from cdp.store import Store, config_rows, meta
from cdp.store.profiles import exports, imports
from cdp.store.profiles import identity as identity_rows
from cdp.store.tables import HISTORICAL, SECONDARY
from cdp.transfer.errors import TransferError
from cdp.transfer.lines import Row, Span, source_keys, source_name

MARK = "headwater"
_VERSION = 1
_CHUNK = 500


class _Line(msgspec.Struct):
    source: str
    live: bool
    message: dict[str, Any]
    added: Any = None


class _Head(msgspec.Struct):
    headwater: str
    version: int
    sources: list[dict[str, Any]]
    cuts: list[dict[str, Any]]


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_head = msgspec.json.Decoder(_Head).decode


def messages(tx: Connection, span: Span = Span()) -> Iterator[Row]:  # noqa: B008
    """The head, then every message in the order of the history."""
    yield {
        MARK: "messages",
        "version": _VERSION,
        "sources": [
            {"id": s.id, "key": s.key, "name": s.name, "import": s.settings.get(imports.MARK)}
            for s in config_rows.all_sources(tx)
        ],
        "cuts": [
            {
                "collection": row.cut.collection,
                "left": sorted(row.cut.left),
                "right": sorted(row.cut.right),
                "author": row.author,
                "at": row.at,
                "note": row.note,
            }
            for row in identity_rows.all_cuts(tx)
            if row.undone_at is None
        ],
    }
    keys = source_keys(tx)
    for block in exports.blocks(tx):
        for row in block.rows:
            if row.flags & SECONDARY or not span.holds(row.t):
                continue
            body = block.bodies[row.seq]
            yield {
                "source": source_name(keys, row.source),
                "live": not row.flags & HISTORICAL,
                # As they are kept: to be taken again exactly, the order of keys too.
                "message": msgspec.Raw(body.raw),
                "added": msgspec.Raw(body.added),
            }


def is_head(line: bytes) -> bool:
    """Whether a file that begins with ``line`` is one of `messages`."""
    try:
        return decode_mending(_decode_head, line).headwater == "messages"
    except (MalformedJSON, msgspec.ValidationError):
        return False


class Replay:
    """Takes a file of `messages` again; the lines behind the head go to ``records``.

    Sources that are missing are made, without write key of old: under their number
    where that is free. ``live`` False makes history of everything, which starts and
    sends nothing.
    """

    def __init__(self, store: Store, head: bytes, now: int, author: str, live: bool) -> None:
        found = decode_mending(_decode_head, head)
        if found.version != _VERSION:
            raise TransferError(f"the file is of version {found.version}, this is {_VERSION}")
        self._live = live
        self._now = now
        with store.write() as tx:
            self._sources = _sources(tx, found.sources, now, author)
            if found.cuts and meta.next_number(tx, "seq") > 1:
                self.skipped_cuts = len(found.cuts)
            else:
                self.skipped_cuts = 0
                for cut in found.cuts:
                    _add_cut(tx, cut)
            self._removed = _removed_numbers(tx)
        #: Lines that could not be read: (number, reason).
        self.refused: list[tuple[int, str]] = []
        self.lines = 0

    def records(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """What goes into the log; ``lines`` are those behind the head."""
        chunk: list[tuple[bytes, bytes]] = []
        about: tuple[int, bool] | None = None
        for number, text in enumerate(lines, 2):
            if not text.strip():
                continue
            self.lines += 1
            try:
                source, live, pair = self._read(text)
            except (MalformedJSON, msgspec.ValidationError) as error:
                self.refused.append((number, str(error)))
                continue
            if chunk and (about != (source, live) or len(chunk) >= _CHUNK):
                yield self._record(about, chunk)
                chunk = []
            about = (source, live)
            chunk.append(pair)
        if chunk:
            yield self._record(about, chunk)

    def _record(self, about: tuple[int, bool] | None, chunk: list[tuple[bytes, bytes]]) -> Record:
        assert about is not None
        return Record(self._now, about[0], CHECKED, checked_body(chunk), live=about[1])

    def _read(self, text: bytes) -> tuple[int, bool, tuple[bytes, bytes]]:
        line = decode_mending(_decode_line, text)
        decode_json(text)  # nothing in it that can't be kept
        for name in ("timestamp", "receivedAt"):
            if parse_time(line.message.get(name)) is None:
                raise MalformedJSON(f"message.{name} is no time")
        if not isinstance(line.message.get("messageId"), str):
            raise MalformedJSON("message.messageId is missing")
        source = self._sources.get(line.source) or self._number(line.source)
        if line.added is not None and not isinstance(line.added, dict):
            raise MalformedJSON("added must be an object or null")
        pair = (encode_as_is(line.message), encode_as_is(line.added))
        return source, line.live and self._live, pair

    def _number(self, name: str) -> int:
        """A source that had been removed already is its number."""
        if name[:1] == "#" and name[1:].isdigit() and self._removed(int(name[1:])):
            return int(name[1:])
        raise MalformedJSON(f"the head names no source {name!r:.80}")


encode_as_is: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def _sources(tx: Connection, wanted: list[dict[str, Any]], now: int, author: str) -> dict[str, int]:
    known = {source.key: source.id for source in config_rows.all_sources(tx)}
    for item in wanted:
        try:
            number, key, name = int(item["id"]), str(item["key"]), str(item["name"])
            settings = {imports.MARK: item["import"]} if item.get("import") else {}
        except (KeyError, TypeError, ValueError):
            raise TransferError("the head names a source without id, key or name") from None
        if key not in known:
            known[key] = imports.make_source(tx, now, key, name, settings, author, number)
    return known


def _removed_numbers(tx: Connection) -> Callable[[int], bool]:
    taken = {source.id for source in config_rows.all_sources(tx)}
    return lambda number: 0 < number < 2**31 and number not in taken


def _add_cut(tx: Connection, cut: dict[str, Any]) -> None:
    sides = [frozenset((str(t), str(v)) for t, v in cut[name]) for name in ("left", "right")]
    identity_rows.add_cut(
        tx, cut["at"], cut["collection"], sides[0], sides[1], cut["author"], cut["note"]
    )


__all__ = ["MARK", "Replay", "is_head", "messages"]
