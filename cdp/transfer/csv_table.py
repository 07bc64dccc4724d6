"""Reading CSV as it is met: any delimiter and encoding, broken lines among good ones."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from cdp.transfer.errors import TransferError
from cdp.transfer.tables import Bad, TableRow
from cdp.transfer.text_lines import MAX_LINE, Line, TextLines

#: What may stand between cells, the likeliest first.
DELIMITERS = (",", ";", "\t", "|")
#: More text than this is no row but a quote that was never closed; in characters.
MAX_RECORD = 256 * 1024

_WHY = {
    "unexpected end of data": "a quote is opened and not closed",
    "expected after": "a quote inside of a quoted cell must be doubled",
    "field larger": "a cell is too large",
}


class _Unclosed(Exception):
    pass


class CsvTable:
    """A CSV file with a header; see `cdp.transfer.tables.Table`."""

    format = "csv"

    def __init__(
        self, path: Path, encoding: str | None = None, delimiter: str | None = None
    ) -> None:
        csv.field_size_limit(4 * MAX_LINE)
        self._lines = TextLines(path, encoding)
        self.encoding = self._lines.encoding
        self.delimiter = delimiter or find_delimiter(self._lines.sample)
        if len(self.delimiter) != 1 or self.delimiter in '\r\n"':
            raise TransferError(f"{self.delimiter!r} can't stand between cells")
        header = next(self._records(), None)
        if header is None:
            raise TransferError("the file is empty: its first line must name the columns")
        if isinstance(header, Bad):
            raise TransferError(f"the header, line {header.line}: {header.reason}")
        self._names = [name.strip() for name in header[1]]
        seen: set[str] = set()
        for place, name in enumerate(self._names, 1):
            if name and name in seen:
                first = self._names.index(name) + 1
                raise TransferError(f"column {name!r} comes twice, as number {first} and {place}")
            seen.add(name)
        self.columns = [name for name in self._names if name]
        if not self.columns:
            raise TransferError("the first line must name the columns")

    @property
    def read(self) -> int:
        """Bytes read so far."""
        return self._lines.read

    def rows(self) -> Iterator[TableRow | Bad]:
        """The rows behind the header."""
        found = self._records()
        next(found)
        width = len(self._names)
        for record in found:
            if isinstance(record, Bad):
                yield record
                continue
            line, cells = record
            if not any(cells):
                continue
            if len(cells) != width:
                yield Bad(line, None, f"it has {len(cells)} cells, the header has {width}")
                continue
            pairs = zip(self._names, cells, strict=True)
            yield TableRow(line, {name: _plain(cell) for name, cell in pairs if name})

    def _records(self) -> Iterator[tuple[int, list[str]] | Bad]:
        source = iter(self._lines)
        waiting: deque[Line] = deque()

        def take() -> Line | None:
            return waiting.popleft() if waiting else next(source, None)

        while (first := take()) is not None:
            if first.text is None:
                yield Bad(first.number, None, f"it has more than {MAX_LINE:,} bytes")
                continue
            if not first.text.strip():
                continue
            held = [first]

            def feed(held: list[Line] = held) -> Iterator[str]:
                size = len(held[0].text or "")
                yield (held[0].text or "") + "\n"
                while size <= MAX_RECORD:
                    line = take()
                    if line is None:
                        return
                    held.append(line)
                    size += len(line.text or "") + 1
                    yield (line.text or "") + "\n"
                raise _Unclosed

            try:
                cells = next(csv.reader(feed(), delimiter=self.delimiter, strict=True))
            except (csv.Error, _Unclosed) as error:
                # Only the line in which it began is lost.
                waiting.extendleft(reversed(held[1:]))
                yield Bad(first.number, None, _reason(error, len(held) > 1))
                continue
            bad = next((line for line in held if line.bad is not None), None)
            if bad is not None:
                where = f"byte {bad.bad} of line {bad.number} is no {self.encoding}"
                yield Bad(first.number, None, f"{where}; another --encoding may fit")
            else:
                yield first.number, cells


def _reason(error: Exception, over_lines: bool) -> str:
    text = str(error)
    if isinstance(error, _Unclosed) or (over_lines and "expected after" in text):
        return _WHY["unexpected end of data"]
    return next((why for part, why in _WHY.items() if part in text), text)


def _plain(cell: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from taking text for a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def find_delimiter(sample: str) -> str:
    """What stands between the cells of the first line, outside of quotes."""
    line = next((text for text in sample.splitlines() if text.strip()), "")
    outside = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=lambda one: (outside.count(one), -DELIMITERS.index(one)))
