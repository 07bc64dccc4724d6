"""Files of rows with named columns: CSV, JSON lines, Parquet."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cdp.events import MalformedJSON, decode_json, format_time
from cdp.transfer.errors import TransferError
from cdp.transfer.text_lines import MAX_LINE, TextLines
from cdp.transfer.writers import load_pyarrow

FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl",
           ".json": "jsonl", ".parquet": "parquet", ".pq": "parquet"}  # fmt: skip
#: Rows that are looked at to learn the columns of JSON lines, and to guess types.
SAMPLE = 1000


class TableRow(NamedTuple):
    """A row: its line (from 1, Parquet's rows too) and its cells by column."""

    line: int
    cells: dict[str, Any]


class Bad(NamedTuple):
    """A line that is no row."""

    line: int
    column: str | None
    reason: str


class Table(Protocol):
    """A file that can be read row by row; each call of ``rows`` begins anew."""

    format: str
    columns: list[str]

    @property
    def read(self) -> int:
        """Bytes read so far."""

    def rows(self) -> Iterator[TableRow | Bad]:
        """All rows, and what is none."""


def open_table(
    path: Path,
    format_: str | None = None,
    name: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Table:
    """Open a file; its format is told, or seen from its ``name``. `TransferError`."""
    from cdp.transfer.csv_table import CsvTable

    known = format_ or FORMATS.get(Path(name or path.name).suffix.lower())
    if known == "csv":
        return CsvTable(path, encoding, delimiter)
    if known == "jsonl":
        return JsonTable(path, encoding)
    if known == "parquet":
        return ParquetTable(path)
    raise TransferError(
        "its name does not tell what it is: say csv, jsonl or parquet as its format"
    )


class JsonTable:
    """JSON lines, one object each; a nested value is reached as ``address.city``."""

    format = "jsonl"

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._lines = TextLines(path, encoding)
        seen: dict[str, None] = {}
        for row in islice(self.rows(), SAMPLE):
            if isinstance(row, TableRow):
                seen.update(dict.fromkeys(row.cells))
        self.columns = list(seen)
        if not self.columns:
            raise TransferError("there is no JSON object in its first lines")

    @property
    def read(self) -> int:
        """Bytes read so far."""
        return self._lines.read

    def rows(self) -> Iterator[TableRow | Bad]:
        """A row for each object."""
        for line in self._lines:
            if line.text is None:
                yield Bad(line.number, None, f"it has more than {MAX_LINE:,} bytes")
                continue
            if line.bad is not None:
                reason = f"byte {line.bad} is no {self._lines.encoding}"
                yield Bad(line.number, None, f"{reason}; another --encoding may fit")
                continue
            if not line.text.strip():
                continue
            try:
                value = decode_json(line.text.encode())
            except MalformedJSON as error:
                yield Bad(line.number, None, str(error))
                continue
            if isinstance(value, dict):
                yield TableRow(line.number, value)
            else:
                yield Bad(line.number, None, "it is no JSON object")


class ParquetTable:
    """A Parquet file, batch by batch."""

    format = "parquet"

    def __init__(self, path: Path) -> None:
        pa = load_pyarrow()
        try:
            self._file = pa.parquet.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            raise TransferError(f"it is no Parquet: {str(error).splitlines()[0]}") from None
        self.columns = list(self._file.schema_arrow.names)
        if len(set(self.columns)) < len(self.columns):
            raise TransferError("a column comes twice")
        self._size = path.stat().st_size
        self.read = 0

    def rows(self) -> Iterator[TableRow | Bad]:
        """A row for each of the file's, counted from 1."""
        number, total = 0, max(1, self._file.metadata.num_rows)
        for batch in self._file.iter_batches(batch_size=SAMPLE):
            for cells in batch.to_pylist():
                number += 1
                try:
                    yield TableRow(number, {name: as_json(v) for name, v in cells.items()})
                except ValueError as error:
                    yield Bad(number, None, str(error))
            self.read = self._size * number // total


def as_json(value: Any) -> Any:
    """A Parquet value as JSON has it; exact numbers that JSON can't keep become text."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return format_time(round(moment.timestamp() * 1000))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else f"{value.normalize():f}"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
