"""The lines of a text file of unknown encoding, in constant memory."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from cdp.transfer.errors import TransferError

#: A line that is longer than this is passed over and refused, in bytes.
MAX_LINE = 1 << 20
_SAMPLE = 1 << 20

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Line(NamedTuple):
    """A line with its number from 1, without its end; ``text`` None says that it is too long.

    ``bad`` is the place of the first byte that the encoding does not know, from 1.
    """

    number: int
    text: str | None
    bad: int | None = None


class TextLines:
    """A text file: its encoding, found or told, its first part, and its lines.

    Without a byte order mark it is UTF-8, unless it can't be and nothing in its
    beginning looks like it: then Windows-1252, as older spreadsheets write.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        with path.open("rb") as file:
            sample = file.read(_SAMPLE)
        self._skip = 0
        marked = None
        for bom, name in _BOMS:
            if sample.startswith(bom):
                marked = name
                self._skip = len(bom) if name == "utf-8" else 0
                break
        self.encoding = _known(encoding or marked or _guess(sample))
        self.sample = sample[self._skip :].decode(self.encoding, "replace")
        # Where a line does not end with the byte of "\n", Python's own reader cuts them.
        self._wide = self.encoding.startswith(("utf-16", "utf-32")) or (
            "\r" in self.sample and "\n" not in self.sample
        )
        #: Bytes read so far.
        self.read = 0

    def __iter__(self) -> Iterator[Line]:
        with self.path.open("rb") as file:
            file.seek(self._skip)
            self.read = self._skip
            source = _as_utf8(file, self.encoding) if self._wide else _raw(file)
            encoding = "utf-8" if self._wide else self.encoding
            for number, (size, raw) in enumerate(source, 1):
                self.read += size
                if raw is None:
                    yield Line(number, None)
                    continue
                try:
                    yield Line(number, raw.decode(encoding))
                except UnicodeDecodeError as error:
                    yield Line(number, raw.decode(encoding, "replace"), error.start + 1)


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise TransferError(f"{encoding!r} is no encoding that Python knows") from None


def _guess(sample: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) < _SAMPLE)
    except UnicodeDecodeError:
        # Some letters that are good UTF-8: the file is, but for a broken line.
        good = sum(1 for c in sample.decode("utf-8", "ignore") if ord(c) > 127)
        bad = sample.decode("utf-8", "replace").count("\ufffd")
        return "utf-8" if good > bad else "cp1252"
    return "utf-8"


def _raw(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    while line := file.readline(MAX_LINE + 1):
        size, whole = len(line), True
        while not line.endswith(b"\n") and len(line) > MAX_LINE:
            whole = False
            line = file.readline(MAX_LINE + 1)
            size += len(line)
        yield size, line.rstrip(b"\r\n") if whole else None


def _as_utf8(file: BinaryIO, encoding: str) -> Iterator[tuple[int, bytes | None]]:
    text = io.TextIOWrapper(file, encoding, errors="replace", newline=None)
    before = 0
    while line := text.readline(MAX_LINE + 1):
        whole = True
        while not line.endswith("\n") and len(line) > MAX_LINE:
            whole = False
            line = text.readline(MAX_LINE + 1)
        at = file.tell()
        size, before = at - before, at
        yield size, line.rstrip("\n").encode("utf-8", "replace") if whole else None
    text.detach()
