"""Rows as JSON lines, CSV or Parquet, a piece at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from cdp.transfer.errors import TransferError
from cdp.transfer.lines import Row, encode

CONTENT_TYPES = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
FORMATS = tuple(CONTENT_TYPES)
_ROWS = 2000
#: What a spreadsheet would take for a formula; see `cell`.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

#: Columns of a row that are not opened up, by what is exported.
_FIXED = {
    "people": ("id", "created_at", "name"),
    "accounts": ("id", "created_at", "name"),
    "objects": ("type", "id", "created_at", "name"),
    "identifiers": (
        "collection", "type", "value", "profile", "first_seen", "source", "message_id",
    ),
    "events": ("type", "name", "source", "timestamp", "person", "account", "message", "added"),
}  # fmt: skip
#: Those whose rows have identifiers and traits, and what they are related to.
_PROFILES = ("people", "accounts", "objects")
_RELATED = {"people": "accounts", "objects": "people"}


def pieces(what: str, format_: str, rows: Callable[[], Iterator[Row]]) -> Iterator[bytes]:
    """The rows of ``what`` in a format; ``rows`` may be called twice (CSV's columns)."""
    if format_ == "jsonl":
        return _json_lines(rows())
    if format_ == "csv":
        return _csv(what, rows)
    if format_ == "parquet":
        return _parquet(what, rows())
    raise TransferError(f"{format_!r} is no format; there are {', '.join(FORMATS)}")


def _json_lines(rows: Iterator[Row]) -> Iterator[bytes]:
    while some := list(islice(rows, _ROWS)):
        yield b"".join(encode(row) + b"\n" for row in some)


def cell(value: Any) -> Any:
    """A value as a cell: text as it is, all else as JSON.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, which
    the import of people takes away again.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA) else value
    return encode(value).decode()


def _csv(what: str, rows: Callable[[], Iterator[Row]]) -> Iterator[bytes]:
    fixed = _FIXED[what]
    kinds: set[str] = set()
    traits: set[str] = set()
    if what in _PROFILES:
        for row in rows():
            kinds.update(item["type"] for item in row["identifiers"])
            traits.update(row["traits"])
    ids, names = sorted(kinds), sorted(traits)
    tail = [_RELATED[what]] if what in _RELATED else []
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    shown = ["profile" if name == "id" else name for name in fixed]
    writer.writerow([*shown, *ids, *(f"traits.{name}" for name in names), *tail])
    source = rows()
    while True:
        some = list(islice(source, _ROWS))
        for row in some:
            cells = [row[name] for name in fixed]
            if ids or names or tail:
                cells += [_ids(row, kind) for kind in ids]
                cells += [row["traits"].get(name) for name in names]
                cells += [[a["id"] for a in row[name]] or None for name in tail]
            writer.writerow([cell(value) for value in cells])
        if text := buffer.getvalue():
            yield text.encode()
        buffer.seek(0)
        buffer.truncate()
        if len(some) < _ROWS:
            return


def _ids(row: Row, kind: str) -> Any:
    values = [item["value"] for item in row["identifiers"] if item["type"] == kind]
    return values[0] if len(values) == 1 else values or None


def load_pyarrow() -> Any:
    """pyarrow with its Parquet part; `TransferError` where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise TransferError("Parquet needs pyarrow: pip install 'headwater[parquet]'") from None
    return pyarrow


def _parquet(what: str, rows: Iterator[Row]) -> Iterator[bytes]:
    pa = load_pyarrow()
    text = pa.string()
    fields = [pa.field(name, text) for name in _FIXED[what]]
    if what in _PROFILES:
        one = pa.struct([(n, text) for n in ("type", "value", "first_seen", "source")])
        fields += [pa.field("identifiers", pa.list_(one))]
        fields += [pa.field(name, text) for name in ("traits", "traits_set")]
    if what in _RELATED:
        names = ("id", "first_seen", "last_seen", *(["relationship"] if what == "objects" else []))
        related = pa.struct([(n, text) for n in names])
        fields += [pa.field(_RELATED[what], pa.list_(related))]
    schema = pa.schema(fields)
    json = [n for n in ("traits", "traits_set", "message", "added") if n in schema.names]
    sink = _Sink()
    with pa.parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        while some := list(islice(rows, _ROWS * 5)):
            shown = [
                {**row, **{n: encode(row[n]).decode() for n in json if row[n] is not None}}
                for row in some
            ]
            if what == "objects":
                for row in shown:
                    row["people"] = [
                        {**one, "relationship": encode(one["relationship"]).decode()}
                        for one in row["people"]
                    ]
            writer.write_table(pa.Table.from_pylist(shown, schema=schema))
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """A file for a writer, emptied as it grows."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._at += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def taken(self) -> bytes:
        """What came since the last time."""
        data, self._parts = b"".join(self._parts), []
        return data
